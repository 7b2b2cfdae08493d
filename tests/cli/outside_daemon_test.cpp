#include "tests/cli/outside_fixture.h"

#include <csignal>

namespace {

using namespace converge::tests;

struct OutsideDaemon : Outside {
  OutsideDaemon() { define_archive("-- every: 1h\n"); }

  std::string settings() const { return std::string(kQuiet) + variables; }
  bool is_called(std::size_t requests = 1) const {
    return eventually([&] { return service.log().size() >= requests; });
  }
  bool is_done() const {
    return eventually([&] { return marked() == "3"; });
  }
  /// Kills a pass by hand in its first call, on which the other side has acted.
  void run_and_kill() {
    service.fault("kind=slow&delay=60000");
    auto run = start({"run", "archive"});
    BOOST_REQUIRE(is_called());
    run.kill(SIGKILL);
    run.wait();
  }
  /// That a daemon does with the journal what the killed pass left, and once.
  void require_taken_over(Service& daemon) {
    BOOST_TEST(is_done());
    BOOST_TEST(eventually([&] { return contains(attempts(), "unknown|1"); }));
    BOOST_TEST(daemon.stop().status == 0);
    BOOST_TEST(attempts() == "committed|3\nunknown|1");
    BOOST_TEST(ask_journal("select count(distinct key) from attempt") == "3");
    BOOST_TEST(service.counts().effects == 3);
    BOOST_TEST(service.counts().duplicates == 1);
    BOOST_TEST(ask_journal("select count(*) from owed") == "0");
  }
  std::string attempts() const {
    return ask_journal("select outcome, count(*) from attempt group by 1 order by 1");
  }
};

BOOST_FIXTURE_TEST_SUITE(outside_daemon, OutsideDaemon)

BOOST_AUTO_TEST_CASE(carries_out_steps_and_tells_no_secret) {
  service.fault("kind=500&path=/accounts/2");
  Service daemon(*this, settings());
  BOOST_TEST(eventually([&] { return marked() == "2"; }));
  BOOST_TEST(daemon.logs("step tell: the answer has status 500, expected is 2xx"));
  // It is told before the journal has it.
  BOOST_TEST(eventually([&] { return ask_journal("select count(*) from quarantine") == "1"; }));
  for (const char* file : {"cmdline", "environ"}) {
    require_no_secret(read_text("/proc/" + std::to_string(daemon.pid()) + "/" + file));
  }
  BOOST_TEST(call({"retry", "archive", "--all"}).status == 0);
  BOOST_TEST(is_done());
  const auto end = daemon.stop();
  BOOST_TEST(end.status == 0);
  require_no_secret(end.out + end.err);
  require_no_secret_on_disk();
  BOOST_TEST(attempts() == "committed|3\nfailed|1");
  BOOST_TEST(service.counts().effects == 3);
}

BOOST_AUTO_TEST_CASE(call_in_flight_ends_before_the_process_does) {
  define_archive("-- every: 1h\n-- timeout: 60s\n");
  service.fault("kind=slow&delay=60000");
  Service daemon(*this, settings());
  BOOST_REQUIRE(is_called());
  daemon.signal(SIGTERM);
  BOOST_REQUIRE(eventually([&] { return daemon.manager().has_told("STOPPING=1"); }));
  service.clear_faults();  // The answer comes.
  BOOST_TEST(daemon.wait().status == 0);
  BOOST_TEST(attempts() == "committed|1");
  BOOST_TEST(ask_journal("select count(*) from owed") == "3");  // No other was begun.
  BOOST_TEST(service.counts().effects == 1);
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(marked() == "3");
  BOOST_TEST(service.counts().effects == 3);
  BOOST_TEST(service.counts().duplicates == 0);
}

BOOST_AUTO_TEST_CASE(kill_in_a_call_leaves_it_to_the_next_with_the_same_key) {
  service.fault("kind=slow&delay=60000");  // It has acted, and keeps the answer.
  {
    Service daemon(*this, settings());
    BOOST_REQUIRE(is_called());
    daemon.signal(SIGKILL);
    BOOST_TEST(daemon.wait().signal == SIGKILL);
  }
  BOOST_TEST(ask_journal("select count(*) from attempt where outcome = 'pending'") == "1");
  Service daemon(*this, settings());
  require_taken_over(daemon);
}

BOOST_AUTO_TEST_CASE(what_a_killed_run_owes_is_carried_out_even_where_all_else_is_by_hand) {
  define_archive("-- every: never\n");
  Service daemon(*this, settings());
  run_and_kill();
  require_taken_over(daemon);
}

BOOST_AUTO_TEST_CASE(what_this_host_owes_is_carried_out_whoever_owns_the_converger) {
  run_and_kill();
  const auto journal_there = (directory / "other" / "journal.db").string();
  Service other(*this, settings(), {{"CONVERGE_JOURNAL", journal_there}}, "other");
  BOOST_REQUIRE(eventually(
      [&] { return sql("select count(*) > 0 from pg_locks where locktype = 'advisory'") == "t"; }));
  Service daemon(*this, settings());
  require_taken_over(daemon);
  BOOST_TEST(other.stop().status == 0);
}

BOOST_AUTO_TEST_CASE(second_sigterm_ends_a_program_at_once) {
  define_sleeper("-- every: 1h\n");
  Service daemon(*this, settings());
  BOOST_REQUIRE(sleeps());
  daemon.signal(SIGTERM);
  BOOST_TEST(eventually([&] { return daemon.manager().has_told("STOPPING=1"); }));
  BOOST_TEST(sleeps());
  daemon.signal(SIGTERM);
  BOOST_TEST(daemon.wait().status == 1);
  BOOST_TEST(eventually([&] { return is_gone("program"); }));
  BOOST_TEST(eventually([&] { return is_gone("started"); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
