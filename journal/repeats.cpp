#include "journal/repeats.h"

#include "journal/convergers.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace converge::journal {
namespace {

struct CorrectingPass {
  std::int64_t id = 0;
  std::int64_t last_seq = 0;
  std::int64_t inconsistencies = 0;
};

/// The newest first. A pass that a limit stopped has counted inconsistencies, but changed nothing.
std::vector<CorrectingPass> newest_passes(SQLite::Database& database,
                                          const std::string& definitions, int passes) {
  SQLite::Statement row(
      database, fmt::format("select pass, seq, count from entry indexed by entry_rare"
                            " where kind > 4 and kind = 6 and definition in ({}) and count > 0"
                            " and case when json_valid(detail) then detail ->> '$.changes' > 0"
                            " and detail ->> '$.narrowed' is not 1 end"
                            " order by seq desc limit {}",
                            definitions, passes));
  std::vector<CorrectingPass> all;
  while (row.executeStep()) {
    all.push_back({.id = row.getColumn(0).getInt64(),
                   .last_seq = row.getColumn(1).getInt64(),
                   .inconsistencies = row.getColumn(2).getInt64()});
  }
  return all;
}

// What was rolled back was not corrected; a pass may have tried it again.
constexpr const char* kSubjectsInEach =
    "select distinct e.subject from entry e not indexed"
    " where e.seq between ?1 and ?2 and e.pass = ?1 and e.kind = 2 and ?3 <="
    " (select count(distinct o.pass) from entry o where o.subject = e.subject and o.seq >= ?4"
    "  and o.kind = 2 and o.pass in ({}) and not exists"
    "  (select 1 from entry s where s.kind = 4 and s.txn = o.txn and s.outcome in (3, 4)))"
    " order by e.seq";

}  // namespace

std::vector<std::string> corrected_in_each(SQLite::Database& database, const std::string& converger,
                                           int passes) {
  const auto definitions = definition_list(database, {converger});
  if (definitions.empty() || passes <= 0) return {};
  const auto all = newest_passes(database, definitions, passes);
  if (all.size() < static_cast<std::size_t>(passes)) return {};
  const auto least = std::min_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.inconsistencies < b.inconsistencies;
  });
  std::vector<std::int64_t> ids;
  std::transform(all.begin(), all.end(), std::back_inserter(ids),
                 [](const CorrectingPass& pass) { return pass.id; });
  SQLite::Statement row(database, fmt::format(kSubjectsInEach, fmt::join(ids, ", ")));
  row.bind(1, least->id);
  row.bind(2, least->last_seq);
  row.bind(3, passes);
  row.bind(4, all.back().id);
  std::vector<std::string> subjects;
  while (row.executeStep()) subjects.push_back(row.getColumn(0).getString());
  return subjects;
}

int count_corrections(SQLite::Statement& select, const std::string& converger,
                      const std::string& subject, std::int64_t since_us, int enough) {
  select.bind(1, subject);
  select.bind(2, converger);
  select.bind(3, enough);
  int times = 0;
  while (select.executeStep() && select.getColumn(0).getInt64() >= since_us) ++times;
  select.reset();  // Until then it keeps its view of the file.
  return times;
}

std::vector<std::string> corrected_beside(SQLite::Database& database, const std::string& converger,
                                          const std::string& subject, const std::string& label,
                                          int passes) {
  const auto definitions = definition_list(database, {converger});
  if (definitions.empty()) return {};
  const auto all = newest_passes(database, definitions, passes);
  if (all.empty()) return {};
  SQLite::Statement row(database,
                        "select distinct d.name from entry e join definition d"
                        " on d.id = e.definition where e.seq >= ?1 and e.kind = 2 and d.name <> ?2"
                        " and (e.subject = ?3 or e.label = nullif(?4, '')) order by 1");
  row.bind(1, all.back().id);
  row.bind(2, converger);
  row.bind(3, subject);
  row.bind(4, label);
  std::vector<std::string> names;
  while (row.executeStep()) names.push_back(row.getColumn(0).getString());
  return names;
}

}  // namespace converge::journal
