#include "convergers/plan_warnings.h"

#include "convergers/index_advice.h"
#include "convergers/plan_scan.h"
#include "src/base/error.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

namespace converge::convergers {

namespace {

/// A table with fewer rows is scanned in no time.
constexpr std::int64_t kLargeTable = 10'000;

/// Explaining a statement asks for the rights that executing it takes, which preparing it does not.
std::vector<Scan> scans_of(postgres::Session& session, const PlannedStatement& statement) {
  try {
    const auto rows = session.execute("explain (verbose, format json) " + statement.sql);
    return read_scans(rows.at(0, 0).value_or("[]"));
  } catch (const Error& error) {
    throw error.within(statement.what);
  }
}

/// Of the rows of a table: more than these, and it is no search any more.
constexpr double kMost = 0.5;

std::string_view without_index(const Scan& scan, const ScannedTable& table, bool of_find) {
  const bool most = scan.rows > kMost * static_cast<double>(table.own_rows);
  if (!of_find || !most) return "; no index that would spare it is plain to see";
  return "; no index spares that, as most of them fit: leave out what has been right for long, by "
         "a horizon such as `... > now() - interval '1 day'`";
}

struct Warning {
  std::string text;
  std::optional<std::string> advice;
  std::string otherwise;  ///< What is said where there is no advice.

  std::string whole() const {
    return text + (advice ? "; an index would spare that: " + *advice : otherwise);
  }
};

/// Absent for a scan that need not worry anybody.
std::optional<Warning> warning_of(postgres::Session& session, const Scan& scan,
                                  const std::string& what) {
  const ScannedTable table = scanned_table(session, scan);
  if (table.rows < kLargeTable) return std::nullopt;
  return Warning{
      .text = fmt::format("{} scans all {} rows of {} on every pass", what, table.rows, table.name),
      .advice = index_advice(session, scan, table),
      .otherwise = std::string(without_index(scan, table, what.ends_with("find")))};
}

/// A whole index that is advised serves where a part of it would have.
void merge_advice(std::vector<Warning>& warnings) {
  for (Warning& warning : warnings) {
    for (const Warning& other : warnings) {
      if (!warning.advice || !other.advice) continue;
      if (warning.advice->starts_with(*other.advice + " where ")) warning.advice = other.advice;
    }
  }
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
  std::vector<Warning> found;
  for (const PlannedStatement& statement : statements) {
    for (const Scan& scan : scans_of(session, statement)) {
      if (auto warning = warning_of(session, scan, statement.what)) {
        found.push_back(std::move(*warning));
      }
    }
  }
  merge_advice(found);
  std::vector<std::string> warnings;
  for (const Warning& warning : found) {
    std::string text = warning.whole();
    const bool is_told = std::find(warnings.begin(), warnings.end(), text) != warnings.end();
    if (!is_told) warnings.push_back(std::move(text));
  }
  return warnings;
}

}  // namespace converge::convergers
