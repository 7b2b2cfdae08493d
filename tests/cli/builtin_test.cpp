#include "tests/cli/daemon_fixture.h"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <csignal>

namespace {

using namespace converge::tests;

const std::string kEnabled = "[convergers]\nbuiltin = [\"reconcile_subscription\"]\n";

struct Builtin : Cli {
  Builtin() {
    configure(kEnabled);
    add_accounts(3);
  }

  void configure(const std::string& text) const { directory.write("converge.toml", text); }
  std::string open_subscriptions() const {
    return sql("select count(*) from subscription where closed_at is null");
  }
};

BOOST_FIXTURE_TEST_SUITE(builtin, Builtin)

BOOST_AUTO_TEST_CASE(list_show_and_check_treat_it_as_any_other) {
  define("archive", archiver(""));
  const auto listed = lines(call({"list"}).out);
  BOOST_REQUIRE(listed.size() == 3u);
  BOOST_TEST(listed[1].starts_with("archive "));
  BOOST_TEST(listed[2].starts_with("reconcile_subscription  every 1m  "));
  const auto shown = call({"show", "reconcile_subscription"});
  BOOST_TEST(shown.status == 0);
  for (const char* part :
       {"Keeps one open subscription for each cluster", "For the operator\n  begin;\n",
        "\nSettings\n  every         1m\n", "  limit         500\n",
        "\nParameters\n  horizon  90d  clusters archived longer ago are not looked at\n",
        "\nSteps\n  1. close subscriptions\n  2. open subscriptions\n"}) {
    BOOST_TEST(contains(shown.out, part), part);
  }
  const auto checked = call({"check"});
  BOOST_TEST(checked.status == 0);
  BOOST_TEST(checked.out == "archive  good\nreconcile_subscription  good\n");
}

BOOST_AUTO_TEST_CASE(plan_run_and_why_treat_it_as_any_other) {
  const auto planned = call({"plan"});
  BOOST_TEST(contains(planned.out, "open subscriptions"));
  BOOST_TEST(open_subscriptions() == "0");
  const auto ran = call({"run", "reconcile_subscription"});
  BOOST_TEST(ran.status == 0, ran.err);
  BOOST_TEST(open_subscriptions() == "6");
  BOOST_TEST(contains(call({"why", "1"}).out, "reconcile_subscription"));
  BOOST_TEST(contains(call({"run", "-o", "json", "reconcile_subscription"}).out, "\"unchanged\""));
}

BOOST_AUTO_TEST_CASE(settings_come_from_the_configuration) {
  configure(kEnabled + "[convergers.reconcile_subscription]\nlimit = 5\n");
  BOOST_TEST(call({"run", "reconcile_subscription"}).status == 3);
  BOOST_TEST(open_subscriptions() == "0");
  configure(kEnabled + "[convergers.reconcile_subscription]\nlimit = 6\n");
  BOOST_REQUIRE(call({"release", "reconcile_subscription"}).status == 0);
  BOOST_TEST(call({"run", "reconcile_subscription"}).status == 0);
  BOOST_TEST(open_subscriptions() == "6");
}

BOOST_AUTO_TEST_CASE(mistake_exits_2_before_anything_is_done) {
  define("archive", archiver(""));
  archive_accounts();
  configure(kEnabled + "[convergers.reconcile_subscription]\nhorizon = \"soon\"\n");
  const auto result = call({"run"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(contains(result.err, "converge.toml:4:11: horizon is not a duration: soon"));
  BOOST_TEST(audited_rows() == "0");
}

BOOST_AUTO_TEST_CASE(name_of_a_file_too_runs_neither) {
  define("archive", archiver(""));
  define("reconcile_subscription", archiver(""));
  archive_accounts("id = 1");
  const auto result = call({"run"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, "reconcile_subscription is built in, too, and enabled in "));
  BOOST_TEST(contains(result.out, "archive"));
  BOOST_TEST(open_subscriptions() == "0");
  BOOST_TEST(contains(call({"list"}).out, "broken"));
}

BOOST_AUTO_TEST_CASE(schema_that_it_does_not_fit_is_told_by_check) {
  sql("alter table cluster rename column changed_at to modified_at");
  const auto result = call({"check"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(
      result.err, "reconcile_subscription: find: line 2: column \"changed_at\" does not exist"));
}

BOOST_DATA_TEST_CASE_F(Builtin, survives_a_kill_in_between,
                       boost::unit_test::data::make({"pass.before_append", "pass.after_append",
                                                     "pass.after_commit"}),
                       fault) {
  configure(kEnabled + "[convergers.reconcile_subscription]\nchunk = 2\nlimit = \"none\"\n");
  die_at(std::string(fault) + ":2", {"run", "reconcile_subscription"});
  const auto result = call({"run", "reconcile_subscription", "--wait", "20s"});
  BOOST_TEST(result.status == 0, result.err);
  BOOST_TEST(sql("select count(*), count(distinct cluster_id), bool_and(closed_at is null) from "
                 "subscription") == "6|6|t");
  BOOST_TEST(ask_journal("select sum(count) from step where outcome = 'committed'") == "6");
  BOOST_TEST(ask_journal("select count(*) from unsettled") == "0");
  BOOST_TEST(contains(call({"run", "-o", "json", "reconcile_subscription"}).out, "\"unchanged\""));
}

struct BuiltinInDaemon : Daemon {
  BuiltinInDaemon() { add_accounts(1); }

  std::string settings(const std::string& more) const { return kQuiet + more; }
  bool opens(const std::string& plan) const {
    return eventually([&] {
      return sql("select count(*) from subscription where closed_at is null and plan = '" + plan +
                 "'") == "2";
    });
  }
};

BOOST_FIXTURE_TEST_CASE(daemon_runs_it_and_reads_its_settings_again, BuiltinInDaemon) {
  Service service(*this, settings(kEnabled));
  BOOST_TEST(opens("starter"));
  // Every minute would be too late for the next change.
  directory.write("daemon.toml", "[daemon]\n" + settings(kEnabled) +
                                     "[convergers.reconcile_subscription]\nevery = \"50ms\"\n");
  service.signal(SIGHUP);
  sql("update cluster set plan = 'premium'");
  BOOST_TEST(opens("premium"));  // Perhaps by the pass that the new settings begin with.
  sql("update cluster set plan = 'starter'");
  BOOST_TEST(opens("starter"));
  BOOST_TEST(service.stop().status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
