#pragma once

#include "journal/database.h"
#include "journal/writer.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace converge::journal {

/// An existing journal, open for what a person does to it. Unlike `Journal` it never begins one and
/// never moves one aside. Throws `Error`; after one of these, nothing else is to be asked of it.
class Upkeep {
 public:
  /// Migrates an older schema. Throws `Error{usage}` where there is no journal.
  Upkeep(std::filesystem::path file, std::string actor);

  const std::filesystem::path& file() const { return file_; }

  /// Calls `body` within one durable write transaction. When it throws, nothing was written.
  void write(const std::function<void(Writer&)>& body);
  /// Calls `body` under the `FileLock` and outside any transaction.
  void with_lock(const std::function<void(SQLite::Database&)>& body);
  /// Calls `body` with no lock.
  void read(const std::function<void(SQLite::Database&)>& body);

  /// Moves the WAL into the file and cuts it to nothing, so that what was erased is gone from both;
  /// false when readers were in the way for all of `patience`.
  bool truncate_wal(std::chrono::milliseconds patience);

 private:
  void require_same_file() const;

  const std::filesystem::path file_;
  const std::string actor_;
  const DefinitionTexts no_texts_;
  FileIdentity identity_;
  std::unique_ptr<SQLite::Database> database_;
  std::unique_ptr<Writer> writer_;
};

/// The lock that keeps prunes and redactions of one journal apart, for as long as either takes;
/// writers do not wait for it. Throws `Error{failure}` when it is not to be had within a minute.
class UpkeepLock {
 public:
  explicit UpkeepLock(const std::filesystem::path& file);

 private:
  std::unique_ptr<FileLock> lock_;
};

}  // namespace converge::journal
