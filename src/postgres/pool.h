#pragma once

#include "src/base/clock.h"
#include "src/postgres/session.h"

#include <condition_variable>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace converge::postgres {

/// Sessions that are used in turn and kept for the next user, so many at most. Thread-safe.
///
/// Who holds a session must not wait for another one: as many users as there are places would wait
/// for each other. `try_lease` is for those who can do without.
class Pool {
 public:
  static constexpr int kUnlimited = std::numeric_limits<int>::max();

  explicit Pool(ConnectOptions options, int capacity = kUnlimited)
      : options_(std::move(options)), capacity_(capacity) {}

  /// A session for as long as the lease lives. Goes back to the pool unless it broke or is stale.
  /// Must not outlive the pool.
  using Lease = std::unique_ptr<Session, std::function<void(Session*)>>;

  /// Waits for a free place. Connects when no session is idle; those that died while they were idle
  /// are dropped. Throws as `Session` does, and when a name or an address leads to another server
  /// than before: its locks and its transactions are not those of the first.
  Lease lease();
  /// The same, but throws `Error{transient}` when no place was free until the deadline.
  Lease lease(Clock::time_point deadline);
  /// The same without waiting; nullopt when no place is free.
  std::optional<Lease> try_lease();
  /// One more than the capacity if need be: to learn what became of a session whose user still has
  /// it.
  Lease lease_beyond();

  /// Closes the sessions that are idle.
  void clear();

  int in_use() const;  ///< Places that are taken.
  int capacity() const { return capacity_; }
  const ConnectOptions& options() const { return options_; }

 private:
  std::unique_ptr<Session> connect();
  std::unique_ptr<Session> idle_session();
  Lease open(bool has_place);
  void give_back(std::unique_ptr<Session> session, bool has_place);
  void give_place_back();

  const ConnectOptions options_;
  const int capacity_;
  mutable std::mutex mutex_;  ///< Of everything below.
  std::condition_variable given_back_;
  int in_use_ = 0;
  std::vector<std::unique_ptr<Session>> idle_;
  std::string system_identifier_;  ///< Of the server; empty before the first session.
};

}  // namespace converge::postgres
