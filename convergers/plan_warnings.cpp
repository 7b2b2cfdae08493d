#include "convergers/sql_converger.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/core.h>
#include <fmt/ranges.h>

namespace converge::convergers {

namespace {

/// A table with fewer rows is scanned in no time.
constexpr std::int64_t kLargeTable = 10'000;

/// The tables that a plan reads from end to end.
void collect_scans(const Poco::JSON::Object& node, std::vector<std::string>& tables) {
  if (node.optValue<std::string>("Node Type", "") == "Seq Scan") {
    tables.push_back(postgres::quote_name(node.optValue<std::string>("Schema", "")) + "." +
                     postgres::quote_name(node.optValue<std::string>("Relation Name", "")));
  }
  const auto inner = node.getArray("Plans");
  for (std::size_t i = 0; !inner.isNull() && i < inner->size(); ++i) {
    collect_scans(*inner->getObject(static_cast<unsigned>(i)), tables);
  }
}

std::vector<std::string> scanned_tables(postgres::Session& session, const std::string& statement) {
  const postgres::Rows rows = session.execute("explain (verbose, format json) " + statement);
  Poco::JSON::Parser parser;
  const auto plans =
      parser.parse(std::string(rows.at(0, 0).value_or("[]"))).extract<Poco::JSON::Array::Ptr>();
  std::vector<std::string> tables;
  collect_scans(*plans->getObject(0)->getObject("Plan"), tables);
  return tables;
}

/// As the statistics of the last vacuum or analyze have it.
std::int64_t row_count(postgres::Session& session, const std::string& table) {
  std::string literal = "'";
  for (const char c : table) literal += c == '\'' ? "''" : std::string(1, c);
  const postgres::Rows rows = session.execute(fmt::format(
      "select greatest(reltuples, 0)::bigint from pg_class where oid = {}'::regclass", literal));
  return rows.empty() ? 0 : std::stoll(std::string(rows.at(0, 0).value_or("0")));
}

}  // namespace

std::vector<std::string> SqlConverger::plan_warnings(postgres::Session& session) const {
  std::vector<std::string> warnings;
  const auto look = [&](const Statement& statement, const std::string& what,
                        const std::string& explained) {
    for (const std::string& table : scanned_tables(session, explained)) {
      const std::int64_t rows = row_count(session, table);
      if (rows < kLargeTable) continue;
      warnings.push_back(fmt::format(
          "{}:{}: {} scans all {} rows of {} on every pass; an index on the columns of its "
          "condition would spare that",
          definition_.path.string(), statement.line, what, rows, table));
    }
  };
  look(definition_.find, "find", find_query(listed_, ""));
  // The sessions of a pass use generic plans, so no subject is needed to know them.
  for (std::size_t step = 0; step < definition_.steps.size(); ++step) {
    const Statement& statement = definition_.steps[step];
    const std::vector<std::string> nobody(step_columns_[step].size(), "null");
    look(statement, "step " + statement.title,
         fmt::format("execute {}({})",
                     postgres::quote_name(statement_name(fmt::format("step{}", step))),
                     fmt::join(nobody, ", ")));
  }
  return warnings;
}

}  // namespace converge::convergers
