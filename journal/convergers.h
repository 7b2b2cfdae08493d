#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace SQLite {
class Database;
}

namespace converge::journal {

/// Whether it is a glob pattern, as fnmatch(3), and not a name.
bool is_pattern(const std::string& name);

/// Numbers of the definitions whose converger one of the names or patterns means, with its name; of
/// all when there are none. Throws `SQLite::Exception`.
std::map<std::int64_t, std::string> definitions_of(SQLite::Database& database,
                                                   const std::vector<std::string>& wanted);

/// Those definitions' numbers, as they stand in an SQL list.
std::string definition_list(SQLite::Database& database, const std::vector<std::string>& wanted);

/// The convergers that have entries, in order. Throws `SQLite::Exception`.
std::vector<std::string> convergers_in(SQLite::Database& database);

/// Throws `Error{usage}`, with the nearest, for a name (a pattern may mean none) that is not known.
void require_known_convergers(const std::vector<std::string>& wanted,
                              const std::vector<std::string>& known);

}  // namespace converge::journal
