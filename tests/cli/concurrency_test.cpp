#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

#include <csignal>

namespace {

using namespace converge::tests;

struct Concurrency : Cli {
  Concurrency() {
    add_accounts(30);
    archive_accounts();
    directory.write("converge.toml", "[database]\nlock_timeout = \"60s\"\n");
    define("archive", archiver("-- timeout: 60s\n"));
  }
};

BOOST_FIXTURE_TEST_SUITE(concurrency, Concurrency)

BOOST_AUTO_TEST_CASE(second_run_exits_75_while_the_first_works) {
  Bystander bystander(*this, "select from cluster where id = 7 for update");
  auto first = start({"run", "archive"});
  BOOST_REQUIRE(waits_for_row(*this));

  const auto second = call({"run", "archive"});
  BOOST_TEST(second.status == 75);
  BOOST_TEST(timeless(second.out) == "archive  skipped: another process is at it (T)\n");
  BOOST_TEST(second.err == "");
  const auto quiet = call({"run", "archive", "-q"});
  BOOST_TEST(quiet.status == 75);
  BOOST_TEST(quiet.out + quiet.err == "");
  BOOST_TEST(member(call({"run", "archive", "-o", "json"}).out, "outcome") == "skipped");
  BOOST_TEST(first.is_running());

  bystander.end();
  const auto result = first.wait();
  BOOST_TEST(result.status == 0);
  BOOST_TEST(timeless(result.out) ==
             "archive  converged: 30 of 30 subjects corrected, 90 changes (T)\n");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(second_run_with_wait_waits_and_finds_nothing_to_do) {
  Bystander bystander(*this, "select from cluster where id = 7 for update");
  auto first = start({"run", "archive"});
  BOOST_REQUIRE(waits_for_row(*this));
  auto second = start({"run", "archive", "--wait", "30s"});
  BOOST_REQUIRE(is_refused_the_lock(*this));
  bystander.end();

  BOOST_TEST(first.wait().status == 0);
  const auto result = second.wait();
  BOOST_TEST(result.status == 0);
  BOOST_TEST(timeless(result.out) == "archive  nothing to do, 30 subjects examined (T)\n");
  BOOST_TEST(result.err == "");
  BOOST_TEST(audited_rows() == "90");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(wait_that_is_over_exits_75) {
  Bystander bystander(*this, "select from cluster where id = 7 for update");
  auto first = start({"run", "archive"});
  BOOST_REQUIRE(waits_for_row(*this));
  const auto second = call({"run", "archive", "--wait", "50ms"});
  BOOST_TEST(second.status == 75);
  BOOST_TEST(contains(second.out, "skipped: another process is at it"));
  BOOST_TEST(first.is_running());
}

BOOST_AUTO_TEST_CASE(other_convergers_run_meanwhile) {
  define("other", archiver(""));
  Bystander bystander(*this, "select from cluster where id = 7 for update");
  auto first = start({"run", "archive"});
  BOOST_REQUIRE(waits_for_row(*this));
  const auto second = call({"run", "other", "--subject", "30"});
  BOOST_TEST(contains(second.out, "other  "));
  bystander.end();
  BOOST_TEST(first.wait().status == 0);
  BOOST_TEST(left_to_do() == "0");
  require_agreement();
}

// Eight processes, one database, one journal file.
BOOST_AUTO_TEST_CASE(many_processes_share_one_journal) {
  Words names;
  for (int i = 0; i < 4; ++i) {
    names.push_back("archive_" + std::to_string(i));
    auto text = archiver("-- chunk: 2\n-- parallel: 2\n");
    const std::string where = "where archived_at is not null";
    text.replace(text.find(where), where.size(), where + " and id % 4 = " + std::to_string(i));
    define(names.back(), text);
  }
  std::vector<std::unique_ptr<Command>> runs;
  for (int i = 0; i < 8; ++i) {
    runs.push_back(std::make_unique<Command>(
        Words{binary, "run", names[static_cast<std::size_t>(i % 4)], "--wait", "30s"},
        CommandOptions{.environment = environment}));
  }
  for (const auto& run : runs) {
    const auto result = run->wait();
    BOOST_TEST(result.status == 0);
    BOOST_TEST(result.err == "");
  }
  BOOST_TEST(left_to_do() == "0");
  BOOST_TEST(audited_rows() == "90");
  require_agreement();
}

// The chunks of a pass that somebody stops: what is in flight ends, and nothing hangs about.
struct Interrupted : Concurrency {
  void require_stopped_by(int signal) {
    define("archive", archiver("-- chunk: 5\n-- timeout: 60s\n"));
    guard_commits("new.account_id >= 12");
    Bystander bystander(*this, kCommitLock);
    auto run = start({"run", "archive"});
    // One chunk waits for its COMMIT to end, and so does the one whose steps ran meanwhile.
    BOOST_REQUIRE(wait_for_advisory_lock(*this, 2));
    run.kill(signal);
    BOOST_REQUIRE(eventually([&] {
      // The signal has been handled, not only sent.
      const auto status = read_text("/proc/" + std::to_string(run.pid()) + "/status");
      const auto pending = status.find("ShdPnd:\t");
      return status.find_first_not_of('0', pending + 8) == status.find('\n', pending);
    }));
    BOOST_TEST(run.is_running());
    bystander.end();

    const auto result = run.wait();
    BOOST_TEST(result.status == 1);
    BOOST_TEST(result.signal == 0);
    BOOST_TEST(contains(result.out, "archive  interrupted: "));
    BOOST_TEST(contains(result.err, "converge: error: archive: interrupted: "));
    BOOST_TEST(contains(result.err, " of 30 subjects examined\n"));
    BOOST_TEST(contains(result.err,
                        "converge: hint: What was committed stays; the next pass does the rest."));
    BOOST_TEST(sql("select max(account_id) from audit") == "20");
    BOOST_TEST(left_to_do() == "30");
    BOOST_TEST(sql("select count(*) from pg_stat_activity where application_name = 'converge' and "
                   "datname = current_database() and xact_start is not null") == "0");
    require_agreement();

    BOOST_TEST(call({"run", "archive"}).status == 0);
    BOOST_TEST(left_to_do() == "0");
    require_agreement();
  }
};

BOOST_FIXTURE_TEST_CASE(interrupt_lets_the_chunk_in_flight_end, Interrupted) {
  require_stopped_by(SIGINT);
}

BOOST_FIXTURE_TEST_CASE(termination_lets_the_chunk_in_flight_end, Interrupted) {
  require_stopped_by(SIGTERM);
}

BOOST_FIXTURE_TEST_CASE(interrupt_also_stops_the_convergers_to_come, Interrupted) {
  define("zebra", archiver(""));
  guard_commits("new.account_id >= 12");
  Bystander bystander(*this, kCommitLock);
  auto run = start({"run", "archive", "zebra"});
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  run.kill(SIGINT);
  bystander.end();
  const auto result = run.wait();
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.out, "archive  converged: 30 of 30 subjects"));
  BOOST_TEST(!contains(result.out, "zebra"));
  BOOST_TEST(result.err == "converge: error: zebra: not run: interrupted\n");
}

BOOST_FIXTURE_TEST_CASE(second_interrupt_ends_the_process_and_recovery_settles, Interrupted) {
  define("archive", archiver("-- chunk: 5\n-- timeout: 60s\n"));
  guard_commits("new.account_id >= 12");
  Bystander bystander(*this, kCommitLock);
  auto run = start({"run", "archive"});
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  run.kill(SIGINT);
  BOOST_REQUIRE(eventually([&] {
    run.kill(SIGINT);
    return !run.is_running();
  }));
  BOOST_TEST(run.wait().signal == SIGINT);
  bystander.end();
  BOOST_TEST(call({"run", "archive", "--wait", "20s"}).status == 0);
  BOOST_TEST(left_to_do() == "0");
  require_agreement();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
