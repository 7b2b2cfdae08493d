#include "convergers/index_advice.h"
#include "convergers/plan_scan.h"
#include "convergers/sql_converger.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

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

std::vector<std::string> SqlConverger::plan_warnings(postgres::Session& session) const {
  std::vector<std::string> warnings;
  const auto look = [&](const Statement& statement, const std::string& what,
                        const std::string& explained) {
    for (const Scan& scan : scans_of(session, explained)) {
      std::string warning = warning_of(session, scan, what == "find");
      if (warning.empty()) continue;
      warning =
          fmt::format("{}:{}: {} {}", definition_.path.string(), statement.line, what, warning);
      const bool is_told = std::find(warnings.begin(), warnings.end(), warning) != warnings.end();
      if (!is_told) warnings.push_back(std::move(warning));
    }
  };
  look(definition_.find, "find", find_.listing());
  // The sessions of a pass use generic plans, so no subject is needed to know them.
  for (std::size_t step = 0; step < definition_.steps.size(); ++step) {
    const Statement& statement = definition_.steps[step];
    const std::vector<std::string> nobody(step_columns_[step].size(), "null");
    look(statement, "step " + statement.title,
         fmt::format("execute {}({})", postgres::quote_name(statement_of(step)),
                     fmt::join(nobody, ", ")));
  }
  return warnings;
}

}  // namespace converge::convergers
