#include "journal/session.h"

#include "journal/state.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/fault.h"
#include "src/base/text.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

namespace converge::journal {
namespace {

/// The outcome of a pass that found nothing to correct, as in `run -o json`.
constexpr std::string_view kUnchanged = "unchanged";

constexpr std::uintmax_t kLongWalBytes = 1024 * 1024;

/// A WAL that has been moved into the file is written over from its beginning, which costs a
/// transaction less than making it longer. So it is moved early where nobody waits; where a COMMIT
/// in PostgreSQL does, late.
constexpr int kLongWalFrames = 1'000;
constexpr int kLongestWalFrames = 16'000;

Error has_outcome(std::int64_t txn, Outcome outcome) {
  return {ErrorKind::usage,
          fmt::format("transaction {} has an outcome already: {}", txn, name_of(outcome))};
}

bool is_second_outcome(const SQLite::Exception& error) {
  return error.getExtendedErrorCode() == SQLITE_CONSTRAINT_UNIQUE &&
         std::string_view(error.what()).find("entry_outcome") != std::string_view::npos;
}

}  // namespace

Session::Session(std::filesystem::path file, std::string actor,
                 std::function<void(const std::string&)> notice)
    : file_(std::move(file)), actor_(std::move(actor)), notice_(std::move(notice)) {
  const FileLock lock(file_);
  connect();
}

Session::~Session() {
  try {
    shorten_wal();
  } catch (const std::exception&) {
    // It stays long; nothing is lost.
  }
}

void Session::shorten_wal() {
  std::error_code error;
  const auto size_bytes = std::filesystem::file_size(file_.string() + "-wal", error);
  if (!database_ || error || size_bytes < kLongWalBytes || identity_of(file_) != identity_) return;
  const FileLock lock(file_);
  writer_->secure_wal();
  database_->setBusyTimeout(0);  // A reader that is in the way is not waited for.
  database_->exec("pragma wal_checkpoint(truncate)");
}

void Session::tell(const std::string& message) const {
  if (notice_) {
    notice_(message);
  }
}

void Session::register_definition(const DefinitionId& id, const std::string& text) {
  const std::scoped_lock guard(connection_mutex_);
  if (texts_.contains(id)) {
    return;
  }
  if (hex(sha256(text)) != id.version) {
    throw Error(ErrorKind::failure,
                fmt::format("definition {} {}: the version is not the SHA-256 of its text", id.name,
                            id.version));
  }
  texts_.emplace(id, text);
}

// Opening.

void Session::connect() {
  if (database_ && identity_of(file_) == identity_) {
    return;
  }
  disconnect();
  try {
    const bool known = !journal_id_.empty();
    auto opened = open_for_writing(file_);
    const bool gone = known && opened.begun;
    adopt(std::move(opened));
    if (gone) {
      record_beginning(R"({"reason":"journal file was gone"})");
      tell(fmt::format("journal {} was gone and a new one was begun", file_.string()));
    }
  } catch (const SQLite::Exception& error) {
    disconnect();
    if (!is_corruption(error)) {
      throw write_error(file_, error);
    }
    begin_anew(error.what());
  }
}

void Session::disconnect() noexcept {
  writer_.reset();
  prepared_.clear();
  database_.reset();
  identity_.reset();
}

void Session::adopt(OpenedDatabase opened) {
  database_ = std::move(opened.database);
  identity_ = opened.identity;
  writer_ = std::make_unique<Writer>(*database_, actor_, texts_);
  watch_wal();
  if (!journal_id_.empty() && journal_id_ != writer_->journal_id()) {
    leave_old_journal();
  }
  journal_id_ = writer_->journal_id();
}

void Session::begin_anew(const std::string& reason) {
  disconnect();
  const auto moved = move_aside(file_);
  try {
    adopt(open_for_writing(file_));
    record_beginning(
        fmt::format(R"({{"reason":"corrupt journal moved aside","moved_to":{},"error":{}}})",
                    json_string(moved.string()), json_string(reason)));
  } catch (const SQLite::Exception& error) {
    disconnect();
    throw write_error(file_, error);
  }
  tell(fmt::format("journal {} is corrupt ({}): it was moved aside to {} and a new one was begun",
                   file_.string(), reason, moved.string()));
}

void Session::record_beginning(const std::string& detail) {
  writer_->begin();
  writer_->append({.kind = Kind::recovery, .detail = detail}, wall_time_us());
  writer_->commit();
}

void Session::leave_old_journal() {
  const std::scoped_lock guard(queue_mutex_);
  if (!queue_.empty()) {
    tell(
        fmt::format("journal {} is a new one: the outcomes of {} transactions of the old one were "
                    "not written",
                    file_.string(), queue_.size()));
  }
  for (const auto& [txn, outcome] : queue_) {
    orphans_.insert(txn);
  }
  orphans_.merge(open_);
  queue_.clear();
  open_.clear();
}

// Writing.

void Session::write(const std::function<void(Writer&)>& body) {
  const auto began = Clock::now();
  const std::scoped_lock guard(connection_mutex_);
  write_while_locked(body, kLongWalFrames, began);
}

void Session::write_pending(const std::function<std::vector<std::int64_t>(Writer&)>& body) {
  const auto began = Clock::now();
  const std::scoped_lock guard(connection_mutex_);
  std::vector<std::int64_t> seqs;
  write_while_locked([&](Writer& writer) { seqs = body(writer); }, kLongestWalFrames, began);
  const std::scoped_lock queue_guard(queue_mutex_);
  open_.insert(seqs.begin(), seqs.end());
}

void Session::write_while_locked(const std::function<void(Writer&)>& body, int long_wal_frames,
                                 Clock::time_point began) {
  const FileLock lock(file_);
  connect();
  transact(body);
  write_took_(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began));
  checkpoint_after(long_wal_frames);
}

/// In place of SQLite's own, which checkpoints within the COMMIT that makes the WAL too long.
void Session::watch_wal() {
  wal_frames_ = checkpointed_frames_ = 0;
  const auto note = [](void* self, sqlite3*, const char*, int frames) {
    static_cast<Session*>(self)->wal_frames_ = frames;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(database_->getHandle(), note, this);
}

/// What a reader still needs stays in the WAL until the next one; a failure as well.
void Session::checkpoint_after(int frames) noexcept {
  if (wal_frames_ < checkpointed_frames_) checkpointed_frames_ = 0;  // It was begun anew.
  if (wal_frames_ - checkpointed_frames_ < frames) return;
  checkpointed_frames_ = wal_frames_;
  sqlite3_wal_checkpoint_v2(database_->getHandle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr,
                            nullptr);
}

SQLite::Statement& Session::prepared(const char* sql) {
  const auto known = prepared_.find(sql);
  SQLite::Statement& statement = known != prepared_.end()
                                     ? known->second
                                     : prepared_.try_emplace(sql, *database_, sql).first->second;
  statement.tryReset();
  return statement;
}

void Session::flush(bool passes_too) {
  {
    const std::scoped_lock guard(queue_mutex_);
    if (queue_.empty() && (!passes_too || passes_.empty())) {
      return;
    }
  }
  write([](Writer&) {});
}

void Session::transact(const std::function<void(Writer&)>& body) {
  const auto queued = [&] {
    const std::scoped_lock guard(queue_mutex_);
    return queue_;
  }();
  auto passes = take_passes();
  try {
    writer_->begin();
    write_outcomes(queued);
    write_last_passes(writer_->database(), passes);
    body(*writer_);
    fault_point("journal_before_commit");
    writer_->commit();
    fault_point("journal_after_commit");
  } catch (const SQLite::Exception& error) {
    put_passes_back(std::move(passes));
    give_up(error);
  } catch (...) {
    put_passes_back(std::move(passes));
    try {
      writer_->rollback();
    } catch (const SQLite::Exception&) {
      disconnect();  // Closing rolls back as well; the first error is the one to tell.
    }
    throw;
  }
  forget_written(queued);
}

void Session::write_outcomes(const std::map<std::int64_t, QueuedOutcome>& queued) {
  for (const auto& [txn, outcome] : queued) {
    // It is there already when a write that failed had succeeded after all, or when somebody
    // settled the transaction meanwhile. One that could never be written would stop all others.
    const auto there = writer_->outcome_of(txn);
    if (!there) {
      writer_->append(outcome.entry, outcome.time_us);
    } else if (there != outcome.entry.outcome) {
      tell(fmt::format("transaction {} was settled as {} meanwhile, not as {}", txn,
                       name_of(*there), name_of(*outcome.entry.outcome)));
    }
    note_attempt_end([this](const char* sql) -> SQLite::Statement& { return prepared(sql); },
                     outcome.entry, outcome.end, outcome.time_us);
  }
}

void Session::give_up(const SQLite::Exception& error) {
  const auto failure = is_second_outcome(error)
                           ? Error(ErrorKind::usage, "the transaction has an outcome already")
                           : write_error(file_, error);
  const auto corrupt = is_corruption(error);
  const std::string reason = error.what();
  disconnect();
  if (corrupt) {
    begin_anew(reason);
  }
  throw failure;
}

void Session::queue_pass(LastPass last) {
  const std::scoped_lock guard(queue_mutex_);
  const auto before = std::find_if(passes_.rbegin(), passes_.rend(), [&](const LastPass& pass) {
    return pass.converger == last.converger && pass.shard == last.shard;
  });
  if (before != passes_.rend() && before->outcome == last.outcome && last.outcome == kUnchanged) {
    last.complete = last.complete || before->complete;
    *before = std::move(last);
  } else {
    passes_.push_back(std::move(last));
  }
}

std::vector<LastPass> Session::take_passes() {
  const std::scoped_lock guard(queue_mutex_);
  return std::exchange(passes_, {});
}

void Session::put_passes_back(std::vector<LastPass> passes) {
  const std::scoped_lock guard(queue_mutex_);
  std::move(passes_.begin(), passes_.end(), std::back_inserter(passes));
  passes_ = std::move(passes);
}

void Session::forget_written(const std::map<std::int64_t, QueuedOutcome>& written) {
  const std::scoped_lock guard(queue_mutex_);
  for (const auto& [txn, outcome] : written) {
    queue_.erase(txn);
  }
}

void Session::read(const std::function<void(SQLite::Database&)>& body) {
  const std::scoped_lock guard(connection_mutex_);
  if (!database_ || identity_of(file_) != identity_) {
    const FileLock lock(file_);
    connect();
  }
  const auto identity = identity_;
  try {
    body(*database_);
  } catch (const SQLite::Exception& error) {
    const auto failure = read_error(file_, error);
    const auto corrupt = is_corruption(error);
    const std::string reason = error.what();
    disconnect();
    // Else a file whose damage only readers meet would stop every command for good.
    if (corrupt) {
      const FileLock lock(file_);
      if (identity_of(file_) == identity) {
        begin_anew(reason);
      }
    }
    throw failure;
  }
}

// Outcomes.

void Session::queue_outcome(QueuedOutcome outcome) {
  if (queue_if_open(outcome, false)) {
    return;
  }
  // Of another process's transaction, or a second outcome. The connection stays locked in between,
  // so that the entry that was looked at is in the journal that the outcome is queued for.
  read([&](SQLite::Database&) {
    require_unsettled(*outcome.entry.txn);
    queue_if_open(outcome, true);
  });
}

bool Session::queue_if_open(QueuedOutcome& outcome, bool is_known_open) {
  const std::scoped_lock guard(queue_mutex_);
  const auto txn = *outcome.entry.txn;
  if (orphans_.contains(txn)) {
    tell(fmt::format("the outcome of transaction {} was not written: its journal was moved aside",
                     txn));
    return true;
  }
  if (const auto queued = queue_.find(txn); queued != queue_.end()) {
    throw has_outcome(txn, *queued->second.entry.outcome);
  }
  if (!is_known_open && !open_.contains(txn)) {
    return false;
  }
  open_.erase(txn);
  queue_.emplace(txn, std::move(outcome));
  return true;
}

std::optional<Outcome> Session::queued_outcome(std::int64_t txn) const {
  const std::scoped_lock guard(queue_mutex_);
  const auto queued = queue_.find(txn);
  return queued == queue_.end() ? std::nullopt : queued->second.entry.outcome;
}

void Session::require_unsettled(std::int64_t txn) {
  const auto kind = writer_->kind_of(txn);
  if (kind != Kind::txn && kind != Kind::attempt) {
    throw Error(ErrorKind::usage,
                fmt::format("entry {} of journal {} is no transaction and no attempt", txn,
                            file_.string()));
  }
  if (const auto outcome = writer_->outcome_of(txn)) {
    throw has_outcome(txn, *outcome);
  }
}

}  // namespace converge::journal
