#include "tests/cli/outside_fixture.h"

#include <boost/test/unit_test.hpp>

#include <csignal>

namespace {

using namespace converge::tests;

/// A converger that is run by hand alone. It owes a call for each of three accounts, as the process
/// that had corrected them was killed.
struct OwedSteps : Outside {
  OwedSteps() {
    define_archive("-- every: never\n");
    die_at("outside.before_attempt", {"run", "archive"});
  }

  /// Has everything in the journal lie back an hour.
  void age() const { tamper("update entry set time_us = time_us - 3600000000"); }
  /// Recovery finds a server whose past it cannot know.
  void lose_the_outcome() const {
    tamper("update entry set detail = json_set(detail, '$.timeline', 99) where kind = 1");
    BOOST_TEST(call({"run", "archive"}).status == 0);
    BOOST_TEST(ask_journal("select outcome from \"transaction\"") == "unknown");
  }
  std::string status_json() const {
    const auto all = lines(call({"status", "-o", "json"}).out);
    BOOST_REQUIRE(all.size() == 2U);
    return all[1];
  }
};

constexpr const char* kLate =
    "archive: 3 subjects are owed a step outside the database since TIME. To carry it out: "
    "`converge run archive`.";

BOOST_FIXTURE_TEST_SUITE(owed, OwedSteps)

BOOST_AUTO_TEST_CASE(what_is_owed_too_long_is_told_until_it_is_carried_out) {
  const auto fresh = call({"status"});
  BOOST_TEST(fresh.status == 0);
  BOOST_TEST(lines(fresh.out).at(0) == "all is well with 1 converger");
  BOOST_TEST(member(status_json(), "owed") == "3");
  age();
  const auto late = call({"status"});
  BOOST_TEST(late.status == 1);
  BOOST_TEST(lines(late.out).at(0) == "1 of 1 converger needs a person");
  BOOST_TEST(contains(timeless(late.out), std::string("\n\n") + kLate + "\n\n"), late.out);
  const auto json = status_json();
  BOOST_TEST(member(json, "state") == "new");
  BOOST_TEST(member(json, "needs_person") == "true");
  BOOST_TEST(member(json, "owed") == "3");
  BOOST_TEST(member(json, "owed_since").ends_with("Z"));
  BOOST_TEST(contains(member(json, "also"), R"("resolve":"converge run archive")"), json);

  const auto list = call({"list"});
  BOOST_TEST(list.status == 0);
  BOOST_TEST(contains(list.out, "QUARANTINE  OWED  LAST PASS"), list.out);
  BOOST_TEST(contains(list.out, "archive  by hand   new    -           3     -"), list.out);
  BOOST_TEST(timeless(list.err) == std::string("converge: ") + kLate + "\n");
  BOOST_TEST(member(call({"list", "-o", "json"}).out, "owed") == "3");
  BOOST_TEST(contains(timeless(call({"show", "archive"}).out), std::string("  ") + kLate + "\n"));

  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(call({"status"}).status == 0);
  BOOST_TEST(member(status_json(), "owed") == "0");
  BOOST_TEST(call({"list"}).err == "");
}

BOOST_AUTO_TEST_CASE(pause_and_quarantine_say_what_lets_them_go_on) {
  age();
  BOOST_TEST(call({"pause", "archive", "--reason", "x"}).status == 0);
  const auto paused = call({"status"});
  BOOST_TEST(paused.status == 0);
  BOOST_TEST(contains(timeless(paused.out),
                      "archive: 3 subjects are owed a step outside the database since TIME, which "
                      "the pause keeps from it. To let it go on: `converge resume archive`.\n"),
             paused.out);
  BOOST_TEST(call({"resume", "archive"}).status == 0);
  service.fault("kind=500&path=/accounts/2");
  BOOST_TEST(call({"run", "archive"}).status == 1);
  const auto failed = call({"status"});
  BOOST_TEST(failed.status == 1);
  BOOST_TEST(!contains(failed.out, "owed"), failed.out);
  BOOST_TEST(member(status_json(), "owed") == "1");
  BOOST_TEST(member(status_json(), "quarantined") == "1");
}

BOOST_AUTO_TEST_CASE(what_nothing_will_carry_out_is_a_line_of_its_own) {
  std::filesystem::remove(convergers / "archive.sql");
  define("other", archiver("-- every: never\n"));
  constexpr const char* kGone =
      "archive: 3 subjects are owed a step outside the database since TIME, and nothing carries it "
      "out while the definition is gone. Put the definition back; one without that step gives it "
      "up.";
  const auto status = call({"status"});
  BOOST_TEST(status.status == 1);
  BOOST_TEST(lines(status.out).at(0) == "1 of 2 convergers needs a person");
  BOOST_TEST(lines(timeless(status.out)).at(3) == kGone);
  BOOST_TEST(contains(status.out, "\narchive  undefined  -          -        -\n"), status.out);
  const auto json = lines(call({"status", "-o", "json"}).out);
  BOOST_TEST(member(json.at(2), "converger") == "archive");
  BOOST_TEST(member(json.at(2), "state") == "undefined");
  BOOST_TEST(member(json.at(2), "owed") == "3");
  BOOST_TEST(member(json.at(2), "needs_person") == "true");
  const auto list = call({"list"});
  BOOST_TEST(contains(list.out, "archive  -         undefined  -           3     -"), list.out);
  BOOST_TEST(timeless(list.err) == std::string("converge: ") + kGone + "\n");
  BOOST_TEST(member(lines(call({"list", "-o", "json"}).out).at(1), "state") == "undefined");

  // What it says gives it up does.
  define("archive", archiver("-- every: never\n"));
  const auto run = call({"run", "archive"});
  BOOST_TEST(run.status == 1);  // Whoever did not mean that has to know.
  BOOST_TEST(contains(run.err, "the step tell, which was owed to it, is not in the definition"));
  BOOST_TEST(service.log().empty());
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(call({"status"}).status == 0);
  BOOST_TEST(contains(call({"why", "2"}).out, "is not in the definition any more"));
}

BOOST_AUTO_TEST_CASE(broken_file_is_told_with_what_it_keeps_back) {
  define("archive", "nonsense");
  const auto status = call({"status"});
  BOOST_TEST(contains(status.out, "archive is broken: "));
  BOOST_TEST(contains(timeless(status.out),
                      "since TIME, and nothing carries it out while the definition is broken. Look "
                      "with: `converge check archive`.\n"),
             status.out);
  BOOST_TEST(lines(status.out).at(0) == "1 of 1 converger needs a person");
  BOOST_TEST(contains(status_json(), R"("state":"broken")"));
  BOOST_TEST(member(status_json(), "owed") == "3");
}

BOOST_AUTO_TEST_CASE(unknown_transaction_is_told_with_how_to_settle_it) {
  lose_the_outcome();
  const std::string txn = ask_journal("select seq from \"transaction\"");
  const std::string settle = "converge journal settle " + txn + " OUTCOME --reason TEXT";
  const auto status = call({"status"});
  BOOST_TEST(status.status == 1);
  BOOST_TEST(contains(timeless(status.out),
                      "archive: whether transaction " + txn +
                          " committed is unknown, and 3 subjects wait for that with a step outside "
                          "the database since TIME. Find out, and say `committed` or "
                          "`rolled_back`: `" +
                          settle + "`.\n"),
             status.out);
  BOOST_TEST(member(status_json(), "owed") == "0");
  BOOST_TEST(member(status_json(), "owed_unknown") == "3");
  const auto list = call({"list"});
  BOOST_TEST(contains(list.out, "-           3     "), list.out);
  BOOST_TEST(contains(list.err, "`" + settle + "`"), list.err);
  BOOST_TEST(contains(call({"why", "2"}).out,
                      "  a step outside the database waits, as whether transaction " + txn +
                          " committed is unknown: `" + settle + "`\n"));
  BOOST_TEST(service.log().empty());

  BOOST_TEST(call({"journal", "settle", txn, "committed", "--reason", "seen"}).status == 0);
  BOOST_TEST(!contains(call({"why", "2"}).out, "waits"));
  BOOST_TEST(member(status_json(), "owed") == "3");
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(marked() == "3");
  BOOST_TEST(call({"status"}).status == 0);
}

BOOST_AUTO_TEST_CASE(plan_tells_what_a_run_would_carry_out_first_and_sends_nothing) {
  const std::string before = ask_journal("select max(seq) from entry");
  const auto plan = call({"plan", "archive"});
  BOOST_TEST(plan.status == 0);
  const auto text = lines(timeless(plan.out));
  BOOST_TEST_REQUIRE(text.size() == 4U, plan.out);
  BOOST_TEST(text[0] ==
             "archive  first, as owed to 1 (a1@example.com): tell: POST "
             "${SERVICE}/accounts/1?key=${TOKEN}");
  BOOST_TEST(text[3] == "archive  nothing to do, 3 subjects examined (T)");
  const auto json = lines(call({"plan", "archive", "-o", "json", "--subject", "2"}).out);
  BOOST_TEST_REQUIRE(json.size() == 2U);
  BOOST_TEST(member(json[0], "kind") == "owed");
  BOOST_TEST(member(json[0], "subject") == "2");
  BOOST_TEST(member(json[0], "label") == "a2@example.com");
  BOOST_TEST(member(json[0], "planned") ==
             R"([{"title":"tell","request":"POST ${SERVICE}/accounts/2?key=${TOKEN}"}])");
  BOOST_TEST(call({"plan", "--exit-code"}).status == 4);
  BOOST_TEST(service.log().empty());
  BOOST_TEST(ask_journal("select max(seq) from entry") == before);
  BOOST_TEST(ask_journal("select count(*) from owed") == "3");
  require_no_secret(plan.out + plan.err + json[0] + json[1]);

  service.fault("kind=500&path=/accounts/2");
  BOOST_TEST(call({"run", "archive"}).status == 1);
  // It waits in quarantine, unless it is named.
  BOOST_TEST(!contains(call({"plan", "archive"}).out, "owed"));
  BOOST_TEST(contains(call({"plan", "archive", "--subject", "2"}).out, "as owed to 2 "));
}

BOOST_AUTO_TEST_CASE(plan_follows_an_edited_definition) {
  define_archive("-- every: never\n-- redact: label\n");
  BOOST_TEST(contains(call({"plan"}).out, "tell: POST ${SERVICE}/accounts/1?key=${TOKEN}\n"));
  define("archive", archiver("") + "\n-- exec: tell\n--   echo {id} {label}\n");
  BOOST_TEST(contains(call({"plan"}).out, "to 1 (a1@example.com): tell: echo 1 a1@example.com\n"));
  define("archive", archiver("") + "\n-- exec: shout\n--   echo {id}\n");
  BOOST_TEST(contains(call({"plan"}).out,
                      "to 1 (a1@example.com): tell: given up, as it is not in the definition any "
                      "more\n"));
}

BOOST_AUTO_TEST_CASE(plan_shows_the_first_and_counts_the_rest) {
  add_accounts(25);
  archive_accounts();
  BOOST_TEST(call({"run", "archive"}).status == 0);
  sql("update cluster set archived_at = null");
  die_at("outside.before_attempt", {"run", "archive"});
  const auto shown = lines(call({"plan", "archive"}).out);
  BOOST_TEST_REQUIRE(shown.size() == 22U);
  BOOST_TEST(contains(shown[19], "first, as owed to "));
  BOOST_TEST(
      contains(shown[20], "... and as owed to " +
                              std::to_string(std::stoi(sql("select count(*) from account")) - 20) +
                              " subjects more; -v shows them"));
  BOOST_TEST(lines(call({"plan", "archive", "-v"}).out).size() >= 26U);
}

BOOST_AUTO_TEST_CASE(plan_names_others_for_whom_a_run_carries_out_what_is_owed) {
  define("idle",
         "-- find:\nselect 1 as id;\n-- step: nothing\n"
         "select id from subject where false;\n");
  const auto plan = call({"plan", "idle"});
  BOOST_TEST(plan.status == 0);
  BOOST_TEST(plan.err ==
             "converge: a run also carries out what is owed by archive: `converge plan archive`\n");
}

BOOST_AUTO_TEST_CASE(run_tells_of_what_it_cannot_carry_out) {
  std::filesystem::remove(convergers / "archive.sql");
  define("idle",
         "-- find:\nselect 1 as id;\n-- step: nothing\n"
         "select id from subject where false;\n");
  for (const Words& words : {Words{"run"}, Words{"run", "idle"}, Words{"plan"}}) {
    const auto result = call(words);
    BOOST_TEST(result.status == 0);
    BOOST_TEST(contains(result.err,
                        "converge: steps outside the database are owed by archive, which has no "
                        "definition\n"),
               result.err);
  }
  BOOST_TEST(service.log().empty());
  BOOST_TEST(ask_journal("select count(*) from owed") == "3");
  define_archive("-- every: never\n");
  BOOST_TEST(call({"run"}).err == "");
  BOOST_TEST(marked() == "3");
}

BOOST_AUTO_TEST_CASE(daemon_tells_what_nothing_carries_out_until_the_definition_is_back) {
  std::filesystem::remove(convergers / "archive.sql");
  const auto socket = directory / "status.sock";
  Service daemon(*this, "status = \"unix:" + socket.string() + "\"\n" + variables);
  const auto ask = [&](const std::string& path) {
    return run_command({"curl", "-s", "--unix-socket", socket.string(), "http://localhost" + path})
        .out;
  };
  const auto has_metric = [&](const std::string& line) {
    return eventually([&] { return contains(ask("/metrics"), line); });
  };
  BOOST_TEST(has_metric("converge_owed_subjects{converger=\"archive\"} 3\n"));
  BOOST_TEST(contains(ask("/metrics"), "converge_owed_since_timestamp_seconds{converger=\"arch"));
  BOOST_TEST(contains(ask("/"), "<span class=\"badge undefined\">undefined</span>"));
  // Nothing converges before it is connected.
  BOOST_TEST(eventually(
      [&] { return contains(ask("/api/v1/status"), "\"headline\":\"1 converger needs you\""); }));
  const auto status = call({"status"});
  BOOST_TEST(status.status == 1);
  BOOST_TEST(contains(status.out, "carries it out while the definition is gone."), status.out);
  BOOST_TEST(!contains(status.out, "the daemon still runs it"), status.out);
  define_archive("-- every: 1h\n");
  daemon.signal(SIGHUP);
  BOOST_TEST(has_metric("converge_owed_subjects{converger=\"archive\"} 0\n"));
  BOOST_TEST(eventually([&] { return marked() == "3"; }));
  BOOST_TEST(eventually([this] { return call({"status"}).status == 0; }));
  BOOST_TEST(daemon.stop().status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
