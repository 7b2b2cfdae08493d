#include "tests/cli/daemon_fixture.h"
#include "tests/support/proxy.h"
#include "tests/torture/claims.h"
#include "tests/torture/closing_table.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <random>
#include <thread>
#include <utility>

namespace {

using namespace converge::tests;

/// The shared server, which may lose its power in no case here: what is killed has written to the
/// kernel, and that is as good as a disk, and quicker.
PostgresCluster& quick_primary() {
  auto& server = PostgresCluster::shared();
  server.query("postgres", "alter system set fsync = off");
  server.query("postgres", "select pg_reload_conf()");
  return server;
}

/// A primary, a standby of it, and a name that leads to one of them: the proxy. The primary is the
/// shared server, which runs again at the end.
struct Failover : Cli {
  Failover() : Cli(quick_primary()), proxy(cluster.socket_directory() / kSocket), standby(cluster) {
    add_accounts(6);
    archive_accounts();
    audit_timelines(*this);
    define("archive", archiver("-- chunk: 2\n"));
    environment["CONVERGE_DATABASE"] = proxy.url(database);
  }
  ~Failover() { restart_primary(); }
  Failover(const Failover&) = delete;
  Failover& operator=(const Failover&) = delete;

  /// From now on the primary commits nothing that the standby has not got, until it is killed.
  void replicate_synchronously() {
    primary.query("postgres", "alter system set synchronous_standby_names = '*'");
    primary.query("postgres", "select pg_reload_conf()");
    BOOST_REQUIRE(eventually([&] {
      return primary.query("postgres",
                           "select count(*) from pg_stat_replication "
                           "where sync_state = 'sync'") == "1";
    }));
  }

  /// From now on the standby gets nothing; what it has is all that there is so far.
  void stop_replicating(PostgresCluster& follower) {
    const auto end = primary.query("postgres", "select pg_current_wal_flush_lsn()");
    BOOST_REQUIRE(eventually([&] {
      return follower.query("postgres", "select pg_last_wal_replay_lsn() >= '" + end + "'") == "t";
    }));
    follower.query("postgres", "alter system set primary_conninfo = ''");
    follower.query("postgres", "select pg_reload_conf()");
    BOOST_REQUIRE(eventually([&] {
      return follower.query("postgres", "select count(*) from pg_stat_wal_receiver") == "0";
    }));
  }

  void kill_primary() {
    primary.stop(PostgresCluster::StopMode::immediate);
    primary_runs = false;
  }
  /// Where it was, on its own timeline, and followed by nobody.
  void restart_primary() {
    if (std::exchange(primary_runs, true)) return;
    primary.start();
    primary.query("postgres", "alter system reset synchronous_standby_names");
    primary.query("postgres", "select pg_reload_conf()");
  }
  /// The standby takes over, and the name leads there.
  void take_over() {
    standby.promote();
    proxy.lead_to(standby.socket_directory() / kSocket);
  }

  /// Gives transaction ids of a server to others, who commit, up to this one and some more.
  void use_up_to(const PostgresCluster& server, const std::string& xid) const {
    server.query(database, "create table if not exists somebody (x int)");
    while (server.query(database, "select pg_snapshot_xmax(pg_current_snapshot()) > '" + xid +
                                      "'::xid8") == "f") {
      server.query(database, "insert into somebody values (1)");
    }
    BOOST_TEST(server.query(database, "select pg_xact_status('" + xid + "'::xid8)") == "committed");
  }

  std::string newest_xid() const {
    return ask_journal("select xid from \"transaction\" order by seq desc limit 1");
  }
  std::string outcomes(int timeline) const {
    return ask_journal(
        "select group_concat(distinct outcome) from \"transaction\" "
        "where timeline = " +
        std::to_string(timeline));
  }

  /// Two commands on the server that took over: what is left is done, and then nothing is left.
  void require_next_run_corrects() {
    const auto next = call({"run", "archive", "--wait", "20s"});
    BOOST_TEST(next.status == 0, next.out << next.err);
    const auto last = call({"run", "archive"});
    BOOST_TEST(contains(last.out, "nothing to do"), last.out << last.err);
  }

  /// What the journal says of the new timeline is so there, and of the old one where that went on.
  void require_truth() {
    require_true_claims(*this, 2, audited_on(standby, database, 2));
    restart_primary();
    require_true_claims(*this, 1, audited_on(primary, database, 1));
  }

  static constexpr const char* kSocket = ".s.PGSQL.5432";
  PostgresCluster& primary = cluster;
  bool primary_runs = true;
  Proxy proxy;
  PostgresCluster standby;
};

/// When the primary is killed.
enum class Moment { before_commit, within_commit, before_answer, after_answer };
constexpr Moment kMoments[] = {Moment::before_commit, Moment::within_commit, Moment::before_answer,
                               Moment::after_answer};
const char* name_of(Moment moment) {
  switch (moment) {
    case Moment::before_commit:
      return "before COMMIT is sent";
    case Moment::within_commit:
      return "some 0 to 3 ms after it";
    case Moment::before_answer:
      return "before its answer";
    case Moment::after_answer:
      return "after its answer";
  }
  return "";
}

BOOST_AUTO_TEST_SUITE(failover)

/// A failover at the second COMMIT of a pass; how the command ended.
std::string fail_over_at(Failover& world, Moment moment, std::mt19937& generator) {
  const bool at_answer = moment == Moment::before_answer || moment == Moment::after_answer;
  std::chrono::microseconds delay(std::uniform_int_distribution<int>(0, 3000)(generator));
  if (at_answer) delay = {};
  std::jthread killer;
  world.proxy.judge_by([&, seen = 0](const WireMessage& message) mutable {
    const auto place = message.place();
    if (place != (at_answer ? "server C COMMIT" : "client Q commit") || ++seen != 2) {
      return WireFault::none;
    }
    if (moment == Moment::before_commit || moment == Moment::before_answer) {
      world.kill_primary();
      killer = std::jthread([&] { world.take_over(); });
      return WireFault::cut_before;
    }
    killer = std::jthread([&world, delay] {
      std::this_thread::sleep_for(delay);
      world.kill_primary();
      world.take_over();
    });
    return WireFault::none;
  });
  const auto result = world.call({"run", "archive"});
  killer.join();
  world.proxy.judge_by({});
  BOOST_TEST(!result.timed_out);
  return end_of(result);
}

BOOST_AUTO_TEST_CASE(primary_that_is_killed_around_a_commit_leaves_true_claims) {
  const int rounds = scaled("FAILOVERS", 1);
  std::mt19937 generator(std::random_device{}());
  FaultTally tally(
      "failover: the primary is killed around a COMMIT, the standby promoted, and the "
      "old primary asked afterwards");
  for (int round = 0; round < rounds; ++round) {
    for (const bool synchronous : {true, false}) {
      for (const Moment moment : kMoments) {
        const std::string fault = synchronous ? "synchronous standby" : "asynchronous standby";
        BOOST_TEST_CONTEXT(fault << ", " << name_of(moment)) {
          Failover world;
          if (synchronous) world.replicate_synchronously();
          tally.tally(fault, name_of(moment), [&] {
            const auto end = fail_over_at(world, moment, generator);
            world.require_next_run_corrects();
            world.require_truth();
            // What was answered was with the standby.
            if (synchronous) {
              require_true_claims(world, 1, audited_on(world.standby, world.database, 1));
            }
            return end + "; " + world.outcomes(1);
          });
        }
      }
    }
  }
}

/// A server that took over without the last commits gives their ids to others, who commit.
struct Lost : Failover {
  Lost() { stop_replicating(standby); }

  void fail_over_to_others_with_its_ids() {
    const auto xid = newest_xid();
    kill_primary();
    take_over();
    use_up_to(standby, xid);
  }
};

BOOST_AUTO_TEST_CASE(commit_that_the_standby_never_got_is_not_taken_for_another_ones) {
  for (const char* moment : {"pass.after_commit", "pass.after_append"}) {
    BOOST_TEST_CONTEXT(moment) {
      Lost world;
      world.die_at(moment, {"run", "archive"});
      BOOST_TEST(world.outcomes(1) == "pending");
      world.fail_over_to_others_with_its_ids();
      world.require_next_run_corrects();
      BOOST_TEST(world.outcomes(1) == "unknown");
      BOOST_TEST(world.outcomes(2) == "committed");
      world.require_truth();
    }
  }
}

BOOST_FIXTURE_TEST_CASE(commit_that_was_told_and_lost_is_done_again_with_a_record_of_its_own,
                        Lost) {
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  fail_over_to_others_with_its_ids();
  require_next_run_corrects();
  BOOST_TEST(outcomes(1) == "committed");
  BOOST_TEST(outcomes(2) == "committed");
  require_truth();
}

// The same process: it asks about its COMMIT over a new connection, which leads to the new primary.
BOOST_FIXTURE_TEST_CASE(commit_in_doubt_is_not_settled_by_the_server_that_took_over, Lost) {
  std::jthread killer;
  proxy.judge_by([&, met = false](const WireMessage& message) mutable {
    if (message.place() != "server C COMMIT" || std::exchange(met, true)) return WireFault::none;
    const auto xid = newest_xid();
    kill_primary();
    killer = std::jthread([&, xid] {
      standby.promote();
      use_up_to(standby, xid);
      proxy.lead_to(standby.socket_directory() / kSocket);
    });
    return WireFault::cut_before;
  });
  call({"run", "archive"});
  killer.join();
  proxy.judge_by({});
  require_next_run_corrects();
  BOOST_TEST(outcomes(1) == "unknown");
  require_truth();
}

// One process before, while and after; of what it did last nothing is on the server that took over.
BOOST_FIXTURE_TEST_CASE(daemon_goes_on_at_the_server_that_took_over, Failover) {
  define("archive", archiver("-- every: 200ms\n-- chunk: 2\n"));
  const char* const spoil = "update cluster set archived_at = null where account_id > 2";
  const auto is_right = [&](const PostgresCluster& server) {
    return eventually([&] {
      return server.query(database, "select count(*) from cluster where archived_at is null") ==
             "0";
    });
  };
  Service service(*this, kQuiet);
  BOOST_TEST(is_right(primary));
  stop_replicating(standby);
  sql(spoil);
  BOOST_TEST(is_right(primary));
  kill_primary();
  take_over();
  standby.query(database, spoil);
  BOOST_TEST(is_right(standby), service.log());
  BOOST_TEST(service.stop().status == 0);
  BOOST_TEST(outcomes(2) == "committed");
  require_truth();
}

// Two standbys that were promoted apart from each other have timelines of the same number.
BOOST_AUTO_TEST_CASE(timelines_of_the_same_number_are_not_taken_for_one) {
  Failover world;
  PostgresCluster other(world.primary);
  world.stop_replicating(world.standby);
  world.stop_replicating(other);
  world.kill_primary();
  world.take_over();
  world.die_at("pass.after_commit", {"run", "archive"});
  const auto xid = world.newest_xid();
  BOOST_TEST(world.outcomes(2) == "pending");
  other.promote();
  world.use_up_to(other, xid);
  world.proxy.lead_to(other.socket_directory() / Failover::kSocket);
  world.require_next_run_corrects();
  BOOST_TEST(world.ask_journal("select distinct outcome from \"transaction\" where xid = '" + xid +
                               "' and seq = (select min(seq) from \"transaction\")") == "unknown");
  BOOST_TEST(other.query(world.database, "select distinct timeline from audit") == "2");
}

BOOST_AUTO_TEST_CASE(standby_that_is_promoted_while_it_is_asked_goes_on_as_a_primary) {
  Failover world;
  world.die_at("pass.after_commit", {"run", "archive"});
  world.proxy.lead_to(world.standby.socket_directory() / Failover::kSocket);
  const auto refused = world.call({"run", "archive"});
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(contains(refused.err, "is a standby, in recovery"));
  BOOST_TEST(world.outcomes(1) == "pending");
  world.stop_replicating(world.standby);
  world.kill_primary();
  world.take_over();
  world.require_next_run_corrects();
  BOOST_TEST(world.outcomes(1) == "unknown");
  world.require_truth();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
