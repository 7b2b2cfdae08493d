#include "journal/extent.h"

#include "journal/database.h"
#include "journal/schema.h"
#include "src/base/digest.h"

#include <SQLiteCpp/SQLiteCpp.h>

namespace converge::journal {
namespace {

std::vector<Archive> archives_in(SQLite::Database& database) {
  std::vector<Archive> archives;
  if (schema_state(database).version < 2) {
    return archives;  // The table came with schema 2.
  }
  SQLite::Statement row(
      database, "select last_seq, time_us, max_time_us, file from archive order by last_seq");
  while (row.executeStep()) {
    archives.push_back({.last_seq = row.getColumn(0).getInt64(),
                        .time_us = row.getColumn(1).getInt64(),
                        .max_time_us = row.getColumn(2).getInt64(),
                        .file = row.getColumn(3).getString()});
  }
  return archives;
}

Extent extent_in(SQLite::Database& database) {
  Extent extent;
  SQLite::Transaction transaction(database);  // One state, for as long as this takes.
  SQLite::Statement row(database,
                        "select journal_id, pruned_seq, pruned_hash, head_seq, head_hash,"
                        " (select time_us from entry order by seq limit 1) from chain");
  if (row.executeStep()) {
    extent.journal_id = row.getColumn(0).getString();
    extent.pruned_seq = row.getColumn(1).getInt64();
    extent.pruned_hash = hex(row.getColumn(2).getString());
    extent.head = {row.getColumn(3).getInt64(), hex(row.getColumn(4).getString())};
    if (!row.getColumn(5).isNull()) {
      extent.first_time_us = row.getColumn(5).getInt64();
    }
  }
  extent.archives = archives_in(database);
  return extent;
}

}  // namespace

Extent extent_of(const std::filesystem::path& file) {
  const auto database = open_for_reading(file);
  try {
    return extent_in(*database);
  } catch (const SQLite::Exception& error) {
    throw read_error(file, error);
  }
}

}  // namespace converge::journal
