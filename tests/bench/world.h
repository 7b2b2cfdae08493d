#pragma once

#include "tests/support/postgres.h"
#include "tests/support/temp_dir.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace converge::bench {

/// The server, its databases and the definitions that are measured with.
class World {
 public:
  World();

  /// A database of accounts that were all archived just now and still own `owned` rows in each of
  /// three tables; made once for each size.
  std::string dirty_template(std::int64_t accounts, int owned);
  /// A database that the scripts have filled, analyzed, in memory, nothing left to be flushed.
  std::string filled(const std::vector<std::string>& scripts);
  /// A copy of a database, its pages in memory, nothing left to be flushed.
  std::string copy(const std::string& database);
  void drop(const std::string& database) { cluster_.drop_database(database); }

  /// A directory with archive_account, without its limit, at so many chunks in parallel.
  std::filesystem::path convergers(int parallel);
  /// A journal file that does not exist yet, on the same disk as the server's data.
  std::filesystem::path new_journal();

  /// For pgbench: one account in each transaction.
  std::filesystem::path pgbench_script();

  /// An empty directory, on the same disk.
  std::filesystem::path new_directory();
  tests::PostgresCluster& server() { return cluster_; }

  std::string url(const std::string& database) const { return cluster_.url(database); }
  std::string query(const std::string& database, const std::string& sql) const {
    return cluster_.query(database, sql);
  }

 private:
  void settle(const std::string& database);

  tests::PostgresCluster cluster_;
  tests::TempDir directory_;
  int copies_ = 0;
};

}  // namespace converge::bench
