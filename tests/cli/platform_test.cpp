#include "tests/cli/fixture.h"
#include "tests/support/state_machine.h"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

/// The whole bundled set, with the state machine that it asks.
struct Platform : Cli {
  Platform() {
    for (const std::string name : {"archive_account", "deprovision_cluster"}) {
      define(name, read_text("convergers/platform/" + name + ".sql"));
    }
    directory.write("converge.toml", "[convergers]\nbuiltin = [\"reconcile_subscription\"]\n");
    environment["STATE_MACHINE"] = service.url();
    add_accounts(3);
    sql("insert into subscription (account_id, cluster_id, plan, size, opened_at) "
        "select account_id, id, plan, size, created_at from cluster");
  }

  CommandResult deprovision() const {
    return call({"run", "deprovision_cluster", "-q", "--wait", "20s"});
  }
  void archive_clusters() const { sql("update cluster set archived_at = now()"); }

  /// What another service does to the database, and the state machine of the tests does not know:
  /// it writes down the states that it has.
  void write_states() const {
    for (const auto& id : lines(sql("select id from cluster where archived_at is not null"))) {
      sql("update cluster set state = '" + service.cluster(id) + "' where id = " + id);
    }
  }

  int requests() const { return service.counts().requests; }
  std::string attempts() const {
    return ask_journal("select outcome, count(*) from attempt group by 1 order by 1");
  }
  /// As if `repeat` were over.
  void let_repeat_pass() const { change("update outside_last set done_us = done_us - 600000000"); }
  void let_quarantine_pass() const { change("update quarantine set next_us = 1"); }
  void change(const std::string& state) const {
    BOOST_REQUIRE(run_command({"sqlite3", journal.string(), state}).status == 0);
  }

  StateMachine service;
};

BOOST_FIXTURE_TEST_SUITE(platform, Platform)

BOOST_AUTO_TEST_CASE(tests_of_the_whole_set_pass) {
  for (const auto& entry : std::filesystem::directory_iterator("convergers/platform")) {
    const auto& file = entry.path();
    if (file.extension() != ".sql") continue;
    directory.write("platform" / file.filename(), read_text(file));
  }
  environment["CONVERGE_CONVERGERS"] = (directory / "platform").string();
  const auto result = call({"test", "--scratch"});
  BOOST_TEST_CONTEXT(result.out << result.err) {
    BOOST_TEST(result.status == 0);
    BOOST_TEST(contains(result.out, " cases, all passed"));
    for (const std::string name :
         {"archive_account", "deprovision_cluster", "reconcile_subscription"}) {
      BOOST_TEST(contains("\n" + result.out, "\n" + name + "\n"), name);
    }
  }
  const auto tap = call({"test", "--scratch", "-o", "tap"});
  BOOST_TEST(tap.status == 0);
  BOOST_TEST(tap.out.starts_with("TAP version 13\n1.."));
  BOOST_TEST(!contains(tap.out, "not ok"));
}

BOOST_AUTO_TEST_CASE(one_flag_ends_everything_and_why_tells_all_of_it) {
  archive_accounts("id = 2");
  const auto result = call({"run"});
  BOOST_TEST(result.status == 0, result.out << result.err);
  write_states();
  BOOST_TEST(sql("select id, state from cluster where account_id = 2 order by id") ==
             "3|deprovisioned\n4|deprovisioned");
  BOOST_TEST(sql("select cluster_id from subscription where closed_at is null order by 1") ==
             "1\n2\n5\n6");
  BOOST_TEST(service.counts().effects == 2);
  const auto again = call({"run", "-o", "json"});
  for (const auto& pass : lines(again.out)) BOOST_TEST(member(pass, "outcome") == "unchanged");

  const auto story = timeless(call({"why", "a2@example.com"}).out);
  for (const char* part :
       {"2 (a2@example.com): corrected once by archive_account", "\n    archive clusters: 2 rows\n",
        "\n3 (a2@example.com): corrected once by reconcile_subscription",
        "outside step request deprovisioning: POST ${STATE_MACHINE}/clusters/3/deprovision -> 202",
        "\n4 (a2@example.com): corrected once by reconcile_subscription",
        "\n    close subscriptions: 1 row\n"}) {
    BOOST_TEST(contains(story, part), part << "\nin\n" << story);
  }
}

BOOST_AUTO_TEST_CASE(each_cluster_is_asked_for_once_until_it_is_done) {
  archive_clusters();
  BOOST_TEST(deprovision().status == 0);
  BOOST_TEST(service.counts().effects == 6);
  // The state machine has not said anything yet.
  BOOST_TEST(deprovision().out == "");
  BOOST_TEST(attempts() == "committed|6");
  write_states();
  BOOST_TEST(sql("select count(*) from cluster where state = 'deprovisioned'") == "6");
  let_repeat_pass();
  BOOST_TEST(deprovision().out == "");
  BOOST_TEST(attempts() == "committed|6");
}

BOOST_AUTO_TEST_CASE(after_repeat_it_asks_again_and_409_is_fine) {
  archive_clusters();
  BOOST_TEST(deprovision().status == 0);
  let_repeat_pass();
  const auto result = deprovision();
  BOOST_TEST(result.status == 0, result.out << result.err);
  BOOST_TEST(ask_journal("select status, count(distinct key) from attempt group by 1 order by 1") ==
             "202|6\n409|6");
  BOOST_TEST(service.counts().effects == 6);
}

BOOST_AUTO_TEST_CASE(busy_state_machine_is_left_alone_for_as_long_as_it_asks) {
  archive_clusters();
  service.fault("kind=503&retry_after=1800&path=/clusters/4/");
  const auto failed = deprovision();
  BOOST_TEST(failed.status == 1);
  BOOST_TEST(contains(failed.err + failed.out, "503"));
  BOOST_TEST(service.counts().effects == 5);
  // Half an hour, where the first failure otherwise costs a minute.
  BOOST_TEST(ask_journal("select subject, (next_us - since_us) / 1000000 between 1700 and 1900 "
                         "from quarantine") == "4|1");
  BOOST_TEST(deprovision().out == "");
  BOOST_TEST(attempts() == "committed|5\nfailed|1");
  let_quarantine_pass();
  BOOST_TEST(deprovision().status == 0);
  BOOST_TEST(service.cluster("4") == "deprovisioned");
  BOOST_TEST(ask_journal("select count(distinct key) from attempt where subject = '4'") == "1");
  BOOST_TEST(ask_journal("select count(*) from quarantine") == "0");
}

BOOST_DATA_TEST_CASE_F(Platform, killed_in_between_it_asks_with_the_same_key,
                       boost::unit_test::data::make({"outside.before_attempt",
                                                     "outside.after_attempt",
                                                     "outside.after_call"}),
                       fault) {
  archive_clusters();
  die_at(fault, {"run", "deprovision_cluster"});
  const auto result = deprovision();
  BOOST_TEST(result.status == 0, result.out << result.err);
  const auto counts = service.counts();
  BOOST_TEST(counts.effects == 6);
  BOOST_TEST(service.effects().size() == 6u);
  // A cluster that is asked for with another key is a conflict, and none of them is.
  BOOST_TEST(ask_journal("select count(*) from attempt where status = '409'") == "0");
  BOOST_TEST(ask_journal("select count(distinct key) from attempt") == "6");
  BOOST_TEST(ask_journal("select count(*) from unsettled") == "0");
  BOOST_TEST(ask_journal("select count(*) from owed") == "0");
  if (std::string(fault) == "outside.after_call") BOOST_TEST(counts.duplicates > 0);
  BOOST_TEST(deprovision().out == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
