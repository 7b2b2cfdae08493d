#pragma once

#include "tests/support/command.h"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace converge::tests {

/// A throwaway PostgreSQL 15 in a directory of its own under /tmp: a private Unix socket, no TCP
/// unless it is asked for, fsync on, little memory. Started by root it runs as `postgres`, because
/// initdb refuses root.
///
/// The end of the object stops the server and removes the directory, and so does the end of the
/// process, even by SIGKILL. Roles log in without a password, but for the
/// members of the role `needs_password`.
///
/// Throws `std::runtime_error` with what the program that failed has printed.
class PostgresCluster {
 public:
  enum class StopMode {
    fast,       ///< Sessions are closed, data is flushed.
    immediate,  ///< As in a crash: the next start recovers from the write-ahead log.
  };

  /// The cluster of this process, made and started at first use and removed at exit.
  static PostgresCluster& shared();

  PostgresCluster();
  /// A standby of another one, made by pg_basebackup, that follows it by streaming replication.
  explicit PostgresCluster(PostgresCluster& primary);
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;

  void start();
  void stop(StopMode mode = StopMode::fast);
  void restart(StopMode mode = StopMode::fast);

  /// Ends the recovery of a standby, which takes writes from now on, on a timeline of its own.
  void promote();

  /// Makes a fresh database in which the SQL scripts have been run in order, and returns its name.
  /// The scripts run once for each different list; after that the database is a copy.
  std::string create_database(const std::vector<std::string>& scripts = {});
  /// Drops a database, closing its sessions.
  void drop_database(const std::string& database);

  /// Restarts it to listen on an address of the loopback network as well, which it returns.
  std::string listen();

  /// A libpq connection string.
  std::string url(const std::string& database, const std::string& user = "postgres") const;

  /// Runs SQL, statements separated by semicolons, as the superuser. Returns the rows of the last
  /// one as `psql -At` prints them: columns joined by `|`, rows by a line break, null as nothing.
  std::string query(const std::string& database, const std::string& sql) const;

  /// What the server has logged.
  std::string log() const;

  const std::filesystem::path& socket_directory() const noexcept { return directory_; }
  std::filesystem::path data_directory() const { return directory_ / "data"; }

 private:
  /// Runs a program of PostgreSQL's as the user that the server belongs to.
  CommandResult run_as_owner(const std::string& program, std::vector<std::string> arguments) const;

  /// Waits in a process of its own for the end of its owner, good or bad, then stops the server and
  /// removes the directory.
  class Watcher {
   public:
    explicit Watcher(const std::filesystem::path& directory);
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

   private:
    pid_t pid_ = -1;
    int lifeline_ = -1;  ///< The write end of its pipe, closed by the end of this process too.
  };

  std::filesystem::path directory_;
  Watcher watcher_;
  int databases_ = 0;
  std::map<std::vector<std::string>, std::string> templates_;  ///< By scripts.
};

}  // namespace converge::tests
