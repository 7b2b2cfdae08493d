#include "convergers/index_advice.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <vector>

namespace converge::convergers {

namespace {

using Kind = Condition::Kind;

/// Above this part of a table an index is not worth its detours.
constexpr double kWorthAnIndex = 0.1;

struct Column {
  std::string text;  ///< Quoted where needed.
  bool is_nullable = true;
  bool is_varchar = false;
  bool is_ordered = false;  ///< Its type has a btree operator class by default.
};

struct Index {
  std::string first_column;
  std::string predicate;  ///< As pg_get_expr prints it; empty for a whole index.
};

struct Catalog {
  std::map<std::string, Column> columns;
  std::vector<std::string> key;  ///< Of the primary key, as SQL text.
  std::vector<Index> indexes;
};

std::string table_literal(const Scan& scan) {
  return postgres::quote_literal(postgres::quote_name(scan.schema) + "." +
                                 postgres::quote_name(scan.table)) +
         "::regclass";
}

bool is_true(std::optional<std::string_view> cell) { return cell == "t"; }

Catalog read_catalog(postgres::Session& session, const Scan& scan) {
  Catalog catalog;
  const std::string table = table_literal(scan);
  const postgres::Rows columns = session.execute(fmt::format(
      "select a.attname, quote_ident(a.attname), not a.attnotnull, b.oid = 'varchar'::regtype, "
      "b.typtype in ('e', 'r') or exists (select from pg_opclass o join pg_am m "
      "on m.oid = o.opcmethod where o.opcdefault and m.amname = 'btree' and (o.opcintype = b.oid "
      "or exists (select from pg_cast where castsource = b.oid and casttarget = o.opcintype and "
      "castmethod = 'b'))), coalesce(a.attnum = any(i.indkey), false) "
      "from pg_class c join pg_attribute a on a.attrelid = c.oid "
      "join pg_type t on t.oid = a.atttypid "
      "join pg_type b on b.oid = case t.typtype when 'd' then t.typbasetype else t.oid end "
      "left join pg_index i on i.indrelid = c.oid and i.indisprimary "
      "where c.oid = {} and a.attnum > 0 and not a.attisdropped order by a.attnum",
      table));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string text(columns.at(i, 1).value_or(""));
    catalog.columns[std::string(columns.at(i, 0).value_or(""))] = {
        .text = text,
        .is_nullable = is_true(columns.at(i, 2)),
        .is_varchar = is_true(columns.at(i, 3)),
        .is_ordered = is_true(columns.at(i, 4))};
    if (is_true(columns.at(i, 5))) catalog.key.push_back(text);
  }
  const postgres::Rows indexes = session.execute(
      fmt::format("select a.attname, coalesce(pg_get_expr(i.indpred, i.indrelid), '') "
                  "from pg_index i join pg_attribute a on a.attrelid = i.indrelid "
                  "and a.attnum = i.indkey[0] where i.indrelid = {} and i.indisvalid",
                  table));
  for (std::size_t i = 0; i < indexes.size(); ++i) {
    catalog.indexes.push_back({.first_column = std::string(indexes.at(i, 0).value_or("")),
                               .predicate = std::string(indexes.at(i, 1).value_or(""))});
  }
  return catalog;
}

/// An index that is taking shape.
struct Draft {
  std::vector<std::string> names;  ///< Of the columns, as the catalog has them.
  std::vector<std::string> columns;
  std::vector<std::string> predicates;

  void add_column(const std::string& name, const Column& column) {
    if (std::find(names.begin(), names.end(), name) != names.end()) return;
    names.push_back(name);
    columns.push_back(column.text);
  }
  void add_predicate(const std::string& text) {
    if (text.empty()) return;
    if (std::find(predicates.begin(), predicates.end(), text) != predicates.end()) return;
    predicates.push_back(text);
  }
};

/// What the planner concludes of a row that fits the condition, as the condition of an index.
std::string predicate_of(Kind kind, const Column& column) {
  switch (kind) {
    case Kind::null:
      return column.text + " is null";
    case Kind::not_null:
      return column.text + " is not null";
    case Kind::yes:
      return column.text;
    case Kind::no:
      return "not " + column.text;
    case Kind::range:
      return column.is_nullable ? column.text + " is not null" : "";
    default:
      return "";
  }
}

std::optional<Draft> draft_index(const Scan& scan, const Catalog& catalog) {
  Draft draft;
  const auto add_column = [&](const Condition& condition) {
    const Column& column = catalog.columns.at(condition.column);
    draft.add_column(condition.column, column);
    return column.is_ordered && (!condition.cast_to_text || column.is_varchar);
  };
  for (const Condition& condition : scan.conditions) {
    if (condition.kind == Kind::equal && !add_column(condition)) return {};
  }
  // Behind the column of a range, no other narrows the search.
  const auto range =
      std::find_if(scan.conditions.begin(), scan.conditions.end(),
                   [](const Condition& condition) { return condition.kind == Kind::range; });
  if (range != scan.conditions.end() && !add_column(*range)) return {};
  for (const Condition& condition : scan.conditions) {
    if (condition.kind == Kind::range && condition.column != range->column) continue;
    draft.add_predicate(predicate_of(condition.kind, catalog.columns.at(condition.column)));
  }
  if (draft.columns.empty()) draft.columns = catalog.key;
  if (draft.columns.empty()) return {};
  return draft;
}

/// The part of the table that the columns of equality leave, as far as the statistics tell; all of
/// it for a column that they know nothing of.
double part_left(postgres::Session& session, const Scan& scan) {
  double part = 1;
  for (const Condition& condition : scan.conditions) {
    if (condition.kind != Kind::equal) continue;
    const postgres::Rows rows = session.execute(fmt::format(
        "select 1 / greatest(case when n_distinct < 0 then -n_distinct * {} else n_distinct end, "
        "1) "
        "from pg_stats where schemaname = {} and tablename = {} and attname = {}",
        "(select greatest(reltuples, 1) from pg_class where oid = " + table_literal(scan) + ")",
        postgres::quote_literal(scan.schema), postgres::quote_literal(scan.table),
        postgres::quote_literal(condition.column)));
    if (!rows.empty()) part *= std::stod(std::string(rows.at(0, 0).value_or("1")));
  }
  return part;
}

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// Whether the planner could have used an index that begins as this one does.
bool exists(const Draft& draft, const Catalog& catalog) {
  const auto begins_alike = [&](const Index& index) {
    return std::find(draft.names.begin(), draft.names.end(), index.first_column) !=
           draft.names.end();
  };
  const auto is_partial_alike = [&](const Index& index) {
    return std::any_of(
        draft.predicates.begin(), draft.predicates.end(), [&](const std::string& text) {
          const std::string predicate = lowered(index.predicate);
          return predicate == lowered(text) || predicate == "(" + lowered(text) + ")";
        });
  };
  return std::any_of(catalog.indexes.begin(), catalog.indexes.end(), [&](const Index& index) {
    if (index.predicate.empty()) return begins_alike(index);
    return (draft.names.empty() || begins_alike(index)) && is_partial_alike(index);
  });
}

}  // namespace

ScannedTable scanned_table(postgres::Session& session, const Scan& scan) {
  const postgres::Rows rows = session.execute(fmt::format(
      "select root::regclass, (select sum(greatest(p.reltuples, 0)) from pg_partition_tree(root) t "
      "join pg_class p on p.oid = t.relid where t.isleaf)::bigint, "
      "greatest(reltuples, 0)::bigint, relispartition from pg_class "
      "cross join lateral (select coalesce(pg_partition_root(oid), oid)) r (root) where oid = {}",
      table_literal(scan)));
  if (rows.empty()) return {};
  const auto number = [&](std::size_t column) {
    return std::stoll(std::string(rows.at(0, column).value_or("0")));
  };
  const bool is_partitioned = rows.at(0, 3) == "t";
  return {.name = std::string(rows.at(0, 0).value_or("")),
          .rows = is_partitioned ? number(1) : number(2),
          .own_rows = number(2),
          .is_partitioned = is_partitioned};
}

std::optional<std::string> index_advice(postgres::Session& session, const Scan& scan,
                                        const ScannedTable& table) {
  if (!scan.is_understood) return {};
  if (scan.rows > kWorthAnIndex * static_cast<double>(table.own_rows)) return {};
  if (scan.is_part && !table.is_partitioned) return {};  // Of a union.
  const Catalog catalog = read_catalog(session, scan);
  const auto is_known = [&](const Condition& c) { return catalog.columns.contains(c.column); };
  if (!std::all_of(scan.conditions.begin(), scan.conditions.end(), is_known)) return {};
  const auto draft = draft_index(scan, catalog);
  if (!draft || exists(*draft, catalog)) return {};
  if (scan.leaves_out && part_left(session, scan) > kWorthAnIndex) return {};
  std::string where;
  for (const std::string& predicate : draft->predicates) {
    where += (where.empty() ? " where " : " and ") + predicate;
  }
  // The server makes an index of a partitioned table only in one go.
  return fmt::format("create index{} on {} ({}){}", table.is_partitioned ? "" : " concurrently",
                     table.name, fmt::join(draft->columns, ", "), where);
}

}  // namespace converge::convergers
