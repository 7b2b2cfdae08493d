#include "tests/pg/outside_world.h"

#include <boost/test/unit_test.hpp>

#include <atomic>

namespace converge::tests {
namespace {

BOOST_FIXTURE_TEST_SUITE(outside_owed, OutsideWorld)

BOOST_AUTO_TEST_CASE(what_is_owed_is_done_although_find_returns_the_subject_no_more) {
  archived_accounts(2);
  script("exit 1");
  define("tell", archive_clusters() + call("-- for: changed") + kMark);
  run("tell");
  sql("update account set archived_at = null");
  run("tell");
  BOOST_TEST(journal.quarantined("tell").size() == 2U);
  make_due();
  script("exit 0");
  forget_calls();
  run("tell");
  BOOST_TEST(calls() == "1 2");
  BOOST_TEST(told() == "1x1 2x1");
  BOOST_TEST(owed() == "0");
  BOOST_TEST(journal.quarantined("tell").empty());
}

BOOST_AUTO_TEST_CASE(what_is_owed_is_carried_out_page_by_page) {
  leave_owing(7, archive_clusters() + call("-- for: changed") + kMark);
  script("exit 0");
  define("tell", archive_clusters("-- chunk: 3") + call("-- for: changed") + kMark);
  BOOST_TEST(run("tell").failed == 0);
  BOOST_TEST(calls() == "1 2 3 4 5 6 7");
  BOOST_TEST(told() == "1x1 2x1 3x1 4x1 5x1 6x1 7x1");
  BOOST_TEST(journaled("select count(*) from \"transaction\"") == "4");
  BOOST_TEST(owed() == "0");
}

BOOST_AUTO_TEST_CASE(pass_that_is_stopped_leaves_the_rest_owed) {
  archived_accounts(6);
  std::atomic<bool> stop{false};
  script("while test ! -e " + (directory / "go").string() + "; do sleep 0.01; done");
  define("tell", archive_clusters() + call("-- for: changed") + kMark);
  Background pass([&] { return run("tell", {.stop = &stop}); });
  wait_until("the first call", [&] { return !calls().empty(); });
  stop = true;
  directory.write("go", "");
  BOOST_TEST(engine::name_of(pass.result().outcome) == "interrupted");
  BOOST_TEST(calls() == "1");  // No other was begun.
  BOOST_TEST(owed() == "6");
  script("exit 0");
  BOOST_TEST(run("tell").failed == 0);
  BOOST_TEST(told() == "1x1 2x1 3x1 4x1 5x1 6x1");
  BOOST_TEST(owed() == "0");
}

BOOST_AUTO_TEST_CASE(paused_converger_sends_nothing_that_is_owed) {
  leave_owing(1, archive_clusters() + call("-- for: changed"));
  journal.pause({.converger = "tell", .reason = "look first"});
  run("tell");
  BOOST_TEST(calls() == "");
  journal.resume("tell", "");
  run("tell");
  BOOST_TEST(calls() == "1");
}

BOOST_AUTO_TEST_CASE(step_that_left_the_definition_is_given_up_once_and_told) {
  leave_owing(1, archive_clusters() + call("-- for: changed"));
  define("tell", archive_clusters());
  std::string told;
  const engine::PassObserver observer{
      .failed = [&](const auto& subject, const auto&, const Error& error) {
        told += subject + ": " + error.what();
      }};
  BOOST_TEST(engine::name_of(run("tell", {.observer = observer}).outcome) == "failed");
  BOOST_TEST(told == "1: the step tell, which was owed to it, is not in the definition any more");
  BOOST_TEST(engine::name_of(run("tell").outcome) == "unchanged");
  BOOST_TEST(calls() == "");
  BOOST_TEST(owed() == "0");
  BOOST_TEST(journaled("select count(*) from entry where kind = 5 and detail like '%is not in the "
                       "definition any more%'") == "1");
}

BOOST_AUTO_TEST_CASE(step_keeps_its_key_wherever_the_definition_puts_it) {
  archived_accounts(1);
  const std::string tell = call("-- for: changed");
  std::string audit = tell;
  audit.replace(audit.find("tell"), 4, "audit");
  audit.insert(audit.find(" {id}") + 5, "a");  // So that the log tells the two apart.
  script("test $1 = 1a");
  define("tell", archive_clusters() + audit + tell);
  run("tell");
  BOOST_TEST(calls() == "1 1a");
  for (const std::string& steps : {tell, audit + tell, tell + audit}) {
    define("tell", archive_clusters() + steps);
    make_due();
    run("tell");
    BOOST_TEST(owed() == "1", steps);
  }
  script("exit 0");
  make_due();
  run("tell");
  BOOST_TEST(owed() == "0");
  BOOST_TEST(journaled("select title, count(distinct key) from attempt group by 1 order by 1") ==
             "audit|1\ntell|1");
  BOOST_TEST(journaled("select outcome, count(*) from attempt where title = 'tell' group by 1") ==
             "committed|1\nfailed|4");
}

BOOST_AUTO_TEST_CASE(limit_is_not_on_what_was_owed_before) {
  archived_accounts(4);
  sql("update account set archived_at = null where id > 2");
  script("exit 1");
  define("tell", archive_clusters("-- limit: 2") + call("-- for: changed"));
  run("tell");
  sql("update account set archived_at = now() where id = 3");
  make_due();
  script("exit 0");
  BOOST_TEST(summary(run("tell")) == "converged: 3 of 3 corrected, 1 changes, 0 failed");
  // And a hold is on what is new.
  script("exit 1");
  sql("update cluster set archived_at = null where account_id = 1");
  run("tell");
  sql("update cluster set archived_at = null; update account set archived_at = now()");
  forget_calls();
  run("tell");
  make_due();
  script("exit 0");
  BOOST_TEST(engine::name_of(run("tell").outcome) == "held");
  BOOST_TEST(calls() == "1");
  BOOST_TEST(owed() == "0");
  BOOST_TEST(journal.quarantined("tell").empty());
}

BOOST_AUTO_TEST_CASE(pass_of_some_subjects_leaves_alone_what_is_owed_to_others) {
  archived_accounts(3);
  sql("update account set archived_at = null where id = 3");
  script("exit 1");
  define("tell", archive_clusters("-- limit: 9") + call("-- for: changed"));
  run("tell");
  sql("update account set archived_at = now() where id = 3");
  script("exit 0");
  forget_calls();
  BOOST_TEST(run("tell", {.subjects = {"3"}}).failed == 0);
  BOOST_TEST(calls() == "3");
  BOOST_TEST(owed() == "2");
}

BOOST_AUTO_TEST_CASE(redacted_column_is_not_kept_with_what_is_owed) {
  archived_accounts(1);
  script("exit 1");
  std::string tell = call("-- for: changed");
  tell.insert(tell.find(" {id}") + 5, " {label}");
  define("tell", archive_clusters("-- redact: label") + tell);
  run("tell");
  const std::string kept = journaled("select row from owed");
  BOOST_TEST(kept.find(R"("columns":["id"])") != std::string::npos, kept);
  script("test $2 = user1@example.com");
  make_due();
  run("tell");
  BOOST_TEST(owed() == "0");
}

BOOST_AUTO_TEST_CASE(column_that_find_has_learnt_since_is_read) {
  leave_owing(1, archive_clusters() + call("-- for: changed"));
  std::string text = archive_clusters() + call("-- for: changed");
  text.insert(text.find("as label") + 8, ", 7 as answer");
  text.insert(text.find("{id}") + 4, " {answer}");
  define("tell", text);
  script("test $2 = 7");
  run("tell");
  BOOST_TEST(owed() == "0");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
