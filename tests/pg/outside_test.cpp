#include "src/engine/outside.h"

#include "tests/pg/outside_world.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

namespace converge::tests {
namespace {

BOOST_FIXTURE_TEST_SUITE(outside, OutsideWorld)

BOOST_AUTO_TEST_CASE(acts_once_for_each_subject_that_was_changed) {
  archived_accounts(5);
  sql("update cluster set archived_at = now() where account_id = 2");
  for (const std::string settings : {"", "-- chunk: 2\n-- parallel: 2", "-- limit: 20"}) {
    define("tell", archive_clusters(settings) + call("-- for: changed") + kMark);
    const auto result = run("tell");
    BOOST_TEST(summary(result) == "converged: 4 of 5 corrected, 8 changes, 0 failed", settings);
    BOOST_TEST(calls() == "1 3 4 5");
    BOOST_TEST(told() == "1x1 3x1 4x1 5x1");
    BOOST_TEST(summary(run("tell")) == "unchanged: 0 of 5 corrected, 0 changes, 0 failed");
    BOOST_TEST(calls() == "1 3 4 5");
    BOOST_TEST(owed() == "0");
    sql("update cluster set archived_at = null where account_id <> 2; delete from told");
    forget_calls();
  }
  BOOST_TEST(attempts() == "committed|12");
}

BOOST_AUTO_TEST_CASE(acts_for_those_found_once_per_repeat) {
  archived_accounts(3);
  for (const std::string settings : {"", "-- chunk: 2", "-- limit: 20"}) {
    define("tell", settings + "\n" + kFindArchived + call(kForFound));
    BOOST_TEST(summary(run("tell")) == "converged: 3 of 3 corrected, 0 changes, 0 failed");
    BOOST_TEST(calls() == "1 2 3", settings);
    BOOST_TEST(summary(run("tell")) == "unchanged: 0 of 3 corrected, 0 changes, 0 failed");
    BOOST_TEST(calls() == "1 2 3");
    const std::string keys = calls(2);
    make_old();
    forget_calls();
    BOOST_TEST(run("tell").inconsistencies == 3);
    BOOST_TEST(calls() == "1 2 3");
    BOOST_TEST(calls(2) != keys);  // Another inconsistency by now.
    make_old();
    forget_calls();
  }
}

BOOST_AUTO_TEST_CASE(failure_is_that_subjects_alone_and_keeps_its_key) {
  archived_accounts(4);
  script("test $1 != 3");
  define("tell", archive_clusters() + call("-- for: changed") + kMark);
  BOOST_TEST(summary(run("tell")) == "failed: 4 of 4 corrected, 7 changes, 1 failed");
  BOOST_TEST(told() == "1x1 2x1 4x1");
  const auto failed = journal.quarantined("tell");
  BOOST_TEST_REQUIRE(failed.size() == 1U);
  BOOST_TEST(failed[0].subject == "3");
  BOOST_TEST(failed[0].message.find("step tell") == 0U, failed[0].message);
  forget_calls();
  run("tell");
  BOOST_TEST(calls() == "");  // Its time has not come.
  BOOST_TEST(owed() == "1");
  make_due();
  run("tell");
  make_due();
  script("exit 0");
  BOOST_TEST(summary(run("tell")) == "converged: 1 of 4 corrected, 1 changes, 0 failed");
  BOOST_TEST(calls() == "3 3");
  BOOST_TEST(calls(2).substr(0, kKeySize) == calls(2).substr(kKeySize + 1));
  BOOST_TEST(told() == "1x1 2x1 3x1 4x1");
  BOOST_TEST(owed() == "0");
  BOOST_TEST(journal.quarantined("tell").empty());
  BOOST_TEST(attempts() == "committed|4\nfailed|2");
}

BOOST_AUTO_TEST_CASE(what_is_not_found_any_more_is_not_done_for_those_found) {
  archived_accounts(2);
  script("exit 1");
  define("tell", kFindArchived + call(kForFound));
  run("tell");
  const std::string keys = calls(2);
  sql("update account set archived_at = null where id = 1");
  make_due();
  forget_calls();
  run("tell", {.subjects = {"1", "2"}});
  BOOST_TEST(calls() == "2");
  sql("update account set archived_at = now() where id = 1");
  script("exit 0");
  make_due();
  forget_calls();
  run("tell");
  BOOST_TEST(calls() == "1 2");
  const auto is_new = [&](const std::string& key) { return keys.find(key) == std::string::npos; };
  BOOST_TEST(is_new(calls(2).substr(0, kKeySize)) !=
             is_new(calls(2).substr(kKeySize + 1)));  // Archived anew.
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_for_what_was_rolled_back) {
  archived_accounts(3);
  sql("alter table cluster add constraint odd check (account_id <> 2 or archived_at is null); "
      "create function refuse() returns trigger language plpgsql as $$ begin "
      "if new.account_id = 3 then raise exception 'no' using errcode = '23514'; end if; "
      "return null; end $$; create constraint trigger late after update on cluster deferrable "
      "initially deferred for each row execute function refuse()");
  define("tell", archive_clusters() + call("-- for: changed"));
  BOOST_TEST(summary(run("tell")) == "failed: 1 of 3 corrected, 1 changes, 2 failed");
  BOOST_TEST(calls() == "1");
  BOOST_TEST(owed() == "0");
}

BOOST_AUTO_TEST_CASE(limit_counts_those_that_would_be_acted_for) {
  archived_accounts(5);
  define("tell", "-- limit: 4\n" + kFindArchived + call(kForFound));
  const auto held = run("tell");
  BOOST_TEST(summary(held) == "held: 5 of 5 corrected, 0 changes, 0 failed");
  BOOST_TEST(calls() == "");
  const auto planned = plan("tell");
  BOOST_TEST(planned.hold->digest == held.hold->digest);
  journal.release("tell", held.hold->digest);
  BOOST_TEST(summary(run("tell")) == "converged: 5 of 5 corrected, 0 changes, 0 failed");
  BOOST_TEST(calls() == "1 2 3 4 5");
}

BOOST_AUTO_TEST_CASE(plan_tells_and_calls_nothing) {
  archived_accounts(2);
  define("tell", archive_clusters() + call("-- for: changed") + kMark);
  std::vector<std::string> details;
  const engine::PassObserver observer{
      .corrected = [&](const auto& record) { details.push_back(record.detail); }};
  BOOST_TEST(summary(plan("tell", {.observer = observer})) ==
             "planned: 2 of 2 corrected, 4 changes, 0 failed");
  BOOST_TEST_REQUIRE(details.size() == 2U);
  BOOST_TEST(details[0].find(R"("planned":[{"title":"tell","request":")") != std::string::npos,
             details[0]);
  BOOST_TEST(details[0].find("mark") != std::string::npos, details[0]);
  BOOST_TEST(calls() == "");
  BOOST_TEST(told() == "");
  define("found", kFindArchived + call(kForFound));
  BOOST_TEST(plan("found").inconsistencies == 2);
  BOOST_TEST(calls() == "");
}

BOOST_AUTO_TEST_CASE(no_more_calls_at_once_than_parallel_says) {
  archived_accounts(24);
  const std::string busy = (directory / "busy").string();
  std::filesystem::create_directory(busy);
  script("touch " + busy + "/$1; ls " + busy + " | wc -l >> " + busy + ".log; sleep 0.03; rm " +
         busy + "/$1");
  define("tell", archive_clusters("-- chunk: 6\n-- parallel: 3") + call("-- for: changed"));
  BOOST_TEST(run("tell").failed == 0);
  int most = 0;
  std::ifstream file(busy + ".log");
  for (int now = 0; file >> now;) most = std::max(most, now);
  BOOST_TEST(most == 3);
}

BOOST_AUTO_TEST_CASE(steps_outside_follow_each_other) {
  archived_accounts(3);
  const std::string first = call("-- for: changed");
  std::string second = call("-- for: changed");
  second.replace(second.find("tell"), 4, "tell again");
  define("tell", archive_clusters() + first + kMark + second +
                     "-- step: count\nupdate told set times = times + 1 from subject where "
                     "account_id = subject.id and times = 1 returning account_id;\n");
  BOOST_TEST(summary(run("tell")) == "converged: 3 of 3 corrected, 9 changes, 0 failed");
  BOOST_TEST(calls() == "1 1 2 2 3 3");
  BOOST_TEST(told() == "1x2 2x2 3x2");
  BOOST_TEST(owed() == "0");
}

BOOST_AUTO_TEST_CASE(sql_after_a_step_is_for_those_that_it_was_due_for) {
  archived_accounts(2);
  sql("update cluster set archived_at = now() where account_id = 2");
  std::string again = call(kForFound);
  again.replace(again.find("tell"), 4, "tell again");
  define("tell", archive_clusters() + call("-- for: changed") + kMark + again);
  run("tell");
  BOOST_TEST(calls() == "1 1 2");
  BOOST_TEST(told() == "1x1");
}

BOOST_AUTO_TEST_CASE(what_died_before_its_answer_has_another_key_when_it_is_found_anew) {
  archived_accounts(1);
  define("tell", kFindArchived + call(kForFound));
  run("tell");
  change("update outside_last set key = 'of-the-dead', done_us = 0, tried_us = 1");
  run("tell");
  BOOST_TEST(calls(2).find("of-the-dead") != std::string::npos);  // Still the same inconsistency.
  change("update outside_last set key = 'of-the-dead', done_us = 0, tried_us = 1");
  sql("update account set archived_at = null");
  run("tell");
  sql("update account set archived_at = now()");
  forget_calls();
  run("tell");
  BOOST_TEST(calls() == "1");
  BOOST_TEST(calls(2).find("of-the-dead") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
