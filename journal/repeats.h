#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace converge::journal {

/// The subjects that were corrected in each of the newest `passes` passes of a converger that
/// looked at all subjects and corrected anything. None when there are not so many such passes in
/// the journal.
///
/// Reads the pass that corrected least, and looks its subjects up in the others. Throws
/// `SQLite::Exception`.
std::vector<std::string> corrected_in_each(SQLite::Database& database, const std::string& converger,
                                           int passes);

inline constexpr const char* kSelectCorrections =
    "select e.time_us from entry e where e.subject = ?1 and e.kind = 2"
    // Not by their index: the entries of a definition are many, those of a subject are few.
    " and +e.definition in (select id from definition where name = ?2) and not exists"
    " (select 1 from entry s where s.kind = 4 and s.txn = e.txn and s.outcome in (3, 4))"
    " order by e.seq desc limit ?3";
/// How often a subject was corrected since a time, as far as `enough`, by `kSelectCorrections`.
/// Reads its newest entries.
int count_corrections(SQLite::Statement& select, const std::string& converger,
                      const std::string& subject, std::int64_t since_us, int enough);

/// The other convergers that corrected a subject of that key, or of that label, since the oldest of
/// these passes began.
std::vector<std::string> corrected_beside(SQLite::Database& database, const std::string& converger,
                                          const std::string& subject, const std::string& label,
                                          int passes);

}  // namespace converge::journal
