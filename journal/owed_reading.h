#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace SQLite {
class Database;
}

namespace converge::journal {

/// What a converger owes outside the database, counted. A subject counts once for each transaction
/// that planned something for it. A time of 0: there is none.
struct OwedTotal {
  /// Subjects of transactions that are committed; or may be, as it is not settled yet.
  std::int64_t subjects = 0;
  std::int64_t since_us = 0;        ///< When the first of their transactions was to commit.
  std::int64_t ready = 0;           ///< Those of them that are not in quarantine ...
  std::int64_t ready_since_us = 0;  ///< ... and the time for these alone.
  std::int64_t committed = 0;       ///< Those whose transaction is known to be.

  std::int64_t unknown = 0;  ///< Subjects that wait for a person to settle a transaction.
  std::int64_t unknown_since_us = 0;
  std::int64_t unknown_txns = 0;
  std::int64_t unknown_txn = 0;  ///< The entry of the first of these transactions.

  /// When the newest of the converger's commits and attempts began that is not settled: of one that
  /// lies back a moment only, a process is most likely at it.
  std::int64_t begun_us = 0;
};

/// By converger, of those that owe something. Like the functions of journal/owed.h; takes some 20
/// ms for 100,000 subjects. None in a journal before schema 5.
std::map<std::string, OwedTotal> read_owed_totals(SQLite::Database& database);

/// What is owed to one subject outside the database.
struct SubjectOwed {
  std::int64_t steps = 0;         ///< As far as their transactions are committed.
  std::int64_t unknown_txns = 0;  ///< Transactions that a person has to settle first ...
  std::int64_t unknown_txn = 0;   ///< ... and the entry of the first; 0: there is none.
};
/// By the definitions (numbers in an SQL list). None in a journal before schema 5.
SubjectOwed read_subject_owed(SQLite::Database& database, const std::string& subject,
                              const std::string& definitions);

}  // namespace converge::journal
