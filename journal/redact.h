#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace converge::journal {

struct Redaction {
  std::int64_t entries = 0;  ///< Whose details were erased now.
  std::int64_t seq = 0;      ///< Of the `redact` entry; 0: there was nothing left to erase.
  bool gone = false;         ///< From the WAL as well; false: readers were in the way, see below.
};

/// Erases the details of a subject's entries, all of them or those of one converger, and appends
/// the `redact` entry that says so, in one durable transaction. `detail_sha` stays, so the chain
/// still verifies; key and label are under the chain and stay as well.
///
/// Then the WAL is moved into the file and cut, so that the bytes are in no file any more: not in
/// what is used, not in free pages, not in the WAL. Readers may be in the way of that; `gone` is
/// false when they were for all of `patience`, and the same call again tries again. Copies
/// elsewhere (backups, archives) are not touched.
///
/// Throws `Error{usage}` for a subject that the journal does not have, or that a transaction
/// without an outcome is about. Killed at any instant, nothing or everything is erased, but the
/// WAL may need the same call again.
Redaction redact(const std::filesystem::path& file, const std::string& actor,
                 const std::string& subject, const std::optional<std::string>& converger,
                 const std::string& reason, std::chrono::milliseconds patience);

}  // namespace converge::journal
