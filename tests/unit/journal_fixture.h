#pragma once

#include "journal/journal.h"
#include "journal/reader.h"
#include "src/base/error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_dir.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace converge::tests {

/// A definition and its text, as a converger would register it.
extern const std::string kJournalText;
journal::DefinitionId journal_definition();

/// A journal file in a directory of its own, which does not exist yet.
struct JournalFixture {
  TempDir directory;
  std::filesystem::path file = directory / "state" / "journal.db";
  std::vector<std::string> notices;

  journal::Journal open(const std::string& actor = "daemon");
  journal::Verification verify() const;
  std::vector<journal::StoredEntry> entries(const journal::Filter& filter = {
                                                .newest = 1'000'000}) const;
};

/// Appends a transaction with inconsistencies of subjects `PREFIX-0`, `PREFIX-1`, ..., registering
/// the definition before; returns the seq of its `txn` entry.
std::int64_t append_txn(journal::Journal& journal, journal::PassId& pass, int inconsistencies,
                        const std::string& prefix = "s", std::size_t detail_bytes = 0);

/// What somebody with the sqlite3 shell could do to the file; the triggers go first.
void tamper(const std::filesystem::path& file, const std::string& sql);
/// As it says, with the triggers in place. Throws `std::runtime_error` with SQLite's message.
void run_sql(const std::filesystem::path& file, const std::string& sql);
/// The first column of the first row, as text.
std::string ask_sql(const std::filesystem::path& file, const std::string& sql);

/// The `Error` that `body` throws. Throws `std::logic_error` when there is none.
Error error_of(const std::function<void()>& body);

/// Runs `body` in a child process, as an ordinary user who owns `owned` and all below when this
/// process is root, and tells whether it returned true.
bool in_child(const std::filesystem::path& owned, const std::function<bool()>& body);

}  // namespace converge::tests
