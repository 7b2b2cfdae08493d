#include "src/cli/summary.h"
#include "tests/pg/outside_world.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>

namespace converge::tests {
namespace {

/// What a plan tells of each subject, in a line each, without the name of the program.
struct Planned : OutsideWorld {
  std::string told_by_plan(const std::string& name) {
    std::string lines;
    const engine::PassObserver observer{.corrected = [&](const auto& record) {
      lines += record.subject + ": " + cli::summarize_steps(record.detail) + "\n";
    }};
    last = plan(name, {.observer = observer});
    const std::string program = (directory / "call").string() + " ";
    for (auto at = lines.find(program); at != std::string::npos; at = lines.find(program)) {
      lines.erase(at, program.size());
    }
    return lines;
  }

  engine::PassResult last;
};

BOOST_FIXTURE_TEST_SUITE(outside_plan, Planned)

BOOST_AUTO_TEST_CASE(plan_tells_in_order_what_a_run_does_for_subjects_that_it_changes) {
  archived_accounts(1);
  const std::string text = archive_clusters() + call(kForFound) + kMark;
  define("tell", text);
  const std::string expected = "1: archive clusters 1, tell: 1, mark 1\n";
  BOOST_TEST(told_by_plan("tell") == expected);
  define("tell", "-- limit: 10\n" + text);
  BOOST_TEST(told_by_plan("tell") == expected);
  const auto ran = run("tell");
  BOOST_TEST(ran.changes == last.changes);
  BOOST_TEST(ran.inconsistencies == last.inconsistencies);
  BOOST_TEST(calls() == "1");
}

BOOST_AUTO_TEST_CASE(plan_tells_a_call_that_comes_before_the_only_sql) {
  archived_accounts(2);
  define("tell", kFindArchived + call(kForFound) + kMark);
  BOOST_TEST(told_by_plan("tell") == "1: tell: 1, mark 1\n2: tell: 2, mark 1\n");
  BOOST_TEST(calls() == "");
}

BOOST_AUTO_TEST_CASE(plan_names_the_set_that_a_run_is_held_for) {
  archived_accounts(3);
  define("tell", "-- limit: 2\n" + archive_clusters() + call(kForFound) + kMark);
  told_by_plan("tell");
  const auto held = run("tell");
  BOOST_TEST_REQUIRE((held.hold && last.hold));
  BOOST_TEST(held.hold->digest == last.hold->digest);
  BOOST_TEST(held.hold->inconsistencies == 3);
}

BOOST_AUTO_TEST_CASE(who_is_not_acted_for_is_not_corrected_under_a_limit) {
  archived_accounts(3);
  script("exit 1");
  for (const std::string limit : {"", "-- limit: 10\n"}) {
    define("tell", limit + kFindArchived + call(kForFound));
    BOOST_TEST(summary(run("tell")) == "failed: 0 of 3 corrected, 0 changes, 3 failed", limit);
    make_due();
  }
  script("test $1 != 2");
  BOOST_TEST(summary(run("tell")) == "failed: 2 of 3 corrected, 0 changes, 1 failed");
}

BOOST_AUTO_TEST_CASE(end_of_the_pass_blames_no_subject) {
  archived_accounts(1);
  script("sleep 30");
  define("tell", "-- pass_timeout: 300ms\n" + archive_clusters() + call("-- for: changed"));
  const auto result = run("tell");
  BOOST_TEST(result.failed == 0);
  BOOST_TEST_REQUIRE(result.error.has_value());
  BOOST_TEST(std::string(result.error->what()).find("pass_timeout") != std::string::npos,
             result.error->what());
  BOOST_TEST(journal.quarantined("tell").empty());
  BOOST_TEST(owed() == "1");
  BOOST_TEST(attempts() == "unknown|1");
  const std::string key = calls(2);
  script("exit 0");
  define("tell", archive_clusters() + call("-- for: changed"));
  BOOST_TEST(run("tell").failed == 0);
  BOOST_TEST(calls(2) == key + " " + key);
}

BOOST_AUTO_TEST_CASE(step_that_would_never_act_is_refused) {
  for (const std::string directive : {"", "-- for: changed"}) {
    define("tell", kFindArchived + call(directive) + kMark);
    const Error error = error_of([&] { run("tell"); });
    BOOST_TEST(std::string(error.what()).find(":4:4: nothing above this step changes a subject") !=
                   std::string::npos,
               error.what());
    BOOST_TEST(error.hint().find("for: found") != std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
