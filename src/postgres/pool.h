#pragma once

#include "src/postgres/session.h"

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace converge::postgres {

/// Sessions that are used in turn and kept for the next user. Thread-safe.
class Pool {
 public:
  explicit Pool(ConnectOptions options) : options_(std::move(options)) {}

  /// A session for as long as the lease lives. Goes back to the pool unless it broke.
  using Lease = std::unique_ptr<Session, std::function<void(Session*)>>;

  /// Connects when no session is idle; throws as `Session` does, and when a name or an address
  /// leads to another server than before: its locks and its transactions are not those of the
  /// first. Must not outlive the pool.
  Lease lease();

  const ConnectOptions& options() const { return options_; }

 private:
  std::unique_ptr<Session> connect();

  ConnectOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_;
  std::string system_identifier_;  ///< Of the server; empty before the first session.
};

}  // namespace converge::postgres
