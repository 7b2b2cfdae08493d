#pragma once

#include "src/base/error.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace SQLite {
class Database;
class Exception;
}  // namespace SQLite

namespace converge::journal {

/// Which file a path names; a path that was moved aside and made anew names another one.
struct FileIdentity {
  dev_t device{};
  ino_t inode{};

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// Nullopt when there is no such file.
std::optional<FileIdentity> identity_of(const std::filesystem::path& file);

/// A file or a rename is on disk only when its directory is.
void sync_directory_of(const std::filesystem::path& file);

/// The exclusive flock on FILE.lock, from construction to destruction.
///
/// Every write transaction and its checkpoint, opening and moving aside happen under it: between
/// 3.7.0 and 3.51.2, SQLite can corrupt a WAL when two connections write and checkpoint at the same
/// time, and its own busy handler is neither fair nor enough. Released by the kernel when the
/// process dies. Makes the directory (0700) when it is missing. Throws `Error{failure}` when the
/// lock cannot be had within a minute.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& file);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_ = -1;
};

/// A journal file, open for writing.
struct OpenedDatabase {
  std::unique_ptr<SQLite::Database> database;
  FileIdentity identity;
  bool begun = false;  ///< There was none, or an empty file.
};

/// Opens a journal for writing, migrating an older schema, or begins one (file 0600). To be called
/// under the `FileLock`.
///
/// Throws `Error{usage}`, and leaves the file alone, when it is somebody else's database or of a
/// newer schema that this build may not write (`least_writer`); `Error{failure}` when it may not be
/// written; `SQLite::Exception` for the rest.
OpenedDatabase open_for_writing(const std::filesystem::path& file);

/// Writes the bytes of the WAL over themselves; the next sync, as each commit and each checkpoint
/// makes one, brings them to the disk. To be called under the `FileLock`, before anything is
/// appended or checkpointed.
///
/// The last sync of it may have failed, in this process or in one that is dead. The kernel then
/// takes the bytes for written: they are read back as if they were, no later sync brings them to
/// the disk (https://lwn.net/Articles/752063/), and a power cut would take what is appended behind
/// them along. Throws `SQLite::Exception`.
void write_wal_again(SQLite::Database& database);

/// What SQLite is to open for reading only, as a URI (https://www.sqlite.org/uri.html) with a
/// parameter such as `mode=ro`.
std::string uri_of(const std::filesystem::path& file, std::string_view parameter);

/// Opens a journal for reading only, without checkpoints. Throws like `Reader`.
std::unique_ptr<SQLite::Database> open_for_reading(const std::filesystem::path& file);

/// Renames FILE, FILE-wal and FILE-shm to FILE.corrupt-TIME and the same with -wal and -shm, and
/// returns the first of these names. To be called under the `FileLock`.
std::filesystem::path move_aside(const std::filesystem::path& file);

/// Whether the error says that the file is damaged, and no retry can help.
bool is_corruption(const SQLite::Exception& error);

/// The journal cannot be written; nothing may be committed.
Error write_error(const std::filesystem::path& file, std::string_view reason);
Error write_error(const std::filesystem::path& file, const SQLite::Exception& error);
Error read_error(const std::filesystem::path& file, const SQLite::Exception& error);

}  // namespace converge::journal
