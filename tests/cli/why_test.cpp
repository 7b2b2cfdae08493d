#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

/// Archives only clusters.
constexpr const char* kClusters = R"sql(-- Archives clusters alone.

-- find:
select id, email as label from account where archived_at is not null order by id;

-- step: archive clusters
update cluster set archived_at = now()
from subject
where cluster.account_id = subject.id and cluster.archived_at is null
returning subject.id, cluster.name, cluster.id as cluster;
)sql";

struct Why : Cli {
  Why() {
    define("archive", archiver(""));
    define("clusters", kClusters);
    add_accounts(3);
  }

  /// One pass over what the operator's flag makes wrong.
  void correct(const std::string& converger, const std::string& condition = "id = 1") {
    archive_accounts(condition);
    BOOST_REQUIRE(call({"run", converger}).status == 0);
  }

  std::string actor() const { return ask_journal("select name from actor"); }

  /// The story as people read it.
  std::string told(const Words& arguments) const {
    Words all = {"why"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const auto result = call(all);
    BOOST_TEST(result.status == 0);
    BOOST_TEST(result.err == "");
    return timeless(result.out);
  }
};

BOOST_FIXTURE_TEST_SUITE(why, Why)

BOOST_AUTO_TEST_CASE(tells_who_changed_what_when_and_how_it_ended) {
  correct("archive");
  const auto version =
      ask_journal("select substr(version, 1, 12) from definition where text is not null");
  const auto xid = ask_journal("select xid from \"transaction\"");
  BOOST_TEST(told({"1"}) ==
             "1 (a1@example.com): corrected once by archive, never failed\n"
             "  TIME\n"
             "\n"
             "TIME  archive " +
                 version +
                 "  committed\n"
                 "  corrected\n"
                 "    archive clusters: 2 rows\n"
                 "      cluster=1\n"
                 "      cluster=2\n"
                 "    revoke api keys: 1 row\n"
                 "      api_key=1\n"
                 "  by " +
                 actor() + " (hand), build 0, pass 1, xid " + xid + "\n");
}

BOOST_AUTO_TEST_CASE(story_goes_across_convergers_in_order_of_time) {
  correct("clusters");
  correct("archive", "id <= 2");
  const auto story = told({"1"});
  BOOST_TEST(contains(story, "1 (a1@example.com): corrected twice, never failed\n"));
  BOOST_TEST(contains(story, "  clusters  once  TIME\n  archive   once  TIME\n"));
  BOOST_TEST(story.find("TIME  clusters ") < story.find("TIME  archive "));
  BOOST_TEST(contains(story, "      name=c1 cluster=1\n"));
  BOOST_TEST(contains(story, "    revoke api keys: 1 row\n"));
  BOOST_TEST(!contains(story, "corrected again"));
  const auto one = told({"1", "--converger", "archive"});
  BOOST_TEST(!contains(one, "clusters "));
  BOOST_TEST(told({"--converger", "arch*", "1"}) == one);
}

BOOST_AUTO_TEST_CASE(corrected_again_says_how_often_and_how_long_after) {
  for (int pass = 0; pass < 3; ++pass) {
    correct("archive");
    dirty_again();
  }
  // As if the second had been two days and an hour ago.
  tamper(
      "update entry set time_us = time_us - 49 * 3600000000 where kind = 2 and seq < "
      "(select max(seq) from entry where kind = 2)");
  const auto story = told({"1"});
  BOOST_TEST(
      contains(story, "corrected 3 times by archive, never failed\n  first TIME, last TIME"));
  BOOST_TEST(contains(story, "  corrected again, 2nd time, "));
  BOOST_TEST(contains(story, "  corrected again, 3rd time, 2d after\n"));
  const auto all = lines(call({"why", "1", "-o", "json"}).out);
  BOOST_REQUIRE(all.size() == 3u);
  BOOST_TEST(member(all[0], "occurrence") == "1");
  BOOST_TEST(member(all[0], "previous") == "(none)");
  BOOST_TEST(member(all[2], "occurrence") == "3");
  BOOST_TEST(member(all[2], "previous") == member(all[1], "time"));
}

BOOST_AUTO_TEST_CASE(failure_is_told_with_its_sqlstate_and_message) {
  sql("alter table cluster add constraint keep check (id <> 1 or archived_at is null)");
  archive_accounts("id = 1");
  BOOST_REQUIRE(call({"run", "archive"}).status == 1);
  const auto story = told({"1"});
  BOOST_TEST(contains(story, "1 (a1@example.com): never corrected, failed once\n"));
  BOOST_TEST(contains(story, "  failed last TIME\n"));
  BOOST_TEST(contains(story, "  failed\n  step archive clusters: "));
  BOOST_TEST(contains(story, "violates check constraint \"keep\""));
  BOOST_TEST(contains(story, "(SQLSTATE 23514)\n"));
  BOOST_TEST(contains(story, "  by " + actor() + " (hand), build 0, pass "));
}

BOOST_AUTO_TEST_CASE(rolled_back_and_pending_do_not_count_as_corrected) {
  archive_accounts("id = 1");
  die_at("pass.after_append", {"run", "archive"});
  const auto pending = told({"1"});
  BOOST_TEST(contains(pending, "never corrected, never failed\n  besides, 1 pending\n"));
  BOOST_TEST(contains(pending, "  pending\n  being corrected"));
  BOOST_REQUIRE(call({"run", "archive", "--wait", "20s"}).status == 0);
  const auto story = told({"1"});
  BOOST_TEST(contains(story, "corrected once by archive, never failed\n"));
  BOOST_TEST(contains(story, "  besides, rolled back once\n"));
  BOOST_TEST(contains(story, "  rolled_back\n  not corrected"));
  BOOST_TEST(contains(story, "  settled by " + actor() + ", TIME (recovery)\n"));
  BOOST_TEST(contains(story, "  committed\n  corrected\n"));
}

BOOST_AUTO_TEST_CASE(more_than_five_rows_are_shown_only_when_asked) {
  sql("insert into cluster (account_id, name, region, plan, created_at) "
      "select 1, 'more' || n, 'eu-west-1', 'starter', now() from generate_series(1, 105) n");
  correct("clusters");
  const auto story = told({"1"});
  BOOST_TEST(contains(story, "    archive clusters: 107 rows\n"));
  BOOST_TEST(lines(story).size() == 4u + 2 + 5 + 2);
  BOOST_TEST(contains(story, "      ... and 102 more\n"));
  const auto all = told({"1", "-v"});
  BOOST_TEST(lines(all).size() == 4u + 2 + 100 + 2);
  BOOST_TEST(contains(all, "      ... and 7 more, which are not kept\n"));
}

BOOST_AUTO_TEST_CASE(label_leads_to_its_subject) {
  correct("archive", "id <= 2");
  const auto story = told({"a2@example.com"});
  BOOST_TEST(story.starts_with("2 (a2@example.com): corrected once"));
  BOOST_TEST(story == told({"2"}));
}

BOOST_AUTO_TEST_CASE(key_wins_over_a_label) {
  sql("alter table account drop constraint account_email_check;"
      "update account set email = '2' where id = 1");
  correct("archive", "id <= 2");
  BOOST_TEST(told({"2"}).starts_with("2 (a2@example.com): "));
}

BOOST_AUTO_TEST_CASE(label_of_several_tells_the_story_of_each) {
  define(
      "things",
      "-- find:\nselect id, 'a2@example.com' as label from cluster where archived_at is not null "
      "and account_id = 2;\n-- step: finish\nupdate cluster set name = 'done ' || cluster.id from "
      "subject\n"
      "where cluster.id = subject.id and name not like 'done%' returning subject.id;\n");
  correct("archive", "id <= 3");
  BOOST_REQUIRE(call({"run", "things"}).status == 0);
  // Accounts 2 and 3, clusters 3 and 4: account 3 has the same key as a cluster of 2, and is not 2.
  const auto story = told({"a2@example.com"});
  BOOST_TEST(story.starts_with("2 (a2@example.com): corrected once by archive, "));
  const auto of_three = story.find("\n\n3 (a2@example.com): corrected once by things, ");
  BOOST_REQUIRE(of_three != std::string::npos);
  BOOST_TEST(story.find("\n\n4 (a2@example.com): corrected once by things, ") > of_three);
  BOOST_TEST(!contains(story, "a3@example.com"));
  // A step that returns nothing but the key.
  BOOST_TEST(contains(story, "    finish: 1 row\n  by "));
  BOOST_TEST(lines(call({"why", "a2@example.com", "-o", "json"}).out).size() == 3u);
  BOOST_TEST(
      told({"a2@example.com", "--converger", "archive"}).starts_with("2 (a2@example.com): "));
  BOOST_TEST(!contains(told({"a2@example.com", "--converger", "archive"}), "things"));
}

BOOST_AUTO_TEST_CASE(unknown_key_suggests_the_nearest) {
  correct("archive", "id <= 3");
  const auto label = call({"why", "a2@exmaple.com"});
  BOOST_TEST(label.status == 1);
  BOOST_TEST(label.out == "");
  BOOST_TEST(contains(label.err, "converge: error: no entry has the key a2@exmaple.com"));
  BOOST_TEST(contains(label.err,
                      "converge: hint: Nearest: a2@example.com; try `converge why "
                      "a2@example.com`."));
  const auto key = call({"why", "20"});
  BOOST_TEST(key.status == 1);
  BOOST_TEST(contains(key.err, "converge: hint: Nearest: 2; try `converge why 2`."));
  BOOST_TEST(contains(call({"why", "a3"}).err, "Nearest: 3, a3@example.com; try"));
  const auto nothing = call({"why", "nobody"});
  BOOST_TEST(nothing.status == 1);
  BOOST_TEST(!contains(nothing.err, "Nearest"));
  BOOST_TEST(call({"why", ""}).status == 1);
}

BOOST_AUTO_TEST_CASE(unknown_converger_is_a_usage_error_with_a_suggestion) {
  correct("archive");
  const auto result = call({"why", "1", "--converger", "archvie"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(contains(result.err, "converge: error: the journal knows no converger archvie\n"));
  BOOST_TEST(contains(result.err, "converge: hint: Did you mean archive?"));
  BOOST_TEST(
      contains(call({"why", "1", "--converger", "a"}).err, "hint: It knows archive, clusters."));
  correct("clusters", "id = 2");
  const auto others = call({"why", "1", "--converger", "clusters"});
  BOOST_TEST(others.status == 1);
  BOOST_TEST(contains(others.err, "no entry of clusters has the key 1"));
  BOOST_TEST(contains(others.err, "Other convergers have entries of it: `converge why 1`."));
}

BOOST_AUTO_TEST_CASE(redacted_detail_is_told_as_such) {
  correct("archive");
  tamper("update entry set detail = null where kind = 2");
  const auto story = told({"1"});
  BOOST_TEST(contains(story, "  corrected\n    details redacted\n  by "));
  BOOST_TEST(!contains(story, "cluster"));
  const auto json = call({"why", "1", "-o", "json"}).out;
  BOOST_TEST(member(json, "redacted") == "{}");
  BOOST_TEST(member(json, "steps") == "(none)");
}

BOOST_AUTO_TEST_CASE(escapes_in_labels_and_values_are_shown_and_not_obeyed) {
  sql("alter table account drop constraint account_email_check;"
      "update account set email = E'\\x1b[31mred\\x1b]0;owned\\x07' where id = 1;"
      "update cluster set name = E'\\x1b[2J up\\n down' where id = 1;"
      "update cluster set name = repeat('long', 500) where id = 2");
  correct("clusters");
  for (const Words& words :
       {Words{"why", "1"}, Words{"why", "1", "--color", "always"}, Words{"why", "1", "-v"},
        Words{"why", "1", "-o", "json"}, Words{"why", "\x1b]0;other\x07"}}) {
    const auto result = call(words);
    for (const auto& out : {result.out, result.err}) {
      BOOST_TEST(!contains(out, "\x1b[31mred"));
      BOOST_TEST(!contains(out, "\x1b]0;"));
      BOOST_TEST(!contains(out, "\x1b[2J"));
      BOOST_TEST(!contains(out, "\x07"));
    }
  }
  const auto story = told({"1"});
  BOOST_TEST(contains(story, R"(1 (\x1b[31mred\x1b]0;owned\x07): corrected once)"));
  BOOST_TEST(contains(story, R"(      name="\x1b[2J up\n down" cluster=1)"));
  for (const auto& line : lines(story)) BOOST_TEST(line.size() < 400u);
  BOOST_TEST(contains(told({"1", "-v"}), "longlong cluster=2\n"));
}

BOOST_AUTO_TEST_CASE(kilobytes_of_key_are_found_and_cut) {
  const std::string key = std::string(3000, 'k') + "\xc3\xbc";
  sql("create table thing (name text primary key, done boolean not null default false);"
      "insert into thing values (repeat('k', 3000) || '\xc3\xbc')");
  define("things",
         "-- find:\nselect name from thing;\n-- step: finish\nupdate thing set done = true "
         "from subject where thing.name = subject.name and not done\n"
         "returning subject.name, thing.name as thing;\n");
  BOOST_REQUIRE(call({"run", "things"}).status == 0);
  const auto story = told({key});
  BOOST_TEST(contains(story, std::string(60, 'k') + "...: corrected once by things"));
  for (const auto& line : lines(story)) BOOST_TEST(line.size() < 400u);
  const auto unknown = call({"why", key + "x"});
  BOOST_TEST(unknown.status == 1);
  for (const auto& line : lines(unknown.err)) BOOST_TEST(line.size() < 400u);
}

BOOST_AUTO_TEST_CASE(definition_is_the_very_text_that_acted_once_for_each_version) {
  const std::string first = archiver("-- timeout: 8s\n");
  const std::string second = archiver("-- timeout: 9s\n");
  for (const auto& text : {first, first, second}) {
    define("archive", text);
    correct("archive");
    dirty_again();
  }
  const auto story = told({"1", "--definition"});
  BOOST_TEST(contains(story, "    | -- find:\n    | select id, email as label from account"));
  const auto old_text = story.find("    | -- timeout: 8s\n");
  const auto new_text = story.find("    | -- timeout: 9s\n");
  BOOST_REQUIRE(old_text != std::string::npos);
  BOOST_TEST(story.find("    | -- timeout: 8s\n", old_text + 1) == std::string::npos);
  BOOST_TEST(old_text < story.find("2nd time"));
  BOOST_TEST(story.find("3rd time") < new_text);
  BOOST_TEST(!contains(told({"1"}), "timeout"));
  const auto all = lines(call({"why", "1", "--definition", "-o", "json"}).out);
  BOOST_REQUIRE(all.size() == 3u);
  BOOST_TEST(member(all[1], "definition") == first);
  BOOST_TEST(member(all[2], "definition") == second);
}

BOOST_AUTO_TEST_CASE(json_has_the_members_of_the_journal_and_its_own) {
  correct("archive");
  const auto result = call({"why", "1", "-o", "json"});
  BOOST_TEST(result.err == "");
  const auto all = lines(result.out);
  BOOST_REQUIRE(all.size() == 1u);
  const auto journaled = lines(call({"journal", "--subject", "1", "-o", "json"}).out).at(0);
  for (const char* name : {"seq", "time", "kind", "hash", "pass", "converger", "version", "actor",
                           "build", "txn", "subject", "label", "count", "outcome", "steps"}) {
    BOOST_TEST(member(all[0], name) != "(none)");
    BOOST_TEST(member(all[0], name) == member(journaled, name));
  }
  BOOST_TEST(member(all[0], "occurrence") == "1");
  BOOST_TEST(member(all[0], "trigger") == "hand");
  BOOST_TEST(member(all[0], "xid") == ask_journal("select xid from \"transaction\""));
  BOOST_TEST(contains(member(all[0], "settled"), R"("actor":")" + actor() + '"'));
  BOOST_TEST(member(all[0], "definition") == "(none)");
  BOOST_TEST(member(all[0], "redacted") == "(none)");
}

BOOST_AUTO_TEST_CASE(missing_journal_and_missing_key_are_usage_errors) {
  BOOST_TEST(call({"why", "1"}).status == 2);
  BOOST_TEST(call({"why"}).status == 2);
  BOOST_TEST(!has_journal());
}

BOOST_AUTO_TEST_CASE(journal_without_entries_says_so) {
  define("nothing", "-- find:\nselect 1 as id where false;\n-- step: s\nselect id from subject;\n");
  BOOST_REQUIRE(call({"run", "nothing"}).status == 0);
  BOOST_REQUIRE(ask_journal("select count(*) from entry") == "0");
  const auto result = call({"why", "1"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(lines(result.err).at(0) == "converge: error: the journal has no entries yet");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
