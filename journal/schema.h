#pragma once

#include <cstdint>
#include <string>

namespace SQLite {
class Database;
}

namespace converge::journal {

constexpr std::int64_t kApplicationId = 0x434e5647;  ///< "CNVG", in the header of the file.
constexpr std::int64_t kSchemaVersion = 6;           ///< `PRAGMA user_version`.

/// The lowest schema whose builds may write a file of `kSchemaVersion`; it is stored in the file.
///
/// An update of converge that does not prove itself goes back to the build before, which then has
/// to write a journal that the newer one has migrated. So a migration only adds: tables, views,
/// indices, and kinds of entries at the end. As it adds no column to a table (older builds insert
/// without naming all), drops nothing, and gives nothing there another meaning, this number stays.
/// A migration that cannot do with that raises it, and is then a way of no return.
constexpr std::int64_t kLeastWriter = 6;

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

/// The lowest schema whose builds may read and write a journal in that state: its own, or what the
/// file says. Throws `SQLite::Exception`.
std::int64_t least_writer(SQLite::Database& database, const SchemaState& state);

}  // namespace converge::journal
