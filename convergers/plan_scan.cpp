#include "convergers/plan_scan.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <algorithm>

namespace converge::convergers {

namespace {

using Node = Poco::JSON::Object;

std::string text_of(const Node& node, const char* member) {
  return node.optValue<std::string>(member, "");
}

bool is_one_of(const std::string& type, std::initializer_list<const char*> types) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

/// The nodes from the plan's root to where the reader is.
using Path = std::vector<const Node*>;

void take_conditions(const Node& node, std::initializer_list<const char*> members,
                     const std::string& alias, Scan& scan) {
  for (const char* member : members) {
    const auto conditions = read_conditions(text_of(node, member), alias);
    scan.conditions.insert(scan.conditions.end(), conditions.begin(), conditions.end());
  }
}

/// What a join above a scan says of it. Rows that join to few are found by the nearest join alone:
/// the planner puts the smallest first. False when an index cannot serve the join.
bool take_join(const Node& join, const Node& below, const std::string& alias, Scan& scan) {
  const std::string type = text_of(join, "Join Type");
  const bool is_inner_side = text_of(below, "Parent Relationship") == "Inner";
  // Every row of the outer side is wanted, whatever the condition says of it.
  if (!is_inner_side && is_one_of(type, {"Left", "Anti"})) return true;
  if (!is_one_of(type, {"Inner", "Semi", "Left", "Anti"})) return false;
  take_conditions(join, {"Hash Cond", "Merge Cond", "Join Filter"}, alias, scan);
  scan.rows = std::min(scan.rows, join.optValue<double>("Plan Rows", scan.rows));
  return true;
}

/// A scan and what stands above it, up to where conditions cannot be pushed down any more.
Scan read_scan(const Path& path) {
  const Node& node = *path.back();
  Scan scan{.schema = text_of(node, "Schema"),
            .table = text_of(node, "Relation Name"),
            .conditions = {},
            .is_understood = true,
            .rows = node.optValue<double>("Plan Rows", 0)};
  const std::string alias = text_of(node, "Alias");
  take_conditions(node, {"Filter"}, alias, scan);
  const std::size_t by_itself = scan.conditions.size();
  for (std::size_t i = path.size() - 1; i > 0 && scan.is_understood; --i) {
    if (scan.conditions.size() > by_itself) break;
    const Node& above = *path[i - 1];
    const std::string type = text_of(above, "Node Type");
    if (is_one_of(type, {"Hash Join", "Merge Join", "Nested Loop"})) {
      scan.is_understood = take_join(above, *path[i], alias, scan);
    } else if (is_one_of(type, {"Gather", "Gather Merge"})) {
      // Below it, rows are those of one process.
      scan.rows *= 1 + above.optValue<double>("Workers Planned", 0);
    } else if (is_one_of(type, {"Append", "Merge Append"})) {
      // A part of a partitioned table, by its own conditions alone; or of a union.
      scan.is_understood = scan.is_part = by_itself > 0;
      break;
    } else if (!is_one_of(type, {"Hash", "Sort", "Incremental Sort", "Materialize", "Memoize"})) {
      break;
    }
  }
  const auto left_out = std::erase_if(
      scan.conditions, [](const Condition& c) { return c.kind == Condition::Kind::other; });
  scan.leaves_out = left_out > 0;
  // What is left out is looked at row by row, which is well where an equality has found few.
  const bool finds_few =
      std::any_of(scan.conditions.begin(), scan.conditions.end(),
                  [](const Condition& c) { return c.kind == Condition::Kind::equal; });
  scan.is_understood =
      scan.is_understood && (scan.leaves_out ? finds_few : !scan.conditions.empty());
  return scan;
}

void collect(Path& path, std::vector<Scan>& scans) {
  const Node& node = *path.back();
  if (text_of(node, "Node Type") == "Seq Scan") scans.push_back(read_scan(path));
  const auto inner = node.getArray("Plans");
  for (std::size_t i = 0; !inner.isNull() && i < inner->size(); ++i) {
    const auto child = inner->getObject(static_cast<unsigned>(i));
    path.push_back(child.get());
    collect(path, scans);
    path.pop_back();
  }
}

}  // namespace

std::vector<Scan> read_scans(std::string_view plan) {
  Poco::JSON::Parser parser;
  const auto plans = parser.parse(std::string(plan)).extract<Poco::JSON::Array::Ptr>();
  const auto root = plans->getObject(0)->getObject("Plan");
  std::vector<Scan> scans;
  Path path = {root.get()};
  collect(path, scans);
  return scans;
}

}  // namespace converge::convergers
