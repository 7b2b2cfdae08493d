#pragma once

#include "journal/journal.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace SQLite {
class Database;
}

namespace converge::journal {

/// The tables of the journal file that are not history. These functions neither lock nor begin a
/// transaction: their caller has. They throw `SQLite::Exception`.

/// A hold, and the definition that was held.
struct HeldDefinition {
  Hold hold;
  DefinitionId definition;
};

std::optional<HeldDefinition> read_hold(SQLite::Database& database, const std::string& converger);
std::vector<Hold> read_holds(SQLite::Database& database);
void write_hold(SQLite::Database& database, const HeldDefinition& held);
void delete_hold(SQLite::Database& database, const std::string& converger);

std::vector<LastPass> read_last_passes(SQLite::Database& database);
/// `LastPass::streak` of one converger.
std::int64_t read_streak(SQLite::Database& database, const std::string& converger);
/// Keeps an earlier time of correction when `last` tells none, and counts; see
/// `Journal::note_pass`.
void write_last_passes(SQLite::Database& database, const std::vector<LastPass>& passes);

/// See `Journal::settled`; `now_us` is the time to compare with.
std::vector<bool> note_settling(SQLite::Database& database, const std::string& converger,
                                const std::vector<std::string>& subjects, std::int64_t settle_us,
                                std::int64_t mark, std::int64_t now_us);
/// When the first of those that have not settled at `now_us` was found.
std::optional<std::int64_t> read_first_settling(SQLite::Database& database,
                                                const std::string& converger,
                                                std::int64_t settle_us, std::int64_t now_us);
bool has_unmarked_settling(SQLite::Database& database, const std::string& converger,
                           std::int64_t mark);
void delete_unmarked_settling(SQLite::Database& database, const std::string& converger,
                              std::int64_t mark);

/// All transactions without an outcome entry, oldest first.
std::vector<Unsettled> read_unsettled(SQLite::Database& database);

}  // namespace converge::journal
