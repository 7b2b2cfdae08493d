#pragma once

#include "src/postgres/session.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

struct Column {
  std::string name;
  std::string text;             ///< As SQL text, quoted where needed.
  std::string type;             ///< As SQL text: `character varying(20)`.
  char category = 'X';          ///< pg_type.typcategory of the type, of a domain's base type.
  std::uint32_t base_type = 0;  ///< The oid of that.
  std::string enum_label;       ///< The first, of an enum.
  std::string partition_value;  ///< That a partition takes, as SQL text, where it alone decides.
  bool is_nullable = true;
  bool has_default = false;  ///< Also an identity.
  bool is_identity = false;  ///< `generated always as identity`.
  bool is_computed = false;  ///< `generated always as (...) stored`.

  bool is_time() const;  ///< A moment: timestamp with or without time zone, date.
  bool is_boolean() const { return category == 'B'; }
};

struct Index {
  std::vector<std::string> columns;  ///< Names; empty for an expression.
  std::string predicate;             ///< As pg_get_expr prints it; empty for a whole index.
};

struct Table {
  std::uint32_t oid = 0;
  std::string name;
  std::string text;  ///< As SQL text, with its schema where the search path needs it.
  bool is_partitioned = false;
  std::vector<Column> columns;
  std::vector<std::string> key;  ///< The primary key, else a unique one that is never null.
  std::vector<Index> indexes;

  const Column* find(std::string_view column) const;
};

struct ForeignKey {
  std::string name;
  std::uint32_t from = 0;  ///< The table that refers.
  std::uint32_t to = 0;
  std::vector<std::string> columns;     ///< Of `from`.
  std::vector<std::string> referenced;  ///< Of `to`, in the same order.
};

/// A table, those that refer to it directly or through others, and those that these need.
struct ForeignKeys {
  std::uint32_t root = 0;
  std::map<std::uint32_t, Table> tables;
  std::vector<ForeignKey> keys;  ///< In the order of their tables' columns.
};

/// A table's column as a person writes it.
struct ColumnName {
  std::string schema;  ///< Empty: the first on the search path that has the table.
  std::string table;
  std::string column;
};

/// Reads `TABLE.COLUMN` or `SCHEMA.TABLE.COLUMN`, names folded and quoted as in SQL. Throws
/// `Error{usage}`.
ColumnName parse_column_name(std::string_view text);

/// Reads the catalog, in four queries. Throws `Error{usage}` with the nearest name when there is no
/// such table or column.
ForeignKeys read_foreign_keys(postgres::Session& session, const ColumnName& flag);

}  // namespace converge::convergers
