#include "tests/cli/fixture.h"

#include <boost/algorithm/string/erase.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace {

using namespace converge::tests;

struct Listed : Cli {
  Listed() { add_accounts(2); }
};

BOOST_FIXTURE_TEST_SUITE(list, Listed)

BOOST_AUTO_TEST_CASE(shows_schedule_state_and_last_passes) {
  define("archive_account", bundled());
  define("by_hand", archiver("-- every: never\n"));
  const auto before = call({"list"});
  BOOST_TEST(before.status == 0);
  BOOST_TEST(before.out ==
             "NAME             SCHEDULE                                STATE  QUARANTINE  OWED  "
             "LAST PASS  OUTCOME  LAST CORRECTION\n"
             "archive_account  every 10s, listens on account_archived  new    -           -     "
             "-          -        -\n"
             "by_hand          by hand                                 new    -           -     "
             "-          -        -\n");
  BOOST_TEST(before.err == "");
  BOOST_TEST(!has_journal());

  archive_accounts();
  BOOST_REQUIRE(call({"run", "archive_account"}).status == 0);
  BOOST_REQUIRE(call({"run", "archive_account", "by_hand"}).status == 0);
  BOOST_TEST(timeless(call({"list"}).out) ==
             "NAME             SCHEDULE                                STATE  QUARANTINE  OWED  "
             "LAST PASS            OUTCOME    LAST CORRECTION\n"
             "archive_account  every 10s, listens on account_archived  ready  -           -     "
             "TIME  unchanged  TIME\n"
             "by_hand          by hand                                 ready  -           -     "
             "TIME  unchanged  -\n");
  const auto json = lines(call({"list", "-o", "json"}).out);
  BOOST_REQUIRE(json.size() == 2u);
  BOOST_TEST(member(json[0], "converger") == "archive_account");
  BOOST_TEST(member(json[0], "state") == "ready");
  BOOST_TEST(member(json[0], "every") == "10s");
  BOOST_TEST(member(json[0], "last_outcome") == "unchanged");
  BOOST_TEST(member(json[0], "last_correction").ends_with("Z"));
  BOOST_TEST(member(json[1], "every") == "never");
  BOOST_TEST(member(json[1], "last_correction") == "(none)");
}

BOOST_AUTO_TEST_CASE(needs_no_database) {
  define("archive", archiver(""));
  environment["CONVERGE_DATABASE"] = "postgresql:///x?host=" + directory.path().string();
  BOOST_TEST(call({"list"}).status == 0);
  BOOST_TEST(call({"show", "archive"}).status == 0);
}

BOOST_AUTO_TEST_CASE(shows_a_broken_definition_and_its_error) {
  define("archive", archiver(""));
  const auto file = define("bad", "-- find:\nselect 1;\n-- limt: 5\n");
  const auto result = call({"list"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.out, "bad      -         broken"));
  BOOST_TEST(contains(result.err, "converge: error: " + file.string() + ":3:4: "));
  BOOST_TEST(member(lines(call({"list", "-o", "json"}).out).at(1), "state") == "broken");
}

BOOST_AUTO_TEST_CASE(missing_directory_of_definitions_is_refused) {
  environment["CONVERGE_CONVERGERS"] = (directory / "nowhere").string();
  const auto result = call({"list"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(contains(
      result.err, "cannot read the directory of convergers " + (directory / "nowhere").string()));
  BOOST_TEST(contains(result.err, "converge: hint: Run: mkdir -p -m 755 " +
                                      (directory / "nowhere").string() +
                                      ". Or name another with --convergers DIR"));
}

BOOST_AUTO_TEST_CASE(files_that_are_no_definitions_are_not_listed) {
  define("archive", archiver(""));
  define("archive.test", "not sql");
  define("schema", "create table x ();");
  define(".hidden", "not sql");
  directory.write("convergers/README.md", "not sql");
  const auto result = call({"list"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(lines(result.out).size() == 2u);
}

BOOST_AUTO_TEST_CASE(colour_is_for_terminals) {
  define("archive", archiver(""));
  BOOST_TEST(!contains(call({"list"}).out, "\x1b"));
  BOOST_TEST(contains(call({"list", "--color", "always"}).out, "\x1b[1marchive\x1b[0m"));
  environment["NO_COLOR"] = "1";
  BOOST_TEST(contains(call({"list", "--color", "always"}).out, "\x1b[1marchive\x1b[0m"));
  environment["NO_COLOR"] = std::nullopt;
  // script(1) gives it a terminal.
  const auto on_terminal = [&](const std::string& options) {
    return run_command({"script", "-qec", binary + " list " + options, "/dev/null"},
                       {.environment = environment})
        .out;
  };
  BOOST_TEST(contains(on_terminal(""), "\x1b[1marchive\x1b[0m"));
  BOOST_TEST(!contains(on_terminal("--color never"), "\x1b"));
  environment["NO_COLOR"] = "1";
  BOOST_TEST(!contains(on_terminal(""), "\x1b"));
  environment["NO_COLOR"] = "";
  BOOST_TEST(contains(on_terminal(""), "\x1b[1marchive\x1b[0m"));
}

BOOST_AUTO_TEST_CASE(table_is_narrower_on_a_terminal_of_80_columns) {
  define("archive_account", bundled());
  BOOST_REQUIRE(call({"run"}).status == 0);
  const auto on_terminal = [&](const std::string& columns) {
    const auto shown =
        run_command({"script", "-qec",
                     "stty cols " + columns + "; " + binary + " list --color never", "/dev/null"},
                    {.environment = environment});
    return lines(boost::erase_all_copy(shown.out, "\r"));
  };
  const auto narrow = on_terminal("80");
  BOOST_REQUIRE(narrow.size() == 2u);
  for (const auto& line : narrow) BOOST_TEST(line.size() <= 80u, line);
  BOOST_TEST(narrow[0] == "NAME             SCHEDULE   STATE  LAST PASS  OUTCOME");
  const auto wide = on_terminal("140");
  BOOST_TEST(contains(wide.at(0), "QUARANTINE  OWED"));
  BOOST_TEST(lines(call({"list"}).out) == wide, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(terminal_without_utf8_is_shown_no_other_characters) {
  define("archive", "-- Für alle \u20ac und \U0001f600.\n\n" + archiver(""));
  const auto shown = [&](const char* locale) {
    auto with_locale = environment;
    with_locale["LC_ALL"] = locale;
    return run_command({"script", "-qec", binary + " show archive", "/dev/null"},
                       {.environment = with_locale})
        .out;
  };
  BOOST_TEST(contains(shown("C.UTF-8"), "Für alle \u20ac und \U0001f600."));
  const auto ascii = shown("C");
  BOOST_TEST(contains(ascii, "F\\u00fcr alle \\u20ac und \\U0001f600."), ascii);
  BOOST_TEST(std::all_of(ascii.begin(), ascii.end(), [](char c) { return (c & 0x80) == 0; }));
  // What a program reads is as it is.
  environment["LC_ALL"] = "C";
  BOOST_TEST(contains(call({"show", "archive"}).out, "Für alle \u20ac und"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(show, Listed)

BOOST_AUTO_TEST_CASE(tells_everything_a_person_needs) {
  define("archive_account", bundled());
  const auto result = call({"show", "archive_account"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.err == "");
  const auto version =
      run_command({"sha256sum", (convergers / "archive_account.sql").string()}).out;
  BOOST_TEST(result.out == "archive_account  version " + version.substr(0, 12) + R"(

  Archives everything that an archived account still owns.

For the operator
  begin;
  update account set archived_at = now() where email = 'TARGET' returning *;
  commit;

  -- What follows, on its way and done: converge why TARGET. Its clusters are then deprovisioned
  -- by deprovision_cluster, and their subscriptions closed by reconcile_subscription.

State
  new

Settings
  every         10s
  listen        account_archived
  timeout       10s
  pass_timeout  5m
  chunk         1000
  parallel      1
  shards        1
  limit         500
  settle        0s

Steps
  1. archive clusters
  2. revoke api keys
  3. remove team members

To be woken by a commit, for a migration of your own
  create function notify_account_archived() returns trigger language plpgsql as $$
  begin
    perform pg_notify('account_archived', new.id::text);
    return null;
  end
  $$;
  create trigger notify_insert_account_archived after insert on account for each row
  when (new.archived_at is not null) execute function notify_account_archived();
  create trigger notify_update_account_archived after update of archived_at on account for each row
  when (new.archived_at is distinct from old.archived_at) execute function notify_account_archived();

Recent history
  none yet
)");
}

BOOST_AUTO_TEST_CASE(printed_trigger_notifies_of_the_flag_alone_with_the_key) {
  define("archive_account", bundled());
  const auto shown = call({"show", "archive_account"}).out;
  const auto begin = shown.find("  create function");
  sql(shown.substr(begin, shown.find("\n\n", begin) - begin));
  const auto heard = run_command({"psql", "-Xq", url},
                                 {.input = "listen account_archived;\n"
                                           "update account set name = 'x';\n"
                                           "update account set archived_at = archived_at;\n"
                                           "insert into account (email, name) values"
                                           " ('a3@example.com', 'x');\n"
                                           "update account set archived_at = now() where id = 2;\n"
                                           "insert into account (email, name, archived_at) values"
                                           " ('a4@example.com', 'x', now());\n"
                                           "select 1;\n"});
  BOOST_TEST(heard.status == 0);
  BOOST_TEST(contains(heard.out, "\"account_archived\" with payload \"2\" received"));
  BOOST_TEST(contains(heard.out, "payload \"4\" received"));
  BOOST_TEST(!contains(heard.out, "payload \"1\""));
  BOOST_TEST(!contains(heard.out, "payload \"3\""));
  BOOST_TEST(contains(member(call({"show", "archive_account", "-o", "json"}).out, "trigger"),
                      "after update of archived_at on account "));
}

BOOST_AUTO_TEST_CASE(quarantine_is_shown_with_its_next_try) {
  define("archive", archiver(""));
  BOOST_REQUIRE(call({"pause", "archive", "--reason", "x"}).status == 0);
  BOOST_REQUIRE(call({"resume", "archive"}).status == 0);
  tamper(
      "with recursive n(i) as (select 1 union all select i + 1 from n where i < 22)"
      " insert into quarantine select 'archive', i, 'a' || i || '@example.com', 3, 1000000,"
      " 2000000000000000 + i, '', 'no such' || char(10) || 'plan', '23514', i = 2 from n");
  const auto text = timeless(call({"show", "archive"}).out);
  BOOST_TEST(contains(text,
                      "State\n  new\n  archive: 22 subjects are in quarantine, such as 1: no "
                      "such\\nplan. Look with"));
  BOOST_TEST(
      contains(text, "\n  1 (a1@example.com)    next TIME  failed 3 times  no such\\nplan\n"));
  BOOST_TEST(contains(text, "\n  2 (a2@example.com)    next TIME  fight           no such"));
  BOOST_TEST(contains(text, "\n  ... and 2 more\n"));
  const auto json = call({"show", "archive", "-o", "json"}).out;
  BOOST_TEST(member(json, "quarantined") == "22");
  BOOST_TEST(contains(member(json, "quarantine"), R"({"subject":"22","label":"a22@example.com")"));
}

BOOST_AUTO_TEST_CASE(history_is_that_of_the_converger) {
  define("archive", archiver(""));
  define("other", archiver(""));
  archive_accounts();
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  const auto history = call({"show", "archive"}).out;
  BOOST_TEST(
      contains(history, "1 (a1@example.com)  committed  archive clusters 2, revoke api keys 1\n"));
  BOOST_TEST(contains(history, "pass converged: 2 of 2 subjects corrected, 6 changes\n"));
  BOOST_TEST(contains(call({"show", "other"}).out, "Recent history\n  none yet\n"));
}

BOOST_AUTO_TEST_CASE(runbook_can_be_pasted) {
  define("archive_account", bundled());
  auto text = call({"show", "archive_account"}).out;
  const auto begin = text.find("  begin;");
  auto runbook = text.substr(begin, text.find("\n\n", begin) - begin);
  runbook.replace(runbook.find("TARGET"), 6, "a2@example.com");
  sql(runbook);
  BOOST_TEST(sql("select id from account where archived_at is not null") == "2");
  BOOST_REQUIRE(call({"run", "archive_account"}).status == 0);
  BOOST_TEST(left_to_do() == "0");
}

BOOST_AUTO_TEST_CASE(json_has_the_same) {
  define("archive_account", bundled());
  const auto json = call({"show", "archive_account", "-o", "json"}).out;
  BOOST_TEST(member(json, "converger") == "archive_account");
  BOOST_TEST(member(json, "path") == (convergers / "archive_account.sql").string());
  BOOST_TEST(member(json, "description") ==
             "Archives everything that an archived account still owns.");
  BOOST_TEST(contains(member(json, "operator"), "update account set archived_at = now()"));
  BOOST_TEST(contains(member(json, "settings"), "\"limit\":\"500\""));
  BOOST_TEST(member(json, "steps") ==
             R"(["archive clusters","revoke api keys","remove team members"])");
}

BOOST_AUTO_TEST_CASE(unknown_or_broken_converger_exits_2) {
  define("archive", archiver(""));
  define("bad", "nonsense");
  const auto unknown = call({"show", "archive_"});
  BOOST_TEST(unknown.status == 2);
  BOOST_TEST(contains(unknown.err, "converge: hint: Did you mean archive?"));
  const auto broken = call({"show", "bad"});
  BOOST_TEST(broken.status == 2);
  BOOST_TEST(contains(broken.err, (convergers / "bad.sql").string() + ":1:"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
