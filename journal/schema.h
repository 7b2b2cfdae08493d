#pragma once

#include <cstdint>
#include <string>

namespace SQLite {
class Database;
}

namespace converge::journal {

constexpr std::int64_t kApplicationId = 0x434e5647;  ///< "CNVG", in the header of the file.
constexpr std::int64_t kSchemaVersion = 5;           ///< `PRAGMA user_version`.

/// The log is sealed in blocks of at least this many entries.
constexpr std::int64_t kBlockEntries = 4096;

/// Makes an empty database a journal, in one transaction: after a crash the file is empty still, or
/// a journal. Throws `SQLite::Exception`.
void create_schema(SQLite::Database& database, const std::string& journal_id);

/// Makes a journal of an older schema one of `kSchemaVersion`, in one transaction. The
/// `auto_vacuum` of schema 1 stays off: `prune` changes that when it gives space back. Throws
/// `SQLite::Exception`.
void migrate_schema(SQLite::Database& database);

/// What a file is, by its header.
struct SchemaState {
  bool empty =
      false;  ///< No table and no application id: the remains of a creation, or a new file.
  std::int64_t application_id = 0;
  std::int64_t version = 0;
};
SchemaState schema_state(SQLite::Database& database);

}  // namespace converge::journal
