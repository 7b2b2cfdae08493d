#pragma once

#include "journal/database.h"
#include "journal/entry.h"
#include "journal/journal.h"
#include "journal/owed.h"
#include "journal/writer.h"
#include "src/base/clock.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace converge::journal {

/// An outcome that waits for the next write.
struct QueuedOutcome {
  std::int64_t time_us = 0;
  Entry entry;
  AttemptEnd end = {};  ///< Of an attempt: what it changes beside.
};

/// A writer's hold on the journal file over time: the connection, which comes and goes, and the
/// queues of outcomes and of passes, which stay until they are on disk. Thread-safe. Throws only
/// `Error`, and what the functions that it is given throw; these must not call it, and neither may
/// `notice`.
///
/// The outcome of a transaction whose journal was moved aside has no place in the new one, where
/// its number means another entry: it is dropped with a notice. Such a number may name a
/// transaction of the new journal too; its outcome is then left to recovery, which asks the server.
class Session {
 public:
  Session(std::filesystem::path file, std::string actor,
          std::function<void(const std::string&)> notice);
  /// Moves a long WAL into the file: whoever opens it next would have to read all of it first.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void register_definition(const DefinitionId& id, const std::string& text);

  /// As `Journal::time_writes`.
  void time_writes(std::function<void(std::chrono::microseconds)> told) {
    write_took_ = std::move(told);
  }
  /// Calls `body` within one durable write transaction, after the queued outcomes. When `body`
  /// throws, nothing was written; when anything else does, the connection is dropped.
  void write(const std::function<void(Writer&)>& body);
  /// The same for entries whose outcome is to come; `body` returns their seqs.
  void write_pending(const std::function<std::vector<std::int64_t>(Writer&)>& body);
  /// Without `passes_too` they ride on the next write.
  void flush(bool passes_too = true);
  /// For the bodies of `read` and `write`: a statement that is kept, as preparing one takes longer
  /// than most reads.
  SQLite::Statement& prepared(const char* sql);
  /// Calls `body` outside any transaction. A file that turns out to be corrupt is moved aside and a
  /// new one begun, as by a write; the call throws all the same.
  void read(const std::function<void(SQLite::Database&)>& body);

  /// Of two in a row that changed nothing only the later one is kept.
  void queue_pass(LastPass last);
  void queue_outcome(QueuedOutcome outcome);
  std::optional<Outcome> queued_outcome(std::int64_t txn) const;

 private:
  void connect();
  void disconnect() noexcept;
  void shorten_wal();
  void adopt(OpenedDatabase opened);
  void begin_anew(const std::string& reason);
  void record_beginning(const std::string& detail);
  void leave_old_journal();
  void tell(const std::string& message) const;

  void transact(const std::function<void(Writer&)>& body);
  void write_outcomes(const std::map<std::int64_t, QueuedOutcome>& queued);
  [[noreturn]] void give_up(const SQLite::Exception& error);
  void write_while_locked(const std::function<void(Writer&)>& body, int long_wal_frames,
                          Clock::time_point began);
  void watch_wal();
  void checkpoint_after(int frames) noexcept;
  bool queue_if_open(QueuedOutcome& outcome, bool is_known_open);
  void require_unsettled(std::int64_t txn);
  void forget_written(const std::map<std::int64_t, QueuedOutcome>& written);
  std::vector<LastPass> take_passes();
  void put_passes_back(std::vector<LastPass> passes);

  const std::filesystem::path file_;
  const std::string actor_;
  const std::function<void(const std::string&)> notice_;
  std::function<void(std::chrono::microseconds)> write_took_ = [](auto) {};

  std::mutex connection_mutex_;  // Taken before `queue_mutex_`, for the connection and the texts.
  std::optional<FileIdentity> identity_;  // Of the file that is open.
  std::string journal_id_;                // Of the journal that was open last.
  std::unique_ptr<SQLite::Database> database_;
  std::unique_ptr<Writer> writer_;
  std::map<std::string, SQLite::Statement, std::less<>> prepared_;
  int wal_frames_ = 0;           // In the WAL after the last commit.
  int checkpointed_frames_ = 0;  // Of these, what the last checkpoint met.
  DefinitionTexts texts_;

  // Apart from the connection's, so that who queues an outcome does not wait for another's fsync.
  mutable std::mutex queue_mutex_;
  std::map<std::int64_t, QueuedOutcome> queue_;  // By transaction.
  std::vector<LastPass> passes_;                 // In their order.
  std::set<std::int64_t> open_;                  // Transactions of this session without outcome.
  std::set<std::int64_t> orphans_;               // Those whose journal was moved aside.
};

}  // namespace converge::journal
