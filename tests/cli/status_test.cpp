#include "src/base/process.h"
#include "src/daemon/status_server.h"
#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <unistd.h>

namespace {

using namespace converge;
using namespace converge::tests;

struct Status : Cli {
  Status() {
    define("archive", archiver("-- every: 10s\n"));
    environment["CONVERGE_DATABASE"] = "postgresql:///x?host=" + directory.path().string();
    BOOST_REQUIRE(call({"pause", "archive", "--reason", "x"}).status == 0);
    BOOST_REQUIRE(call({"resume", "archive"}).status == 0);
  }
  void last_pass(const std::string& outcome, const std::string& seconds_ago) const {
    tamper("insert or replace into last_pass values ('archive', (unixepoch() - " + seconds_ago +
           ") * 1000000, '" + outcome + "', 0, 0, 1, 'no way in', 0)");
  }
  /// As a daemon would leave it; this process stands for a live one.
  void service(std::int64_t pid, const std::string& address) const {
    const auto process = this_process();
    tamper(fmt::format("insert or replace into service values (1, {}, {}, '{}', 1000000, '{}')",
                       pid, process.started, process.boot_id, address));
  }
};

BOOST_FIXTURE_TEST_SUITE(status, Status)

BOOST_AUTO_TEST_CASE(all_that_is_well_is_one_line_each) {
  const auto result = call({"status"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.err == "");
  BOOST_TEST(result.out ==
             "all is well with 1 converger\n"
             "the daemon does not run here\n"
             "\n"
             "NAME     STATE  LAST PASS  OUTCOME  DUE\n"
             "archive  new    -          -        -\n");
  last_pass("unchanged", "1");
  const auto ran = timeless(call({"status"}).out);
  BOOST_TEST(contains(ran, "archive  ready  TIME  unchanged  TIME\n"));
}

BOOST_AUTO_TEST_CASE(what_needs_a_person_comes_first_and_exits_1) {
  define("bad", "nonsense");
  last_pass("failed", "1");
  const auto result = call({"status"});
  BOOST_TEST(result.status == 1);
  const auto all = lines(result.out);
  BOOST_TEST(all.at(0) == "2 of 2 convergers need a person");
  last_pass("unchanged", "1");
  BOOST_TEST(lines(call({"status"}).out).at(0) == "1 of 2 convergers needs a person");
  last_pass("failed", "1");
  BOOST_TEST(contains(all.at(3), "bad is broken: "));
  BOOST_TEST(all.at(4) ==
             "archive is failing: its last pass failed: no way in. Look with "
             "`converge journal --converger archive`.");
  const auto json = lines(call({"status", "-o", "json"}).out);
  BOOST_TEST(member(json.at(0), "kind") == "daemon");
  BOOST_TEST(member(json.at(0), "running") == "false");
  BOOST_TEST(member(json.at(1), "kind") == "converger");
  BOOST_TEST(member(json.at(1), "state") == "failing");
  BOOST_TEST(member(json.at(1), "needs_person") == "true");
  BOOST_TEST(member(json.at(2), "state") == "broken");
}

BOOST_AUTO_TEST_CASE(pause_is_told_and_needs_nobody) {
  last_pass("failed", "3600");
  BOOST_REQUIRE(call({"pause", "archive", "--reason", "billing moves"}).status == 0);
  const auto result = call({"status"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(contains(result.out, "archive is paused: "));
  BOOST_TEST(contains(result.out, "archive  paused  "));
}

BOOST_AUTO_TEST_CASE(silence_needs_a_person) {
  last_pass("unchanged", "60");
  const auto result = call({"status"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.out, "archive is silent: its last pass was at "));
}

BOOST_AUTO_TEST_CASE(daemon_that_runs_knows_better_than_the_journal) {
  last_pass("unchanged", "60");  // Here it would be silent: another host runs it.
  daemon::Overview overview;
  overview.connected = true;
  overview.server = "db on /tmp";
  overview.workers = 4;
  auto& one = overview.convergers.emplace_back();
  one.name = "archive";
  one.state = "ready";
  one.owned = false;
  one.version = run_command({"sha256sum", (convergers / "archive.sql").string()}).out.substr(0, 64);
  daemon::Metrics metrics;
  const daemon::StatusServer server(
      {.address = "127.0.0.1:0", .journal = journal}, [&] { return overview; }, metrics);
  service(::getpid(), server.address());
  const auto result = call({"status"});
  BOOST_TEST(result.status == 0);
  const auto all = lines(timeless(result.out));
  BOOST_TEST(all.at(1) == fmt::format("daemon: process {} since TIME, at {}; connected to db on "
                                      "/tmp; 0 of 4 workers busy",
                                      ::getpid(), server.address()));
  BOOST_TEST(all.back() == "archive  ready  TIME  unchanged  on another host");
  overview.trouble = "the journal's disk is full";
  const auto trouble = call({"status"});
  BOOST_TEST(trouble.status == 1);
  BOOST_TEST(contains(trouble.out, "the daemon needs a person\n"));
  BOOST_TEST(contains(trouble.out, "\nthe journal's disk is full\n"));
  const auto json = lines(call({"status", "-o", "json"}).out);
  BOOST_TEST(member(json.at(0), "answers") == "true");
  BOOST_TEST(member(json.at(0), "trouble") == "the journal's disk is full");
  BOOST_TEST(member(json.at(1), "owned") == "false");
  // What a person has just decided goes before what the daemon still says.
  BOOST_TEST(call({"pause", "archive", "--reason", "x"}).status == 0);
  BOOST_TEST(lines(call({"status"}).out).back().starts_with("archive  paused  "));
}

BOOST_AUTO_TEST_CASE(daemon_that_died_or_does_not_answer_is_told) {
  service(::getpid(), "");
  BOOST_TEST(contains(call({"status"}).out, fmt::format("daemon: process {} since ", ::getpid())));
  service(999'999'999, "127.0.0.1:1");
  const auto dead = call({"status"});
  BOOST_TEST(dead.status == 1);
  BOOST_TEST(contains(dead.out, "the daemon needs a person\n"));
  BOOST_TEST(contains(dead.out, "the daemon does not run here: process 999999999 since "));
  BOOST_TEST(contains(dead.out, " ended without a word. Start it again: `systemctl start "));
  BOOST_TEST(member(lines(call({"status", "-o", "json"}).out).at(0), "needs_person") == "true");
  service(::getpid(), "unix:" + (directory / "none.sock").string());
  const auto silent = call({"status"});
  BOOST_TEST(silent.status == 1);
  BOOST_TEST(contains(silent.out, "no answer from unix:"));
  const auto json = lines(call({"status", "-o", "json"}).out);
  BOOST_TEST(member(json.at(0), "answers") == "false");
  BOOST_TEST(contains(member(json.at(0), "message"), "no answer"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
