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
  service.fault("kind=slow&delay=700");
  Service daemon(*this, settings());
  BOOST_REQUIRE(is_called());
  BOOST_TEST(daemon.stop().status == 0);
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
  BOOST_TEST(is_done());
  BOOST_TEST(daemon.stop().status == 0);
  BOOST_TEST(attempts() == "committed|3\nunknown|1");
  BOOST_TEST(ask_journal("select count(distinct key) from attempt") == "3");
  BOOST_TEST(service.counts().effects == 3);
  BOOST_TEST(service.counts().duplicates == 1);
  BOOST_TEST(ask_journal("select count(*) from owed") == "0");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
