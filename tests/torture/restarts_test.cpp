#include "tests/cli/daemon_fixture.h"
#include "tests/torture/claims.h"
#include "tests/torture/closing_table.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <functional>
#include <random>
#include <thread>

namespace {

using namespace converge::tests;
using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

constexpr int kAccounts = 60;

/// A server that crashes and comes back, or ends sessions, while somebody is at work.
struct Restarts : Daemon {
  Restarts() {
    add_accounts(kAccounts);
    audit_timelines(*this);
    directory.write("converge.toml", std::string("[daemon]\n") + kQuiet);
    define("archive", archiver("-- every: 1h\n-- listen: account_archived\n-- chunk: 5\n"
                               "-- parallel: 2\n-- timeout: 60s\n"));
    // Woken for all: see to it that a pass has several chunks.
    sql("create or replace function tell() returns trigger language plpgsql as $$ begin "
        "perform pg_notify('account_archived', ''); return null; end $$");
  }

  void wait_up_to(microseconds longest) {
    const auto most = static_cast<int>(longest.count());
    std::this_thread::sleep_for(
        microseconds(std::uniform_int_distribution<int>(0, most)(generator)));
  }
  void crash_and_return() const { cluster.restart(PostgresCluster::StopMode::immediate); }

  /// What a crash left in doubt may be `unknown`; all else is as the server has it.
  void require_truth_after_crash() const {
    require_true_claims(*this, 1, audited_on(cluster, database, 1));
  }

  /// How long a pass takes on this machine, as it is loaded now.
  microseconds time_a_run() const {
    const auto begun = Clock::now();
    BOOST_REQUIRE(call({"run", "archive"}).status == 0);
    return std::chrono::duration_cast<microseconds>(Clock::now() - begun);
  }

  /// Runs, each with `blow` at a random instant, and each followed by one that nothing happens to.
  void strike_runs(FaultTally& tally, int rounds, const std::string& fault,
                   const std::function<std::string()>& blow,
                   const std::function<void()>& require_truth) {
    archive_accounts();
    dirty_again();
    const auto length = time_a_run();
    for (int round = 0; round < rounds; ++round) {
      dirty_again();
      BOOST_TEST_CONTEXT("round " << round << ", seed " << seed) {
        auto run = start({"run", "archive"});
        wait_up_to(length);
        const auto place = blow();
        const auto work = [&] {
          const auto result = run.wait();
          BOOST_TEST(!result.timed_out);
          BOOST_TEST(result.signal == 0);
          const auto next = call({"run", "archive", "--wait", "20s"});
          BOOST_TEST(next.status == 0, next.out << next.err);
          BOOST_TEST(left_to_do() == "0");
          require_truth();
          return end_of(result);
        };
        if (!tally.tally(fault, place, work)) forget_all(*this);
      }
    }
  }

  /// One daemon through all of them; each time some accounts are archived before and while it
  /// happens, and some after it.
  void strike_daemon(FaultTally& tally, int rounds, const std::string& fault,
                     const std::function<std::string()>& blow) {
    Service service(*this, kQuiet);
    for (int round = 0; round < rounds; ++round) {
      BOOST_TEST_CONTEXT("round " << round << ", seed " << seed << "\n" << service.log()) {
        sql("update account set archived_at = null");
        dirty_again();
        archive_accounts("id % 2 = 0");
        wait_up_to(std::chrono::milliseconds(60));
        const auto place = blow();
        tally.tally(fault, place, [&] {
          archive_accounts("id % 2 = 1");
          BOOST_TEST(converges());
          return std::string(service.is_running() ? "goes on" : "ended");
        });
      }
    }
    BOOST_TEST(service.stop().status == 0);
  }

  const unsigned seed =
      static_cast<unsigned>(scaled("SEED", static_cast<int>(std::random_device{}() >> 1)));
  std::mt19937 generator{seed};
};

BOOST_FIXTURE_TEST_SUITE(restarts, Restarts)

BOOST_AUTO_TEST_CASE(crash_of_the_server_in_a_run_leaves_true_claims) {
  FaultTally tally("restarts: `pg_ctl restart -m immediate` at a random instant of `converge run`");
  strike_runs(
      tally, scaled("RESTARTS", 30), "restart -m immediate",
      [this] {
        crash_and_return();
        return "a run";
      },
      [this] { require_truth_after_crash(); });
}

BOOST_AUTO_TEST_CASE(crashes_of_the_server_under_a_daemon_leave_true_claims) {
  FaultTally tally("restarts: `pg_ctl restart -m immediate` at random instants of one daemon");
  strike_daemon(tally, scaled("RESTARTS", 30), "restart -m immediate", [this] {
    crash_and_return();
    return "the daemon";
  });
  require_truth_after_crash();
}

/// Which of the sessions are terminated.
constexpr std::pair<const char*, const char*> kSessions[] = {
    {"all sessions", "true"},
    {"those in a transaction", "xact_start is not null"},
    {"those with changes", "backend_xid is not null"},
    {"those that hold locks of convergers", "query like '%advisory%'"}};

BOOST_AUTO_TEST_CASE(termination_of_sessions_of_a_run_loses_nothing) {
  FaultTally tally("restarts: pg_terminate_backend at a random instant of `converge run`");
  for (const auto& [which, condition] : kSessions) {
    strike_runs(
        tally, scaled("TERMINATIONS", 25), which,
        [this, condition = condition] {
          return terminate_sessions(condition) > 0 ? "ended some" : "there was none";
        },
        [this] { require_agreement(); });
  }
}

BOOST_AUTO_TEST_CASE(termination_of_sessions_of_a_daemon_loses_nothing) {
  FaultTally tally("restarts: pg_terminate_backend at random instants of one daemon");
  for (const auto& [which, condition] : kSessions) {
    strike_daemon(tally, scaled("TERMINATIONS", 25), which, [this, condition = condition] {
      return terminate_sessions(condition) > 0 ? "ended some" : "there was none";
    });
    require_agreement();
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
