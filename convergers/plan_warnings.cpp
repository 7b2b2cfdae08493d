#include "convergers/plan_warnings.h"

#include "convergers/index_advice.h"
#include "convergers/plan_scan.h"

#include <fmt/core.h>

#include <algorithm>

namespace converge::convergers {

namespace {

/// A table with fewer rows is scanned in no time.
constexpr std::int64_t kLargeTable = 10'000;

std::vector<Scan> scans_of(postgres::Session& session, const std::string& statement) {
  const postgres::Rows rows = session.execute("explain (verbose, format json) " + statement);
  return read_scans(rows.at(0, 0).value_or("[]"));
}

/// Of the rows of a table: more than these, and it is no search any more.
constexpr double kMost = 0.5;

std::string_view without_index(const Scan& scan, const ScannedTable& table, bool of_find) {
  const bool most = scan.rows > kMost * static_cast<double>(table.rows);
  if (!of_find || !most) return "; no index that would spare it is plain to see";
  return "; no index spares that, as most of them fit: leave out what has been right for long, by "
         "a horizon such as `... > now() - interval '1 day'`";
}

/// Empty for a scan that need not worry anybody.
std::string warning_of(postgres::Session& session, const Scan& scan, bool of_find) {
  const ScannedTable table = scanned_table(session, scan);
  if (table.rows < kLargeTable) return {};
  const auto advice = index_advice(session, scan, table);
  return fmt::format("scans all {} rows of {} on every pass{}", table.rows, table.name,
                     advice ? "; an index would spare that: " + *advice
                            : std::string(without_index(scan, table, of_find)));
}

}  // namespace

std::string execute_with_nulls(postgres::Session& session, const std::string& name) {
  const postgres::Rows rows = session.execute(
      "select array_to_string(array_fill('null'::text, array[cardinality(parameter_types)]), ', ') "
      "from pg_prepared_statements where name = " +
      postgres::quote_literal(name));
  const std::string nulls(rows.at(0, 0).value_or(""));
  return fmt::format("execute {}{}", postgres::quote_name(name),
                     nulls.empty() ? nulls : "(" + nulls + ")");
}

std::vector<std::string> warnings_of_scans(postgres::Session& session,
                                           const std::vector<PlannedStatement>& statements) {
  std::vector<std::string> warnings;
  for (const PlannedStatement& statement : statements) {
    for (const Scan& scan : scans_of(session, statement.sql)) {
      std::string warning = warning_of(session, scan, statement.what.ends_with("find"));
      if (warning.empty()) continue;
      warning.insert(0, statement.what + " ");
      const bool is_told = std::find(warnings.begin(), warnings.end(), warning) != warnings.end();
      if (!is_told) warnings.push_back(std::move(warning));
    }
  }
  return warnings;
}

}  // namespace converge::convergers
