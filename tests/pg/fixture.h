#pragma once

#include "journal/journal.h"
#include "journal/reader.h"
#include "src/base/error.h"
#include "src/engine/pass.h"
#include "src/http/client.h"
#include "src/postgres/session.h"
#include "tests/support/postgres.h"
#include "tests/support/temp_dir.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace converge::tests {

/// How a pass is run where it is not the usual.
struct RunOptions {
  std::string user = "postgres";
  std::chrono::milliseconds lock_timeout{10'000};
  std::chrono::milliseconds wait{0};
  std::vector<std::string> subjects = {};
  const std::atomic<bool>* stop = nullptr;
  engine::PassObserver observer = {};
  bool lenient = false;
  std::optional<int> shard = {};
  int connections = postgres::Pool::kUnlimited;
};

/// A fresh database with accounts, their clusters and api keys; a directory of definitions; a
/// journal. A case that ends leaves a journal that verifies, or has failed.
class World {
 public:
  World();
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  void teardown() const;  ///< Boost.Test calls it after a case that did not throw.

  PostgresCluster& cluster = PostgresCluster::shared();
  const std::string database;
  const TempDir directory;
  const std::filesystem::path journal_file = directory / "state" / "journal.db";
  std::map<std::string, std::string> variables;  ///< Of steps outside the database.
  http::HttpOptions http_options{.proxy = ""};   ///< Of those that call a service.
  std::vector<std::string> notices;
  journal::Journal journal{journal_file, "tester",
                           [this](const auto& text) { notices.push_back(text); }};

  /// As the superuser, in a session of its own: rows as `psql -At` prints them.
  std::string sql(const std::string& statements) const;
  std::int64_t count(const std::string& from) const;
  /// Archived accounts 1 to `number`, each with so many clusters and api keys that are still alive.
  void archived_accounts(int number, int clusters = 1, int api_keys = 0) const;

  void define(const std::string& name, const std::string& text) const;
  engine::PassResult run(const std::string& name, const RunOptions& options = {});
  engine::PassResult plan(const std::string& name, const RunOptions& options = {});
  /// The same for a converger that no file defines.
  engine::PassResult run(engine::Converger& converger, const RunOptions& options = {});
  engine::PassResult plan(engine::Converger& converger, const RunOptions& options = {});

  std::vector<journal::StoredEntry> entries(std::optional<journal::Kind> kind = {}) const;
  /// The kinds of all entries in order: `txn inconsistency outcome pass`.
  std::string kinds() const;
  /// What an SQL query of the journal's file returns, as `psql -At` would print it.
  std::string journaled(const std::string& query) const;
  /// Checks that the clusters with a journaled, committed change are those that are archived.
  void check_journal_agrees() const;

  postgres::ConnectOptions connect_options(const RunOptions& options = {}) const;
  /// Waits until a session of converge's waits for a lock.
  void wait_for_blocked_pass() const;

 private:
  engine::PassResult pass(const std::string& name, const RunOptions& options,
                          journal::Journal* record_in) const;
  engine::PassResult pass(engine::Converger& converger, const RunOptions& options,
                          journal::Journal* record_in) const;
};

/// `converged: 3 of 4 corrected, 6 changes, 0 failed`, and why, if the pass as a whole failed.
std::string summary(const engine::PassResult& result);

/// A pass in a thread of its own.
class Background {
 public:
  explicit Background(std::function<engine::PassResult()> pass);
  /// Waits for its end.
  engine::PassResult result();
  bool is_done() const { return done_; }

 private:
  engine::PassResult result_;
  std::atomic<bool> done_{false};
  std::jthread thread_;  // Last: it is joined before the result goes.
};

/// Polls until `condition` is true; throws `std::runtime_error` naming `what` after two minutes.
void wait_until(const std::string& what, const std::function<bool()>& condition);

/// The `Error` that `body` throws. Throws `std::logic_error` when there is none.
Error error_of(const std::function<void()>& body);

/// A definition that archives the clusters of archived accounts, with settings in front.
std::string archive_clusters(const std::string& settings = "");

extern const std::string kFindArchived;
extern const std::string kArchiveClusters;  ///< A step.
extern const std::string kRevokeApiKeys;    ///< Another.

}  // namespace converge::tests
