#include "journal/convergers.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fnmatch.h>

namespace converge::journal {

bool is_pattern(const std::string& name) { return name.find_first_of("*?[") != std::string::npos; }

std::map<std::int64_t, std::string> definitions_of(SQLite::Database& database,
                                                   const std::vector<std::string>& wanted) {
  std::map<std::int64_t, std::string> definitions;
  SQLite::Statement row(database, "select id, name from definition");
  while (row.executeStep()) {
    const auto name = row.getColumn(1).getString();
    const bool meant = std::any_of(wanted.begin(), wanted.end(), [&](const std::string& pattern) {
      return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    });
    if (wanted.empty() || meant) definitions.emplace(row.getColumn(0).getInt64(), name);
  }
  return definitions;
}

std::string definition_list(SQLite::Database& database, const std::vector<std::string>& wanted) {
  std::vector<std::int64_t> numbers;
  for (const auto& [number, name] : definitions_of(database, wanted)) numbers.push_back(number);
  return fmt::format("{}", fmt::join(numbers, ", "));
}

std::vector<std::string> convergers_in(SQLite::Database& database) {
  std::vector<std::string> names;
  SQLite::Statement row(database, "select distinct name from definition order by name");
  while (row.executeStep()) names.push_back(row.getColumn(0).getString());
  return names;
}

void require_known_convergers(const std::vector<std::string>& wanted,
                              const std::vector<std::string>& known) {
  for (const std::string& name : wanted) {
    if (is_pattern(name) || std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto near = nearest(name, known);
    throw Error(ErrorKind::usage, fmt::format("the journal knows no converger {}", printable(name)),
                near ? fmt::format("Did you mean {}?", printable(*near))
                     : printable(fmt::format("It knows {}.", fmt::join(known, ", "))));
  }
}

}  // namespace converge::journal
