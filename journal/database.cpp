#include "journal/database.h"

#include "journal/schema.h"
#include "src/base/clock.h"
#include "src/base/descriptor.h"
#include "src/base/digest.h"
#include "src/base/text.h"
#include "src/base/version.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace converge::journal {
namespace {

constexpr int kBusyTimeoutMs = 10'000;
constexpr std::size_t kJournalIdBytes = 16;
constexpr std::size_t kPieceBytes = 256 * 1024;

/// SQLite would create it with the mode that the umask leaves. Only a file that is not there is
/// opened here: closing any descriptor of a database drops the locks that SQLite has on it.
void create_private_file(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    throw write_error(file, system_reason(errno));
  }
  ::close(descriptor);
  sync_directory_of(file);
}

/// SQLite would wait for the other side of a pipe for good.
void require_no_pipe(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0 || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
    return;
  }
  throw Error(ErrorKind::usage, fmt::format("{} is no file", file.string()),
              "Name the journal's file with --journal.");
}

/// SQLite falls back to reading when it may not write, and would say so only at the first entry.
void require_writable(const std::filesystem::path& file) {
  if (::faccessat(AT_FDCWD, file.c_str(), R_OK | W_OK, AT_EACCESS) != 0) {
    throw write_error(file, system_reason(errno));
  }
}

/// Nobody asks how much memory SQLite has, and counting it takes a lock at each allocation.
/// Refused, and slower, where SQLite is at work in this process already.
void count_no_memory() {
  [[maybe_unused]] static const int answer = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/// Without this, the last connection to close would delete the WAL, and then a reader that may not
/// write the directory could not open the journal.
void keep_wal_on_close(SQLite::Database& database) {
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void configure(SQLite::Database& database) {
  keep_wal_on_close(database);
  database.exec("pragma synchronous = full");
  database.exec("pragma wal_autocheckpoint = 16000");
  database.exec("pragma journal_size_limit = 67108864");
  // What was owed has values of a subject: they must not stay in the free pages of the file.
  database.exec("pragma secure_delete = on");
}

/// The newest build that has written it: one that knows its schema.
std::string needed_build(SQLite::Database& database) {
  try {
    const auto build = database.execAndGet("select max(build) from actor").getInt64();
    return build > 0 ? fmt::format("build {} or newer", build) : "a newer build";
  } catch (const SQLite::Exception&) {
    return "a newer build";  // Nobody knows what its tables are.
  }
}

void require_ours(const std::filesystem::path& file, SQLite::Database& database,
                  const SchemaState& state) {
  if (state.application_id != kApplicationId) {
    throw Error(ErrorKind::usage, fmt::format("{} is not a journal of converge", file.string()),
                "It is another program's SQLite database and was left as it is: name another file "
                "with --journal.");
  }
  if (state.version > kSchemaVersion && least_writer(database, state) > kSchemaVersion) {
    throw Error(ErrorKind::usage,
                fmt::format("journal {} has schema {}, and build {} of converge knows only {}",
                            file.string(), state.version, build_number(), kSchemaVersion),
                fmt::format("It was written by a newer converge: use {} of it, or update this one.",
                            needed_build(database)));
  }
}

std::unique_ptr<SQLite::Database> open_read_only(const std::string& name, int flags) {
  count_no_memory();
  auto database = std::make_unique<SQLite::Database>(
      name, SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX | flags, kBusyTimeoutMs);
  keep_wal_on_close(*database);
  schema_state(*database);  // Opening reads nothing yet.
  return database;
}

bool is_missing_wal(const std::filesystem::path& file, const SQLite::Exception& error) {
  const int code = error.getErrorCode() & 0xff;
  std::error_code unknown;
  return (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) &&
         !std::filesystem::exists(file.string() + "-wal", unknown);
}

/// A copy where this user may not write has no WAL, and none can be made. A file that a writer has
/// open does have one, so nobody changes this one while it is read as immutable.
std::unique_ptr<SQLite::Database> open_somehow(const std::filesystem::path& file) {
  try {
    return open_read_only(file.string(), 0);
  } catch (const SQLite::Exception& error) {
    if (!is_missing_wal(file, error)) {
      throw;
    }
    return open_read_only(uri_of(file, "immutable=1"), SQLite::OPEN_URI);
  }
}

std::string compact_utc() {
  auto text = format_utc(wall_time_us()).substr(0, 19);
  text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == '-' || c == ':'; }),
             text.end());
  return text + "Z";
}

std::filesystem::path unused_name_beside(const std::filesystem::path& file) {
  const auto wanted = fmt::format("{}.corrupt-{}", file.string(), compact_utc());
  auto name = wanted;
  std::error_code unknown;
  for (int number = 2; std::filesystem::exists(name, unknown); ++number) {
    name = fmt::format("{}-{}", wanted, number);
  }
  return name;
}

}  // namespace

std::optional<FileIdentity> identity_of(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) {
    return std::nullopt;
  }
  return FileIdentity{status.st_dev, status.st_ino};
}

void sync_directory_of(const std::filesystem::path& file) {
  const auto directory = file.has_parent_path() ? file.parent_path() : ".";
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    ::fsync(descriptor);
    ::close(descriptor);
  }
}

std::string uri_of(const std::filesystem::path& file, std::string_view parameter) {
  std::string uri = "file:";
  for (const char byte : std::filesystem::absolute(file).string()) {
    uri += byte == '?' || byte == '#' || byte == '%'
               ? fmt::format("%{:02X}", static_cast<unsigned char>(byte))
               : std::string(1, byte);
  }
  return fmt::format("{}?{}", uri, parameter);
}

OpenedDatabase open_for_writing(const std::filesystem::path& file) {
  if (!identity_of(file)) {
    create_private_file(file);
  }
  require_no_pipe(file);
  require_writable(file);
  count_no_memory();
  OpenedDatabase opened;
  opened.database = std::make_unique<SQLite::Database>(
      file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX, kBusyTimeoutMs);
  opened.identity = identity_of(file).value_or(FileIdentity{});
  const auto state = schema_state(*opened.database);
  if (!state.empty) {
    require_ours(file, *opened.database, state);
  }
  configure(*opened.database);
  if (state.empty) {
    create_schema(*opened.database, hex(random_bytes(kJournalIdBytes)));
    opened.begun = true;
  } else if (state.version < kSchemaVersion) {
    migrate_schema(*opened.database);
  }
  return opened;
}

std::unique_ptr<SQLite::Database> open_for_reading(const std::filesystem::path& file) {
  if (!identity_of(file)) {
    throw Error(ErrorKind::usage,
                fmt::format("no journal at {}: {}", file.string(), system_reason(errno)),
                "The first pass that acts begins one; --journal names another file.");
  }
  require_no_pipe(file);
  try {
    auto database = open_somehow(file);
    require_ours(file, *database, schema_state(*database));
    return database;
  } catch (const SQLite::Exception& error) {
    if ((error.getErrorCode() & 0xff) == SQLITE_NOTADB) {
      throw Error(ErrorKind::usage, fmt::format("{} is not a journal of converge", file.string()),
                  "It is no SQLite database. If it was one, a command that acts moves it aside and "
                  "begins a "
                  "new one; else name another file with --journal.");
    }
    throw read_error(file, error);
  }
}

void write_wal_again(SQLite::Database& database) {
  const char* wal = sqlite3_filename_wal(sqlite3_db_filename(database.getHandle(), "main"));
  const Descriptor descriptor(::open(wal, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (descriptor.number() < 0) {
    if (errno == ENOENT) return;
    throw SQLite::Exception(fmt::format("{}: {}", wal, system_reason(errno)), SQLITE_CANTOPEN);
  }
  std::string bytes(kPieceBytes, '\0');
  for (off_t offset = 0;;) {
    const auto size = ::pread(descriptor.number(), bytes.data(), bytes.size(), offset);
    if (size == 0) return;
    const auto length = static_cast<std::size_t>(std::max<ssize_t>(size, 0));
    if (size < 0 || ::pwrite(descriptor.number(), bytes.data(), length, offset) != size) {
      throw SQLite::Exception(fmt::format("{}: {}", wal, system_reason(errno)), SQLITE_IOERR_WRITE);
    }
    offset += size;
  }
}

std::filesystem::path move_aside(const std::filesystem::path& file) {
  auto target = unused_name_beside(file);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code error;
    std::filesystem::rename(file.string() + suffix, target.string() + suffix, error);
    if (error && error != std::errc::no_such_file_or_directory) {
      throw write_error(file, fmt::format("it is corrupt and cannot be moved aside to {}: {}",
                                          target.string(), error.message()));
    }
  }
  sync_directory_of(file);
  return target;
}

bool is_corruption(const SQLite::Exception& error) {
  const int code = error.getErrorCode() & 0xff;
  return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

Error write_error(const std::filesystem::path& file, std::string_view reason) {
  return {ErrorKind::failure,
          fmt::format("journal {} cannot be written: {}", file.string(), reason),
          "Nothing is committed in PostgreSQL without its record in the journal: see to the space "
          "on its file system and to its owner and mode; converge goes on as soon as it can write "
          "again."};
}

Error write_error(const std::filesystem::path& file, const SQLite::Exception& error) {
  return write_error(
      file, fmt::format("{} (SQLite code {})", error.what(), error.getExtendedErrorCode()));
}

Error read_error(const std::filesystem::path& file, const SQLite::Exception& error) {
  return {ErrorKind::failure,
          fmt::format("journal {} cannot be read: {} (SQLite code {})", file.string(), error.what(),
                      error.getExtendedErrorCode()),
          is_corruption(error)
              ? "A command that acts moves the damaged file aside; the next one goes on."
              : "See to the owner and mode of the file and its directory."};
}

}  // namespace converge::journal
