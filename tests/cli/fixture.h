#pragma once

#include "tests/support/command.h"
#include "tests/support/postgres.h"
#include "tests/support/temp_dir.h"

#include <libpq-fe.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace converge::tests {

using Words = std::vector<std::string>;
using Environment = std::map<std::string, std::optional<std::string>>;

/// What a person has: the binary, a directory of definitions, a journal, and a database of the
/// bundled platform schema whose triggers write each correction down in the table `audit`.
class Cli {
 public:
  explicit Cli(PostgresCluster& server = PostgresCluster::shared());
  ~Cli();
  Cli(const Cli&) = delete;
  Cli& operator=(const Cli&) = delete;

  /// Runs `converge ARGUMENTS...` to its end, or starts it.
  CommandResult call(const Words& arguments) const;
  Command start(const Words& arguments) const;
  /// Runs the debug twin, which must die at the fault point.
  void die_at(const std::string& fault, const Words& arguments) const;

  /// Writes convergers/NAME.sql.
  std::filesystem::path define(const std::string& name, const std::string& text) const;
  /// Adds accounts `a1@example.com`, ... with two clusters and an api key each.
  void add_accounts(int count) const;
  void archive_accounts(const std::string& condition = "true") const;
  /// Archives accounts, and runs the converger, which must succeed.
  void correct(const std::string& converger, const std::string& condition) const;
  /// Makes everything that was corrected wrong again.
  void dirty_again() const;

  /// Makes each COMMIT that corrects a cluster for which the condition on `new` holds wait for the
  /// advisory lock that `kCommitLock` takes. Up to there nothing waits, and a rollback never does.
  void guard_commits(const std::string& condition) const;

  std::string sql(const std::string& statements) const;
  /// The rows that still are wrong.
  std::string left_to_do() const;
  std::string audited_rows() const { return sql("select count(*) from audit"); }
  /// What `sqlite3 -readonly` answers for the journal: columns joined by `|`.
  std::string ask_journal(const std::string& query) const;
  bool has_journal() const { return std::filesystem::exists(journal); }
  /// Runs SQL on the journal after dropping the triggers that protect it.
  void tamper(const std::string& statements) const;

  /// The journal must agree with the audit table, row by row, and with what the server says of
  /// each transaction; the chain must be whole and nothing pending: see `disagreement`.
  void require_agreement() const;

  TempDir directory;
  std::filesystem::path convergers;
  std::filesystem::path journal;
  PostgresCluster& cluster;
  std::string database;
  std::string url;
  Environment environment;  ///< Of every command.
  Words prefix;             ///< In front of the binary: `setpriv ...`.
  std::string binary;

 private:
  Words words(const std::string& program, const Words& arguments) const;
};

/// The bundled converger.
std::string bundled();
/// One that archives the clusters and revokes the keys of archived accounts. Its steps call what
/// they return by the name of the table, as the audit trigger does.
std::string archiver(const std::string& settings);

inline constexpr const char* kCommitLock = "select pg_advisory_xact_lock(7)";

/// A session of somebody else's in a transaction that has run `statements`; it ends, giving its
/// locks back, with the object or with `end`.
class Bystander {
 public:
  Bystander(const Cli& cli, const std::string& statements);
  void end() { connection_.reset(); }

 private:
  std::unique_ptr<PGconn, decltype(&::PQfinish)> connection_;
};

/// Locks that outlive a crash of the server: those of a prepared transaction.
class LockAcrossRestarts {
 public:
  LockAcrossRestarts(const Cli& cli, const std::string& statements);
  ~LockAcrossRestarts() { end(); }
  LockAcrossRestarts(const LockAcrossRestarts&) = delete;
  LockAcrossRestarts& operator=(const LockAcrossRestarts&) = delete;
  void end();

 private:
  const Cli& cli_;
  bool held_ = true;
};

/// Waits until `condition` holds; false when it has not within the deadline.
bool eventually(const std::function<bool()>& condition);
/// Waits until a session of converge's in the database of `cli` waits for the lock of a row.
bool waits_for_row(const Cli& cli);
/// Waits until so many of them wait for an advisory lock.
bool wait_for_advisory_lock(const Cli& cli, int sessions = 1);

/// Waits until one of them was refused the lock of a converger, and asks again and again.
bool is_refused_the_lock(const Cli& cli);

/// `text` with each duration in parentheses as `(T)` and each `YYYY-MM-DD HH:MM:SS` as `TIME`.
std::string timeless(const std::string& text);
/// A member of the JSON object on one line, as text; `(none)` when there is none.
std::string member(const std::string& line, const std::string& name);
std::vector<std::string> lines(const std::string& text);
bool contains(const std::string& text, const std::string& part);

/// A shared library of the machine's architecture.
std::filesystem::path library(const std::string& name);

/// What runs a program as nobody when this process is root, so that modes count; else nothing.
Words as_nobody();

}  // namespace converge::tests
