#include "convergers/foreign_keys.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

namespace converge::convergers {

namespace {

std::string cell(const postgres::Rows& rows, std::size_t row, std::size_t column) {
  return std::string(rows.at(row, column).value_or(""));
}

std::uint32_t oid_cell(const postgres::Rows& rows, std::size_t row, std::size_t column) {
  return static_cast<std::uint32_t>(std::stoul(cell(rows, row, column)));
}

bool bool_cell(const postgres::Rows& rows, std::size_t row, std::size_t column) {
  return rows.at(row, column) == "t";
}

/// One name at the start of `text`, which it leaves behind.
std::string take_name(std::string_view& text) {
  std::string name;
  if (!text.starts_with('"')) {
    while (!text.empty() && text.front() != '.') {
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
      text.remove_prefix(1);
    }
    return name;
  }
  text.remove_prefix(1);
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '"' && !text.starts_with('"')) break;
    if (c == '"') text.remove_prefix(1);
    name += c;
  }
  return name;
}

[[noreturn]] void refuse_table(postgres::Session& session, const ColumnName& flag) {
  const postgres::Rows rows = session.execute(
      "select oid::regclass from pg_class where relkind in ('r', 'p') and not relispartition and "
      "relnamespace not in (select oid from pg_namespace where nspname like 'pg\\_%' or "
      "nspname = 'information_schema') order by 1");
  std::vector<std::string> tables;
  for (std::size_t i = 0; i < rows.size(); ++i) tables.push_back(cell(rows, i, 0));
  const std::string given = flag.schema.empty() ? flag.table : flag.schema + "." + flag.table;
  const auto near = nearest(given, tables);
  throw Error(ErrorKind::usage, fmt::format("there is no table {}", printable(given)),
              near ? fmt::format("Did you mean {}?", printable(*near))
                   : "Name a table of this database, with its schema where the search path lacks "
                     "it, in double quotes where it needs them.");
}

std::uint32_t find_table(postgres::Session& session, const ColumnName& flag) {
  std::string name = postgres::quote_name(flag.table);
  if (!flag.schema.empty()) name = postgres::quote_name(flag.schema) + "." + name;
  const postgres::Rows rows =
      session.execute(fmt::format("select oid, relkind from pg_class where oid = to_regclass({})",
                                  postgres::quote_literal(name)));
  if (rows.empty()) refuse_table(session, flag);
  if (rows.at(0, 1) != "r" && rows.at(0, 1) != "p") {
    throw Error(ErrorKind::usage, fmt::format("{} is not a table", printable(name)),
                "Name the table that has the flag; foreign keys refer to tables alone.");
  }
  return oid_cell(rows, 0, 0);
}

std::vector<ForeignKey> read_keys(postgres::Session& session, std::uint32_t root) {
  const postgres::Rows rows = session.execute(fmt::format(
      "with recursive below (oid) as (select {}::oid union select conrelid from pg_constraint "
      "join below on confrelid = below.oid where contype = 'f' and conparentid = 0), "
      "needed (oid) as (select oid from below union select confrelid from pg_constraint "
      "join needed on conrelid = needed.oid where contype = 'f' and conparentid = 0) "
      "select c.oid, c.conname, c.conrelid, c.confrelid, f.attname, t.attname "
      "from pg_constraint c join needed on needed.oid = c.conrelid "
      "cross join unnest(c.conkey, c.confkey) with ordinality k (f, t, place) "
      "join pg_attribute f on f.attrelid = c.conrelid and f.attnum = k.f "
      "join pg_attribute t on t.attrelid = c.confrelid and t.attnum = k.t "
      "where c.contype = 'f' and c.conparentid = 0 "
      "order by c.conrelid::regclass::text, c.conkey, c.oid, k.place",
      root));
  std::vector<ForeignKey> keys;
  std::string last;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == 0 || cell(rows, i, 0) != last) {
      last = cell(rows, i, 0);
      keys.push_back({.name = cell(rows, i, 1),
                      .from = oid_cell(rows, i, 2),
                      .to = oid_cell(rows, i, 3),
                      .columns = {},
                      .referenced = {}});
    }
    keys.back().columns.push_back(cell(rows, i, 4));
    keys.back().referenced.push_back(cell(rows, i, 5));
  }
  return keys;
}

void read_columns(postgres::Session& session, const std::string& oids,
                  std::map<std::uint32_t, Table>& tables) {
  const postgres::Rows rows = session.execute(fmt::format(
      "select c.oid, c.relname, c.oid::regclass, a.attname, quote_ident(a.attname), "
      "format_type(a.atttypid, a.atttypmod), b.typcategory, b.oid, (select enumlabel from pg_enum "
      "where enumtypid = b.oid order by enumsortorder limit 1), a.attnotnull or t.typnotnull, "
      "a.atthasdef or a.attidentity <> '' or t.typdefault is not null, a.attidentity = 'a', "
      "a.attgenerated <> '', array_position(k.key, a.attnum) is not null, "
      "c.relkind = 'p', coalesce((select (regexp_match(bound, "
      "$r$^FOR VALUES (?:FROM|IN) \\(('(?:[^']|'')*'|[^,()']+)$r$))[1] from pg_partitioned_table p "
      "join pg_inherits h on h.inhparent = p.partrelid join pg_class o on o.oid = h.inhrelid "
      "cross join pg_get_expr(o.relpartbound, o.oid) bound where p.partrelid = c.oid and "
      "p.partnatts = 1 and p.partattrs[0] = a.attnum and bound !~ '[(](MINVALUE|NULL)|^DEFAULT' "
      "order by o.oid limit 1), '') "
      "from pg_class c join pg_attribute a on a.attrelid = c.oid "
      "join pg_type t on t.oid = a.atttypid "
      "join pg_type b on b.oid = case t.typtype when 'd' then t.typbasetype else t.oid end "
      "left join lateral (select i.indkey::int2[] as key from pg_index i where "
      "i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null and "
      "i.indexprs is null and i.indnkeyatts = i.indnatts and not exists (select from pg_attribute "
      "n where n.attrelid = c.oid and n.attnum = any(i.indkey) and not n.attnotnull) "
      "order by i.indisprimary desc, i.indnatts, i.indexrelid limit 1) k on true "
      "where c.oid = any('{{{}}}') and a.attnum > 0 and not a.attisdropped "
      "order by c.oid, a.attnum",
      oids));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Table& table = tables[oid_cell(rows, i, 0)];
    table.oid = oid_cell(rows, i, 0);
    table.name = cell(rows, i, 1);
    table.text = cell(rows, i, 2);
    table.is_partitioned = bool_cell(rows, i, 14);
    table.columns.push_back({.name = cell(rows, i, 3),
                             .text = cell(rows, i, 4),
                             .type = cell(rows, i, 5),
                             .category = cell(rows, i, 6).at(0),
                             .base_type = oid_cell(rows, i, 7),
                             .enum_label = cell(rows, i, 8),
                             .partition_value = cell(rows, i, 15),
                             .is_nullable = !bool_cell(rows, i, 9),
                             .has_default = bool_cell(rows, i, 10),
                             .is_identity = bool_cell(rows, i, 11),
                             .is_computed = bool_cell(rows, i, 12)});
    if (bool_cell(rows, i, 13)) table.key.push_back(table.columns.back().name);
  }
}

void read_indexes(postgres::Session& session, const std::string& oids,
                  std::map<std::uint32_t, Table>& tables) {
  const postgres::Rows rows = session.execute(fmt::format(
      "select i.indrelid, i.indexrelid, a.attname, coalesce(pg_get_expr(i.indpred, i.indrelid), "
      "'') from pg_index i cross join unnest(i.indkey) with ordinality k (number, place) "
      "left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number and k.number > "
      "0 where i.indrelid = any('{{{}}}') and i.indisvalid and k.place <= i.indnkeyatts "
      "order by i.indexrelid, k.place",
      oids));
  std::string last;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& indexes = tables.at(oid_cell(rows, i, 0)).indexes;
    if (i == 0 || cell(rows, i, 1) != last) {
      last = cell(rows, i, 1);
      indexes.push_back({.columns = {}, .predicate = cell(rows, i, 3)});
    }
    indexes.back().columns.push_back(cell(rows, i, 2));
  }
}

void require_column(const Table& table, const std::string& column) {
  if (table.find(column) != nullptr) return;
  std::vector<std::string> names;
  for (const Column& known : table.columns) names.push_back(known.name);
  const auto near = nearest(column, names);
  throw Error(ErrorKind::usage,
              fmt::format("{} has no column {}", printable(table.text), printable(column)),
              near ? fmt::format("Did you mean {}?", printable(table.find(*near)->text))
                   : "Name the column that an operator sets, such as archived_at.");
}

}  // namespace

bool Column::is_time() const {
  constexpr std::uint32_t kDate = 1082;
  constexpr std::uint32_t kTimestamp = 1114;
  constexpr std::uint32_t kTimestampTz = 1184;
  return base_type == kDate || base_type == kTimestamp || base_type == kTimestampTz;
}

const Column* Table::find(std::string_view column) const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const Column& known) { return known.name == column; });
  return found == columns.end() ? nullptr : &*found;
}

ColumnName parse_column_name(std::string_view text) {
  const std::string given = printable(text);
  std::vector<std::string> names;
  for (std::string_view rest = text;;) {
    names.push_back(take_name(rest));
    if (!rest.starts_with('.')) {
      if (!rest.empty()) names.clear();
      break;
    }
    rest.remove_prefix(1);
  }
  const bool has_empty = std::find(names.begin(), names.end(), "") != names.end();
  if (has_empty || names.size() < 2 || names.size() > 3) {
    throw Error(ErrorKind::usage, fmt::format("not a column of a table: {}", given),
                "Write TABLE.COLUMN or SCHEMA.TABLE.COLUMN, such as account.archived_at.");
  }
  if (names.size() == 2) names.insert(names.begin(), "");
  return {.schema = names[0], .table = names[1], .column = names[2]};
}

ForeignKeys read_foreign_keys(postgres::Session& session, const ColumnName& flag) {
  ForeignKeys result{.root = find_table(session, flag), .tables = {}, .keys = {}};
  result.keys = read_keys(session, result.root);
  std::string oids = std::to_string(result.root);
  for (const ForeignKey& key : result.keys) oids += fmt::format(",{},{}", key.from, key.to);
  read_columns(session, oids, result.tables);
  read_indexes(session, oids, result.tables);
  require_column(result.tables.at(result.root), flag.column);
  return result;
}

}  // namespace converge::convergers
