#include "tests/support/command.h"
#include "tests/unit/status_fixture.h"

#include <boost/test/unit_test.hpp>

#include <chrono>

namespace converge::tests {
namespace {

using namespace std::chrono_literals;

engine::PassResult result(const std::string& converger, engine::PassOutcome outcome) {
  engine::PassResult pass;
  pass.converger = converger;
  pass.outcome = outcome;
  pass.examined = 10;
  pass.inconsistencies = 3;
  pass.changes = 7;
  pass.failed = 1;
  pass.duration = 20ms;
  return pass;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(status_metrics, StatusFixture)

BOOST_AUTO_TEST_CASE(promtool_finds_nothing_to_say) {
  metrics.pass(result("archive_account", engine::PassOutcome::converged), 1200us);
  metrics.appended(300us);
  change([](auto& overview) {
    overview.convergers[0].quarantined = 2;
    overview.convergers[0].owing = {.subjects = 3, .since_us = 1'700'000'000'000'000};
  });
  const auto checked =
      run_command({"promtool", "check", "metrics"}, {.input = ask("/metrics").body});
  BOOST_TEST(checked.status == 0);
  BOOST_TEST(checked.out + checked.err == "");
}

BOOST_AUTO_TEST_CASE(passes_are_counted) {
  metrics.pass(result("archive_account", engine::PassOutcome::converged), 1200us);
  metrics.pass(result("archive_account", engine::PassOutcome::failed));
  metrics.pass(result("archive_account", engine::PassOutcome::held));
  metrics.pass(result("archive_account", engine::PassOutcome::skipped));
  const auto text = ask("/metrics").body;
  for (const auto* line :
       {R"(converge_passes_total{converger="archive_account",outcome="converged"} 1)",
        R"(converge_passes_total{converger="archive_account",outcome="held"} 1)",
        R"(converge_passes_total{converger="archive_account",outcome="unchanged"} 0)",
        R"(converge_subjects_examined_total{converger="archive_account"} 30)",
        R"(converge_inconsistencies_total{converger="archive_account"} 6)",
        R"(converge_changes_total{converger="archive_account"} 14)",
        R"(converge_failures_total{converger="archive_account"} 3)",
        R"(converge_pass_duration_seconds_count{converger="archive_account"} 3)",
        R"(converge_wakeup_to_commit_seconds_bucket{converger="archive_account",le="0.0015"} 1)",
        R"(converge_wakeup_to_commit_seconds_count{converger="archive_account"} 1)",
        R"(converge_passes_total{converger="revoke_keys",outcome="converged"} 0)"}) {
    BOOST_TEST(has_line(text, line), line);
  }
}

BOOST_AUTO_TEST_CASE(the_present_is_told_as_it_is) {
  change([](auto& overview) {
    overview.convergers[0].state = "held";
    overview.convergers[1].quarantined = 4;
    overview.convergers[1].owing = {.subjects = 3, .since_us = 1'600'000'000'000'000, .unknown = 2};
    overview.convergers[1].last_completed_us = 1'700'000'000'000'000;
    overview.connections_in_use = 3;
    overview.journal_bytes = 4096;
  });
  auto text = ask("/metrics").body;
  for (const auto* line :
       {R"(converge_held{converger="archive_account"} 1)",
        R"(converge_held{converger="revoke_keys"} 0)",
        R"(converge_quarantined_subjects{converger="revoke_keys"} 4)",
        R"(converge_owed_subjects{converger="archive_account"} 0)",
        R"(converge_owed_subjects{converger="revoke_keys"} 3)",
        R"(converge_owed_since_timestamp_seconds{converger="revoke_keys"} 1600000000)",
        R"(converge_owed_unknown_subjects{converger="revoke_keys"} 2)",
        R"(converge_last_completed_pass_timestamp_seconds{converger="revoke_keys"} 1700000000)",
        R"(converge_pool_connections{state="in_use"} 3)",
        R"(converge_pool_connections{state="idle"} 1)", "converge_journal_bytes 4096",
        "converge_connected 1"}) {
    BOOST_TEST(has_line(text, line), line);
  }
  BOOST_TEST(text.find("converge_owed_since_timestamp_seconds{converger=\"archive_account\"}") ==
             std::string::npos);
  change([](auto& overview) { overview.convergers.pop_back(); });
  text = ask("/metrics").body;
  BOOST_TEST(text.find(R"(converge_held{converger="revoke_keys"})") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(label_values_are_escaped) {
  change([](auto& overview) { overview.convergers[0].name = "a\"b\\c\nd"; });
  BOOST_TEST(has_line(ask("/metrics").body, R"(converge_held{converger="a\"b\\c\nd"} 0)"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace converge::tests
