#pragma once

#include "journal/entry.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace converge::journal {

/// What a pass has planned to do outside the database for one subject that it changed: kept from
/// before the transaction commits until the last step after it is done, so that it survives a kill.
struct Owed {
  std::string key;  ///< 32 hexadecimal digits; each attempt has `KEY-STEP`.
  std::string converger;
  std::string version;  ///< Of the definition that planned it.
  std::string subject;
  std::optional<std::string> label = {};
  std::string row;        ///< Of the subject, as the engine packed it; any bytes.
  std::int64_t step = 0;  ///< The outside step that it waits for, by index.
  bool done = false;      ///< That step has succeeded; what is to come are the SQL steps after it.
  std::int64_t txn = 0;   ///< The seq of the `txn` entry that planned it.
  std::int64_t pass = 0;
  std::int64_t number = 0;  ///< Among those of its transaction, in their order.
};

/// A part of what a converger owes.
struct OwedPage {
  std::size_t size;
  /// Those after this one, by its `txn` and `number`.
  std::int64_t after_txn = 0;
  std::int64_t after_number = 0;
};

/// The newest inconsistency for which a step with `for: found` was tried.
struct LastOutside {
  std::string converger;
  std::string title;
  std::string subject;
  std::string key;  ///< Of the attempt.
  std::int64_t tried_us = 0;
  std::int64_t done_us = 0;  ///< When it succeeded with this key; 0: it never did.
};

/// One try of a step outside the database, about to be made.
struct Attempt {
  std::string title;
  std::string subject;
  std::optional<std::string> label = {};
  std::string request = {};  ///< One line without secrets; empty: not told.
  std::string key = {};
};

/// What changes with the end of an attempt.
enum class AttemptState {
  nothing,
  owed_done,   ///< `Owed::done` of what is owed by the attempt's key.
  found_done,  ///< `LastOutside::done_us`, where its key is still the attempt's.
};

/// The end of an attempt, as it changes the state.
struct AttemptEnd {
  AttemptState state = AttemptState::nothing;
  std::string title = {};
  std::string key = {};
};

// The tables of this state, which is lost when the journal is: then what a committed transaction
// planned is not carried out, and a step for subjects that are found may be repeated too early,
// with another key. Like those of journal/state.h these functions neither lock nor begin a
// transaction, and throw `SQLite::Exception`; they are no part of a journal before schema 5.

inline constexpr const char* kInsertOwed =
    "insert into owed values (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9)";
/// Executes `kInsertOwed`.
void insert_owed(SQLite::Statement& insert, const Owed& owed);

/// What is known of the outcome of a transaction beside what is written.
using KnownOutcome = std::function<std::optional<Outcome>(std::int64_t txn)>;
/// Of one converger, oldest first, what transactions owe that are committed.
std::vector<Owed> read_owed(SQLite::Database& database, const std::string& converger,
                            const OwedPage& page, const KnownOutcome& known);
/// Those of `subjects` that `read_owed` would tell of.
std::vector<std::string> read_owed_among(SQLite::Database& database, const std::string& converger,
                                         const std::vector<std::string>& subjects,
                                         const KnownOutcome& known);
/// Whether this journal knows of steps outside the database, since schema 5.
bool has_owed(SQLite::Database& database);
/// SQL for how the transaction ended whose number `txn`, an expression, gives: null while it is
/// pending. One that was pruned and owes something still was committed, as one whose outcome nobody
/// knew would have kept it from being pruned.
std::string outcome_sql(const std::string& txn);
void update_owed(SQLite::Database& database, const std::vector<std::string>& keys,
                 std::int64_t step);
void delete_owed(SQLite::Database& database, const std::vector<std::string>& keys);

inline constexpr const char* kSelectOutside =
    "select key, tried_us, done_us from outside_last"
    " where converger = ?1 and subject = ?2 and title = ?3";
/// For each of `subjects`, by `kSelectOutside`.
std::vector<std::optional<LastOutside>> read_outside(SQLite::Statement& select,
                                                     const std::string& converger,
                                                     const std::string& title,
                                                     const std::vector<std::string>& subjects);
inline constexpr const char* kWriteOutside =
    "insert into outside_last values (?1, ?2, ?3, ?4, ?5, ?6) on conflict do update set"
    " key = excluded.key, tried_us = excluded.tried_us,"
    " done_us = iif(key = excluded.key, done_us, excluded.done_us)";
/// Executes `kWriteOutside`.
void write_outside(SQLite::Statement& write, const LastOutside& last);
/// Those that never succeeded. False when there is none.
bool has_outside_of(SQLite::Database& database, const std::string& converger,
                    const std::vector<std::string>& subjects);
void delete_outside_of(SQLite::Database& database, const std::string& converger,
                       const std::vector<std::string>& subjects);
bool has_outside_before(SQLite::Database& database, const std::string& converger,
                        const std::string& title, std::int64_t before_us, std::int64_t failed_us);
void delete_outside_before(SQLite::Database& database, const std::string& converger,
                           const std::string& title, std::int64_t before_us,
                           std::int64_t failed_us);

/// Notes the end of the attempt that `outcome` is the entry of. May be done again.
/// `prepared` gives the statement of a text.
void note_attempt_end(const std::function<SQLite::Statement&(const char*)>& prepared,
                      const Entry& outcome, const AttemptEnd& end, std::int64_t time_us);

/// Forgets what both tables tell of a subject: with it, that something is owed.
void redact_outside(SQLite::Database& database, const std::string& subject,
                    const std::optional<std::string>& converger);

}  // namespace converge::journal
