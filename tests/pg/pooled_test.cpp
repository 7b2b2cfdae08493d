#include "convergers/sql_converger.h"
#include "src/postgres/advisory_lock.h"
#include "src/postgres/pool.h"
#include "tests/pg/fixture.h"

#include <boost/test/unit_test.hpp>

namespace converge::tests {
namespace {

/// One converger object and one pool over several passes, as in a process that stays.
struct PooledWorld : World {
  /// A second pass with all the same.
  engine::PassResult again() {
    engine::PassContext context{.pool = *pool_,
                                .locks = locks_,
                                .journal = &journal,
                                .trigger = "daemon",
                                .actor = "tester",
                                .observer = {}};
    return engine::run_pass(*converger_, context);
  }

  engine::PassResult first(const std::string& name, int connections) {
    load(name);
    pool_.emplace(connect_options(), connections);
    return again();
  }
  void load(const std::string& name) {
    converger_.emplace(convergers::load_definition(directory / "convergers" / (name + ".sql")));
  }

  std::optional<postgres::Pool> pool_;
  std::optional<convergers::SqlConverger> converger_;
  postgres::Session lock_session_{connect_options()};
  postgres::AdvisoryLocks locks_{lock_session_};
};

BOOST_FIXTURE_TEST_SUITE(pooled, PooledWorld)

BOOST_AUTO_TEST_CASE(every_kind_of_pass_works_with_one_connection) {
  archived_accounts(9);
  sql("alter table cluster add constraint odd check (account_id <> 5 or archived_at is null)");
  for (const std::string settings :
       {"", "-- chunk: 2", "-- chunk: 2\n-- parallel: 2", "-- limit: 20",
        "-- limit: 20\n-- chunk: 2", "-- limit: 3\n-- chunk: 2"}) {
    sql("update cluster set archived_at = null");
    journal.retry("archive", std::nullopt);
    define("archive", archive_clusters(settings));
    const RunOptions one{.connections = 1};
    BOOST_TEST(plan("archive", one).inconsistencies == 8, settings);
    const auto result = run("archive", one);
    BOOST_TEST(result.failed == 1, settings);
    const bool held = settings.starts_with("-- limit: 3");
    BOOST_TEST(result.hold.has_value() == held, settings);
    BOOST_TEST(result.inconsistencies == 8, settings);
    BOOST_TEST(result.changes == (held ? 0 : 8), settings);
  }
}

BOOST_AUTO_TEST_CASE(passes_at_once_share_fewer_connections_than_they_are) {
  archived_accounts(60);
  postgres::Pool pool(connect_options(), 2);
  std::vector<std::unique_ptr<Background>> passes;
  for (int i = 0; i < 4; ++i) {
    const std::string name = "archive" + std::to_string(i);
    define(name, "-- chunk: 5\n-- parallel: 2\n-- find:\nselect id from account where id % 4 = " +
                     std::to_string(i) + ";\n" + kArchiveClusters);
    passes.push_back(std::make_unique<Background>([&, name] {
      convergers::SqlConverger converger(
          convergers::load_definition(directory / "convergers" / (name + ".sql")));
      engine::PassContext context{.pool = pool,
                                  .locks = locks_,
                                  .journal = &journal,
                                  .trigger = "daemon",
                                  .actor = "tester",
                                  .observer = {}};
      return engine::run_pass(converger, context);
    }));
  }
  for (const auto& pass : passes) {
    BOOST_TEST(summary(pass->result()) == "converged: 15 of 15 corrected, 15 changes, 0 failed");
  }
  BOOST_TEST(pool.in_use() == 0);
  check_journal_agrees();
}

BOOST_AUTO_TEST_CASE(pass_without_a_free_connection_ends_at_its_deadline) {
  archived_accounts(1);
  define("archive", archive_clusters());
  BOOST_TEST(first("archive", 1).changes == 1);
  const auto taken = pool_->lease();
  define("archive", archive_clusters("-- pass_timeout: 100ms"));
  load("archive");
  const auto result = again();
  BOOST_TEST_REQUIRE(result.error.has_value());
  BOOST_TEST(std::string(result.error->what()).starts_with("no connection was free within "));
}

BOOST_AUTO_TEST_CASE(schema_that_changes_between_passes_is_met) {
  archived_accounts(4);
  for (const std::string settings : {"", "-- chunk: 1", "-- limit: 9"}) {
    define("archive", archive_clusters(settings));
    first("archive", 2);
    for (const std::string change :
         {"alter table account alter email type varchar(90)",
          "alter table account alter email type text", "alter table cluster alter id type integer",
          "alter table account drop email; alter table account add email text",
          "alter table cluster alter account_id type integer; alter table account alter id type "
          "integer",
          "alter table cluster alter account_id type bigint; alter table account alter id type "
          "bigint; alter table cluster alter id type bigint"}) {
      sql(change + "; update cluster set archived_at = null");
      const auto result = again();
      BOOST_TEST(summary(result) == "converged: 4 of 4 corrected, 4 changes, 0 failed",
                 settings << " " << change << " " << summary(result));
    }
  }
  BOOST_TEST(journaled("select count(*) from unsettled") == "0");
}

BOOST_AUTO_TEST_CASE(key_of_another_type_is_met) {
  archived_accounts(4);
  sql("alter table cluster drop constraint cluster_account_id_fkey;"
      "alter table api_key drop constraint api_key_account_id_fkey");
  for (const std::string settings : {"", "-- chunk: 1", "-- limit: 9"}) {
    define("archive", archive_clusters(settings));
    first("archive", 2);
    for (const std::string type : {"text", "bigint"}) {
      sql("alter table cluster alter account_id type " + type + " using account_id::" + type +
          "; alter table account alter id type " + type + " using id::" + type +
          "; update cluster set archived_at = null");
      BOOST_TEST(summary(again()) == "converged: 4 of 4 corrected, 4 changes, 0 failed",
                 settings << " " << type);
    }
  }
}

BOOST_AUTO_TEST_CASE(schema_that_no_longer_fits_fails_clearly_and_is_looked_at_again) {
  archived_accounts(2);
  define("archive", archive_clusters());
  first("archive", 2);
  sql("update cluster set archived_at = null; alter table account rename email to mail");
  const auto result = again();
  BOOST_TEST_REQUIRE(result.error.has_value());
  BOOST_TEST(std::string(result.error->what()).find("column \"email\" does not exist") !=
             std::string::npos);
  BOOST_TEST(result.failed == 0);
  sql("alter table account rename mail to email");
  BOOST_TEST(summary(again()) == "converged: 2 of 2 corrected, 2 changes, 0 failed");
}

BOOST_AUTO_TEST_CASE(sessions_that_died_while_idle_fail_no_pass) {
  archived_accounts(2);
  define("archive", archive_clusters());
  first("archive", 2);
  sql("update cluster set archived_at = null;"
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
      "and application_name = 'converge' and pid not in (select pid from pg_locks where "
      "locktype = 'advisory') and query not like '%advisory%'");
  BOOST_TEST(summary(again()) == "converged: 2 of 2 corrected, 2 changes, 0 failed");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
