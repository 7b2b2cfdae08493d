#pragma once

#include "src/postgres/session.h"

#include <string>

namespace converge::postgres {

/// A database that exists as long as this object: `converge_test_HOST_PID_STARTED`, which names
/// this process. What a process of this host left behind that is gone is dropped when the next one
/// is made, unless somebody is connected to it.
class ScratchDatabase {
 public:
  /// Makes it beside the database that `server` names, empty. Throws as `Session` does.
  explicit ScratchDatabase(const ConnectOptions& server);
  /// Drops it, whoever is connected to it. SIGINT, SIGTERM and SIGHUP wait until that is done.
  ~ScratchDatabase();
  ScratchDatabase(const ScratchDatabase&) = delete;
  ScratchDatabase& operator=(const ScratchDatabase&) = delete;

  /// How to connect to it.
  const ConnectOptions& options() const { return options_; }

 private:
  void drop_leftovers(const std::string& prefix);

  std::string name_;
  ConnectOptions options_;
  Session beside_;
};

}  // namespace converge::postgres
