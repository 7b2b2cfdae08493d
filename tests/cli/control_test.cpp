#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

struct Control : Cli {
  Control() {
    define("archive", archiver("-- every: 10s\n"));
    define("other", archiver("-- every: 10s\n"));
  }

  std::string kinds() const {
    return ask_journal(
        "select group_concat(k.name, ' ') from entry e join kind k on k.id = e.kind");
  }
  /// What the engine remembers of a subject that failed; the journal is begun by a pause.
  void quarantine(const std::string& subject, const std::string& next_us) const {
    tamper("insert into quarantine values ('archive', '" + subject + "', 'a" + subject +
           "@example.com', 3, 1000000, " + next_us + ", '', 'no such plan', '23514', 0)");
  }
  void begin_journal() const {
    BOOST_REQUIRE(call({"pause", "other", "--reason", "x"}).status == 0);
    BOOST_REQUIRE(call({"resume", "other"}).status == 0);
  }
  /// No command may need the database.
  void take_database_away() {
    environment["CONVERGE_DATABASE"] = "postgresql:///x?host=" + directory.path().string();
  }
};

BOOST_FIXTURE_TEST_SUITE(control, Control)

BOOST_AUTO_TEST_CASE(paused_converger_is_neither_due_nor_run) {
  add_accounts(1);
  archive_accounts();
  const auto paused = call({"pause", "archive", "--reason", "billing moves", "--for", "2h"});
  BOOST_TEST(paused.status == 0);
  BOOST_TEST(timeless(paused.out) == "archive  paused until TIME: billing moves\n");
  BOOST_TEST(contains(
      paused.err, "the journal " + journal.string() + ", and for other hosts only while a daemon"));
  BOOST_TEST(contains(paused.err, "`converge resume archive`"));

  const auto run = call({"run", "archive"});
  BOOST_TEST(run.status == 3);
  BOOST_TEST(timeless(run.out) == "archive  skipped: it is paused (T)\n");
  BOOST_TEST(contains(run.err, "converge: error: archive: "));
  BOOST_TEST(contains(timeless(run.err), " paused it at TIME, until TIME: billing moves\n"));
  BOOST_TEST(contains(run.err, "converge: hint: To let it go on: `converge resume archive`.\n"));
  const auto json = call({"run", "archive", "-o", "json"});
  BOOST_TEST(member(json.out, "outcome") == "skipped");
  BOOST_TEST(member(json.out, "reason") == "billing moves");
  BOOST_TEST(audited_rows() == "0");

  const auto due = call({"run"});  // The other one is.
  BOOST_TEST(due.status == 0);
  BOOST_TEST(!contains(due.out, "archive"));
  BOOST_TEST(contains(due.out, "other  converged"));
  BOOST_TEST(call({"plan", "archive"}).status == 0);

  BOOST_TEST(call({"resume", "archive", "--reason", "it has moved"}).out == "archive  resumed\n");
  dirty_again();
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(left_to_do() == "0");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(all_are_paused_and_resumed_at_once) {
  take_database_away();
  BOOST_TEST(call({"pause", "other", "--reason", "its own"}).status == 0);
  const auto paused = call({"pause", "--all", "--reason", "restoring", "-o", "json"});
  BOOST_TEST(paused.status == 0);
  BOOST_TEST(member(paused.out, "all") == "true");
  BOOST_TEST(member(paused.out, "reason") == "restoring");
  const auto list = call({"list"});
  BOOST_TEST(contains(timeless(list.err),
                      " paused all convergers at TIME: restoring. To let it go "
                      "on: `converge resume --all`.\n"));
  BOOST_TEST(contains(list.err, ": its own. To let it go on: `converge resume other`.\n"));
  const auto slip = call({"resume", "archive"});
  BOOST_TEST(slip.status == 1);
  BOOST_TEST(contains(slip.err, "converger archive is not paused"));
  BOOST_TEST(contains(slip.err, "`converge resume --all`"));
  const auto resumed = call({"resume", "--all"});
  BOOST_TEST(resumed.status == 0);
  BOOST_TEST(contains(resumed.err, "other was paused by itself and still is"));
  BOOST_TEST(call({"resume", "--all"}).status == 1);
  BOOST_TEST(kinds() == "pause pause resume");
}

BOOST_AUTO_TEST_CASE(pause_ends_after_its_time) {
  add_accounts(1);
  archive_accounts();
  BOOST_TEST(call({"pause", "archive", "--reason", "x", "--for", "1ms"}).status == 0);
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(left_to_do() == "0");
}

BOOST_AUTO_TEST_CASE(mistakes_pause_nothing) {
  take_database_away();
  BOOST_TEST(call({"pause", "archive"}).status == 2);
  BOOST_TEST(contains(call({"pause", "archive", "--reason", " "}).err, "the reason is empty"));
  BOOST_TEST(call({"pause", "--reason", "x"}).status == 2);
  BOOST_TEST(call({"pause", "archive", "--all", "--reason", "x"}).status == 2);
  BOOST_TEST(call({"pause", "archive", "--reason", "x", "--for", "soon"}).status == 2);
  const auto slip = call({"pause", "archiv", "--reason", "x"});
  BOOST_TEST(slip.status == 2);
  BOOST_TEST(contains(slip.err, "Did you mean archive?"));
  BOOST_TEST(!has_journal());
}

BOOST_AUTO_TEST_CASE(list_shows_what_is_paused_in_quarantine_failing_or_silent) {
  take_database_away();
  begin_journal();
  quarantine("7", "0");
  tamper(
      "insert into last_pass values ('archive', 1000000, 'unchanged', 0, 0, 0, '', 1000000),"
      " ('other', 1000000, 'failed', 0, 0, 4, 'no way in', 0)");
  auto list = call({"list"});
  BOOST_TEST(list.status == 0);
  const auto rows = lines(list.out);
  BOOST_TEST(contains(rows.at(1), "archive  every 10s  silent   1           "));
  BOOST_TEST(contains(rows.at(2), "other    every 10s  failing  -           "));
  BOOST_TEST(contains(list.err, "archive is silent: its last pass was at "));
  BOOST_TEST(contains(list.err, "`converge run archive`"));
  BOOST_TEST(contains(list.err,
                      "other is failing: its last 4 passes failed: no way in. Look with "
                      "`converge journal --converger other`.\n"));
  tamper("update last_pass set time_us = unixepoch() * 1000000 where converger = 'archive'");
  list = call({"list"});
  BOOST_TEST(contains(list.err,
                      "archive: 1 subject is in quarantine, 7: no such plan. Look with "
                      "`converge show archive`; to try again at once: `converge retry "
                      "archive 7`.\n"));
  const auto json = lines(call({"list", "-o", "json"}).out);
  BOOST_TEST(member(json.at(0), "quarantined") == "1");
  BOOST_TEST(member(json.at(0), "resolve") == "converge retry archive 7");
  BOOST_TEST(member(json.at(1), "state") == "failing");
  BOOST_TEST(member(json.at(1), "failures") == "4");
}

BOOST_AUTO_TEST_CASE(retry_makes_a_subject_due) {
  take_database_away();
  begin_journal();
  const auto none = call({"retry", "archive", "--all"});
  BOOST_TEST(none.status == 1);
  BOOST_TEST(contains(none.err, "no subject of archive is in quarantine"));
  quarantine("-7", "2000000000000000");
  quarantine("8", "2000000000000000");
  BOOST_TEST(
      contains(call({"retry", "archive", "9"}).err, "subject 9 of archive is not in quarantine"));
  BOOST_TEST(call({"retry", "archive"}).status == 2);
  BOOST_TEST(contains(call({"retry", "archiv", "8"}).err, "Did you mean archive?"));
  BOOST_TEST(call({"retry", "archive", "--", "-7"}).out ==
             "archive  1 subject to be tried in the next pass\n");
  BOOST_TEST(ask_journal("select subject, failures from quarantine where next_us = 0") == "-7|3");
  const auto all = call({"retry", "archive", "--all", "-o", "json"});
  BOOST_TEST(member(all.out, "count") == "2");
  BOOST_TEST(kinds() == "pause resume retry retry");
}

BOOST_AUTO_TEST_CASE(journal_tells_what_people_did) {
  take_database_away();
  BOOST_REQUIRE(call({"pause", "archive", "--reason", "billing moves", "--for", "1d"}).status == 0);
  BOOST_REQUIRE(call({"pause", "--all", "--reason", "restoring"}).status == 0);
  BOOST_REQUIRE(call({"resume", "--all"}).status == 0);
  quarantine("7", "1");
  BOOST_REQUIRE(call({"retry", "archive", "7"}).status == 0);
  const auto text = timeless(call({"journal"}).out);
  BOOST_TEST(contains(text, "paused until TIME: billing moves\n"));
  BOOST_TEST(contains(text, "all paused: restoring\n"));
  BOOST_TEST(contains(text, "all resumed\n"));
  BOOST_TEST(contains(text, "1 subject to be tried again\n"));
  const auto json = lines(call({"journal", "-o", "json"}).out);
  BOOST_TEST(member(json.at(0), "kind") == "pause");
  BOOST_TEST(member(json.at(0), "until").ends_with("Z"));
  BOOST_TEST(member(json.at(1), "all") == "true");
  BOOST_TEST(call({"journal", "verify"}).status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
