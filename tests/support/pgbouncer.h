#pragma once

#include "tests/support/command.h"
#include "tests/support/postgres.h"
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

/// How the suites' converge reaches a database of the server: directly, or, where POOLER is set in
/// the environment, through one PgBouncer in that `pool_mode` for the whole process. A user other
/// than the superuser always goes directly.
std::string reached(const PostgresCluster& cluster, const std::string& database,
                    const std::string& user = "postgres");

}  // namespace converge::tests
