#include "journal/schema.h"

#include "journal/chain.h"
#include "journal/entry.h"
#include "journal/schema_sql.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

namespace converge::journal {
namespace {

template <typename Enum>
void fill_dictionary(SQLite::Database& database, const char* table, Enum last) {
  SQLite::Statement insert(database, fmt::format("insert into {} values (?, ?)", table));
  for (std::int64_t id = 1; id <= static_cast<std::int64_t>(last); ++id) {
    insert.bind(1, id);
    insert.bind(2, std::string(name_of(static_cast<Enum>(id))));
    insert.exec();
    insert.reset();
  }
}

/// Who may write it from now on: see `kLeastWriter`.
void set_least_writer(SQLite::Database& database) {
  database.exec(fmt::format("insert or replace into compatibility values (1, {})", kLeastWriter));
}

void begin_chain(SQLite::Database& database, const std::string& journal_id) {
  const auto hash = first_hash(journal_id);
  SQLite::Statement insert(database,
                           "insert into chain values (1, ?1, 0, ?2, 0, ?2, 1, null, null)");
  insert.bind(1, journal_id);
  insert.bind(2, hash.data(), static_cast<int>(hash.size()));
  insert.exec();
}

}  // namespace

void create_schema(SQLite::Database& database, const std::string& journal_id) {
  // None can be chosen inside a transaction, nor the first two later.
  database.exec("pragma page_size = 4096");
  database.exec("pragma auto_vacuum = incremental");
  database.exec("pragma journal_mode = wal");
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  database.exec(kTables);
  database.exec(kIndices);
  database.exec(kSinceVersion2);
  database.exec(kSinceVersion3);
  database.exec(kLastPass);
  database.exec(kSinceVersion5);
  database.exec(kSinceVersion6);
  database.exec(kViews);
  set_least_writer(database);
  fill_dictionary(database, "kind", Kind::clock);
  fill_dictionary(database, "outcome", Outcome::unknown);
  begin_chain(database, journal_id);
  database.exec(fmt::format("pragma application_id = {}", kApplicationId));
  database.exec(fmt::format("pragma user_version = {}", kSchemaVersion));
  transaction.commit();
}

void migrate_schema(SQLite::Database& database) {
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  const auto version = schema_state(database).version;
  if (version < 2) {
    database.exec(kDropVersion1);
    database.exec(kSinceVersion2);
    database.exec(kViews);
  }
  if (version < 3) database.exec(kSinceVersion3);
  if (version < 4) {
    database.exec(kPutLastPassAside);
    database.exec(kLastPass);
    database.exec(fmt::format(fmt::runtime(kTakeLastPassOver), version < 3 ? "0, 0, ''," : ""));
  }
  if (version < 5) {
    database.exec(kPutUnsettledAside);
    database.exec(kSinceVersion5);
    database.exec(kTakeUnsettledOver);
  }
  database.exec(kSinceVersion6);
  set_least_writer(database);
  database.exec(fmt::format("pragma user_version = {}", kSchemaVersion));
  transaction.commit();
}

SchemaState schema_state(SQLite::Database& database) {
  const auto number = [&](const char* sql) { return database.execAndGet(sql).getInt64(); };
  SchemaState state;
  state.application_id = number("pragma application_id");
  state.version = number("pragma user_version");
  state.empty = state.application_id == 0 && number("select count(*) from sqlite_schema") == 0;
  return state;
}

std::int64_t least_writer(SQLite::Database& database, const SchemaState& state) {
  const bool told =
      state.version >= 6 &&
      database.execAndGet("select count(*) from sqlite_schema where name = 'compatibility'")
              .getInt64() == 1;
  if (!told) return state.version;
  SQLite::Statement row(database, "select least_writer from compatibility");
  return row.executeStep() ? row.getColumn(0).getInt64() : state.version;
}

}  // namespace converge::journal
