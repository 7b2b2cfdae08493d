#include "tests/pg/fixture.h"

#include <boost/test/unit_test.hpp>

namespace converge::tests {
namespace {

const std::string kOurs =
    " from pg_stat_activity where datname = current_database() and application_name = 'converge' "
    "and pid <> pg_backend_pid() ";

/// The backend that first comes to its COMMIT ends itself there, once.
const std::string kEndAtCommit = R"(
create sequence times;
create function die() returns trigger language plpgsql as $$begin
  if nextval('times') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if;
  return null;
end$$;
create constraint trigger die after update on cluster deferrable initially deferred
  for each row execute function die();
)";

/// Commits of a database with `synchronous_commit = on` are done, and then wait for a standby that
/// never comes, until their session is terminated.
class CommitsWithoutAnswer {
 public:
  explicit CommitsWithoutAnswer(PostgresCluster& cluster) : cluster_(cluster) {
    cluster_.query("postgres", "alter system set synchronous_commit = local");
    reload("alter system set synchronous_standby_names = 'nobody'");
  }
  ~CommitsWithoutAnswer() {
    reload("alter system reset synchronous_standby_names");
    cluster_.query("postgres", "alter system reset synchronous_commit");
  }
  CommitsWithoutAnswer(const CommitsWithoutAnswer&) = delete;
  CommitsWithoutAnswer& operator=(const CommitsWithoutAnswer&) = delete;

 private:
  void reload(const std::string& setting) {
    cluster_.query("postgres", setting);
    cluster_.query("postgres", "select pg_reload_conf()");
  }

  PostgresCluster& cluster_;
};

BOOST_FIXTURE_TEST_SUITE(connection, World)

BOOST_AUTO_TEST_CASE(terminated_in_a_chunk_everything_is_corrected_once) {
  archived_accounts(6);
  for (const std::string settings : {"-- chunk: 6", "-- chunk: 2", "-- chunk: 2\n-- limit: 9"}) {
    sql("update cluster set archived_at = null");
    define("archive", archive_clusters(settings));
    postgres::Session blocker(connect_options());
    blocker.execute("begin; select from cluster where account_id = 3 for update");
    Background pass([&] { return run("archive"); });
    wait_for_blocked_pass();
    sql("select pg_terminate_backend(pid)" + kOurs + "and wait_event_type = 'Lock'");
    blocker.execute("rollback");
    BOOST_TEST(summary(pass.result()) == "converged: 6 of 6 corrected, 6 changes, 0 failed");
    BOOST_TEST(count("cluster where archived_at is not null") == 6);
  }
  BOOST_TEST(journaled("select count(*), count(distinct subject), max(count), max(outcome) "
                       "from inconsistency") == "18|6|1|committed");
}

BOOST_AUTO_TEST_CASE(lost_during_commit_is_settled_as_rolled_back_and_tried_again) {
  archived_accounts(6);
  sql(kEndAtCommit);
  for (const std::string settings : {"-- chunk: 6", "-- chunk: 2", "-- chunk: 2\n-- limit: 9"}) {
    sql("alter table cluster disable trigger all; update cluster set archived_at = null;"
        "alter table cluster enable trigger all; select setval('times', 1, false)");
    define("archive", archive_clusters(settings));
    BOOST_TEST(summary(run("archive")) == "converged: 6 of 6 corrected, 6 changes, 0 failed");
    BOOST_TEST(count("cluster where archived_at is not null") == 6);
  }
  BOOST_TEST(journaled("select count(*) from \"transaction\" where outcome = 'rolled_back'") ==
             "2");  // Within a limit, deferred constraints speak before.
  BOOST_TEST(journaled("select count(*) from inconsistency where outcome = 'committed'") == "18");
  BOOST_TEST(journaled("select count(*) from unsettled") == "0");
}

// Its one round trip, and the lock within it, are tried again as a whole.
BOOST_AUTO_TEST_CASE(wake_up_that_loses_its_connection_corrects_once) {
  archived_accounts(3);
  define("archive", archive_clusters());
  const RunOptions wake_up{.subjects = {"1", "2"}, .lenient = true};
  const std::string done = "converged: 2 of 2 corrected, 2 changes, 0 failed";
  postgres::Session blocker(connect_options());
  blocker.execute("begin; select from cluster where account_id = 2 for update");
  Background pass([&] { return run("archive", wake_up); });
  wait_for_blocked_pass();
  sql("select pg_terminate_backend(pid)" + kOurs + "and wait_event_type = 'Lock'");
  blocker.execute("rollback");
  BOOST_TEST(summary(pass.result()) == done);

  sql("update cluster set archived_at = null");
  sql(kEndAtCommit);
  BOOST_TEST(summary(run("archive", wake_up)) == done);
  BOOST_TEST(journaled("select outcome, count(*) from inconsistency group by 1 order by 1") ==
             "committed|4\nrolled_back|2");
  BOOST_TEST(journaled("select count(*) from unsettled") == "0");
  BOOST_TEST(count("cluster where archived_at is not null") == 2);
}

BOOST_AUTO_TEST_CASE(lost_after_commit_is_settled_as_committed) {
  archived_accounts(4);
  define("archive", archive_clusters("-- chunk: 2"));
  sql("alter database " + database + " set synchronous_commit = on");
  const CommitsWithoutAnswer unanswered(cluster);
  Background pass([&] { return run("archive"); });
  std::int64_t ended = 0;
  wait_until("the end of the pass", [&] {
    ended +=
        std::stoll(cluster.query("postgres",
                                 "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                                 "where datname = '" +
                                     database + "' and wait_event = 'SyncRep'"));
    return pass.is_done();
  });
  BOOST_TEST(ended >= 2);
  BOOST_TEST(summary(pass.result()) == "converged: 4 of 4 corrected, 4 changes, 0 failed");
  BOOST_TEST(journaled("select outcome, count(*) from \"transaction\" group by 1") ==
             "committed|2");
  BOOST_TEST(journaled("select count(*) from entry where kind = 4 and detail is not null") == "2");
  BOOST_TEST(journaled("select count(*) from unsettled") == "0");
  check_journal_agrees();
}

BOOST_AUTO_TEST_CASE(lost_lock_connection_stops_the_pass_before_the_next_commit) {
  archived_accounts(9);
  define("archive", archive_clusters("-- chunk: 1"));
  postgres::Session blocker(connect_options());
  blocker.execute("begin; select from cluster where account_id = 1 for update");
  Background pass([&] { return run("archive"); });
  wait_for_blocked_pass();
  const std::string pid = sql("select pid from pg_locks where locktype = 'advisory'");
  sql("select pg_terminate_backend(" + pid + ")");
  wait_until("its end", [&] { return !std::filesystem::exists("/proc/" + pid); });
  blocker.execute("rollback");
  const auto result = pass.result();
  BOOST_TEST(engine::name_of(result.outcome) == "failed");
  BOOST_TEST_REQUIRE(result.error.has_value());
  BOOST_TEST(std::string(result.error->what()).starts_with("lost the lock of the pass: "));
  BOOST_TEST(result.inconsistencies == 0);  // Not even what was in flight.
  check_journal_agrees();
}

BOOST_AUTO_TEST_CASE(server_that_goes_away_ends_the_pass_and_the_next_one_goes_on) {
  archived_accounts(4);
  define("archive", archive_clusters("-- chunk: 1"));
  postgres::Session blocker(connect_options());
  blocker.execute("begin; select from cluster where account_id = 3 for update");
  Background pass([&] { return run("archive"); });
  wait_for_blocked_pass();
  // Whether a COMMIT came through whose answer a crash took would be unknown.
  wait_until("the chunks before it",
             [&] { return count("cluster where archived_at is not null") == 2; });
  cluster.stop(PostgresCluster::StopMode::immediate);
  const auto result = pass.result();
  cluster.start();
  BOOST_TEST(engine::name_of(result.outcome) == "failed");
  BOOST_TEST_REQUIRE(result.error.has_value());
  BOOST_TEST((result.error->kind() == ErrorKind::transient),
             result.error->what() << result.error->sqlstate() << int(result.error->kind()));
  BOOST_TEST(result.failed == 0);
  check_journal_agrees();
  const auto second = run("archive");
  BOOST_TEST(engine::name_of(second.outcome) == "converged");
  BOOST_TEST(result.inconsistencies + second.inconsistencies == 4);
  check_journal_agrees();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
