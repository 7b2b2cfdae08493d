#include "journal/upkeep.h"

#include "src/base/clock.h"
#include "src/base/fault.h"

#include <fmt/format.h>

#include <thread>

namespace converge::journal {
namespace {

constexpr std::chrono::milliseconds kPause{20};

}  // namespace

Upkeep::Upkeep(std::filesystem::path file, std::string actor)
    : file_(std::move(file)), actor_(std::move(actor)) {
  open_for_reading(file_);  // Says best what is wrong with a file, and makes none.
  const FileLock lock(file_);
  try {
    auto opened = open_for_writing(file_);
    identity_ = opened.identity;
    database_ = std::move(opened.database);
    writer_ = std::make_unique<Writer>(*database_, actor_, no_texts_);
  } catch (const SQLite::Exception& error) {
    throw write_error(file_, error);
  }
}

void Upkeep::require_same_file() const {
  if (identity_of(file_) != identity_) {
    throw write_error(file_, "another file has taken its place meanwhile");
  }
}

void Upkeep::write(const std::function<void(Writer&)>& body) {
  const FileLock lock(file_);
  require_same_file();
  try {
    writer_->begin();
    body(*writer_);
    fault_point("upkeep_before_commit");
    writer_->commit();
  } catch (const SQLite::Exception& error) {
    throw write_error(file_, error);  // Closing rolls back.
  } catch (...) {
    writer_->rollback();
    throw;
  }
}

void Upkeep::with_lock(const std::function<void(SQLite::Database&)>& body) {
  const FileLock lock(file_);
  require_same_file();
  try {
    body(*database_);
  } catch (const SQLite::Exception& error) {
    throw write_error(file_, error);
  }
}

void Upkeep::read(const std::function<void(SQLite::Database&)>& body) {
  try {
    body(*database_);
  } catch (const SQLite::Exception& error) {
    throw read_error(file_, error);
  }
}

bool Upkeep::truncate_wal(std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  for (;;) {
    bool busy = false;
    // The lock is given back between two tries: writers must not wait for a reader.
    with_lock([&](SQLite::Database& database) {
      database.setBusyTimeout(0);
      busy = database.execAndGet("pragma wal_checkpoint(truncate)").getInt() != 0;
    });
    if (!busy || Clock::now() >= deadline) {
      return !busy;
    }
    std::this_thread::sleep_for(kPause);
  }
}

UpkeepLock::UpkeepLock(const std::filesystem::path& file) {
  try {
    lock_ = std::make_unique<FileLock>(file.string() + ".upkeep");
  } catch (const Error& error) {
    throw Error(ErrorKind::failure,
                fmt::format("journal {}: cannot keep others away: {}", file.string(), error.what()),
                "Another `converge journal prune` or `redact` may be at work: wait for its end.");
  }
}

}  // namespace converge::journal
