#pragma once

#include "tests/support/command.h"
#include "tests/support/temp_dir.h"

#include <memory>
#include <string>

namespace converge::tests {

/// A real pgbouncer(1) in front of a server, on a Unix socket of its own; it ends with this object.
class PgBouncer {
 public:
  /// `mode` as `pool_mode`; it connects to the server in that directory as `user`. Returns when it
  /// listens. Throws `std::runtime_error` with its reasons if it does not.
  PgBouncer(const std::string& mode, const std::string& server, const std::string& user);

  std::string url(const std::string& database) const;
  /// From now on every query waits: connections are taken, and nothing is answered.
  void pause() const;

 private:
  TempDir directory_;
  std::unique_ptr<Command> process_;
};

}  // namespace converge::tests
