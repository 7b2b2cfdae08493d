#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

namespace {

using namespace converge::tests;

struct Run : Cli {
  Run() { add_accounts(5); }

  /// Through a shell, for what stands behind the command: `| head -n 1`.
  CommandResult piped(const std::string& behind, const Words& arguments) const {
    Words words = {"bash", "-c", "set -o pipefail; \"$@\" " + behind, "bash", binary};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run_command(words, {.environment = environment});
  }
};

BOOST_FIXTURE_TEST_SUITE(run, Run)

BOOST_AUTO_TEST_CASE(corrects_then_changes_nothing) {
  define("archive_account", bundled());
  archive_accounts("id <= 3");
  const auto first = call({"run", "archive_account"});
  BOOST_TEST(first.status == 0);
  BOOST_TEST(timeless(first.out) ==
             "archive_account  converged: 3 of 3 subjects corrected, 9 changes (T)\n");
  BOOST_TEST(first.err == "");
  BOOST_TEST(left_to_do() == "0");
  BOOST_TEST(audited_rows() == "9");
  BOOST_TEST(sql("select count(*) from cluster where archived_at is null") == "4");

  const auto entries = ask_journal("select max(seq) from entry");
  const auto second = call({"run", "archive_account"});
  BOOST_TEST(second.status == 0);
  BOOST_TEST(timeless(second.out) == "archive_account  nothing to do, 3 subjects examined (T)\n");
  BOOST_TEST(second.err == "");
  BOOST_TEST(audited_rows() == "9");
  BOOST_TEST(ask_journal("select max(seq) from entry") == entries);
  require_agreement();
}

BOOST_AUTO_TEST_CASE(quiet_prints_only_what_changed) {
  define("archive", archiver(""));
  archive_accounts();
  const auto busy = call({"run", "archive", "-q"});
  BOOST_TEST(timeless(busy.out) ==
             "archive  converged: 5 of 5 subjects corrected, 15 changes (T)\n");
  const auto idle = call({"run", "archive", "-q"});
  BOOST_TEST(idle.status == 0);
  BOOST_TEST(idle.out == "");
  BOOST_TEST(idle.err == "");
}

BOOST_AUTO_TEST_CASE(json_has_the_documented_members) {
  define("archive", archiver(""));
  archive_accounts();
  const auto busy = call({"run", "archive", "-o", "json"});
  BOOST_TEST(busy.status == 0);
  BOOST_TEST(busy.err == "");
  BOOST_REQUIRE(lines(busy.out).size() == 1u);
  BOOST_TEST(member(busy.out, "pass") == "1");
  BOOST_TEST(member(busy.out, "converger") == "archive");
  BOOST_TEST(member(busy.out, "trigger") == "hand");
  BOOST_TEST(member(busy.out, "actor") == ask_journal("select name from actor"));
  BOOST_TEST(member(busy.out, "outcome") == "converged");
  BOOST_TEST(member(busy.out, "examined") == "5");
  BOOST_TEST(member(busy.out, "inconsistencies") == "5");
  BOOST_TEST(member(busy.out, "changes") == "15");
  BOOST_TEST(member(busy.out, "failed") == "0");
  BOOST_TEST(std::stoi(member(busy.out, "duration_ms")) >= 0);

  const auto idle = call({"run", "archive", "-o", "json"});
  BOOST_TEST(member(idle.out, "pass") == "null");
  BOOST_TEST(member(idle.out, "outcome") == "unchanged");
  BOOST_TEST(member(idle.out, "examined") == "5");
  BOOST_TEST(member(idle.out, "inconsistencies") == "0");
}

BOOST_AUTO_TEST_CASE(without_names_runs_what_is_due) {
  define("hourly", archiver("-- every: 1h\n"));
  define("by_hand", archiver("-- every: never\n"));
  archive_accounts();
  const auto first = call({"run"});
  BOOST_TEST(first.status == 0);
  BOOST_TEST(timeless(first.out) ==
             "hourly  converged: 5 of 5 subjects corrected, 15 changes (T)\n");
  const auto second = call({"run", "-v"});
  BOOST_TEST(second.status == 0);
  BOOST_TEST(second.out == "");
  BOOST_TEST(second.err == "converge: no converger is due\n");

  // An hour later by the journal's own memory.
  tamper("update last_pass set time_us = time_us - 3600 * 1000000");
  BOOST_TEST(timeless(call({"run"}).out) == "hourly  nothing to do, 5 subjects examined (T)\n");
}

BOOST_AUTO_TEST_CASE(cron_that_comes_a_little_early_is_not_turned_away) {
  define("minutely", archiver("-- every: 1m\n"));
  BOOST_TEST(call({"run"}).out != "");
  tamper("update last_pass set time_us = time_us - 56 * 1000000");
  BOOST_TEST(call({"run"}).out != "");
}

BOOST_AUTO_TEST_CASE(subject_limits_a_pass_to_one) {
  define("archive", archiver(""));
  archive_accounts();
  const auto result = call({"run", "archive", "--subject", "4"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(timeless(result.out) ==
             "archive  converged: 1 of 1 subject corrected, 3 changes (T)\n");
  BOOST_TEST(sql("select distinct account_id from audit") == "4");
  const auto absent = call({"run", "archive", "--subject", "999"});
  BOOST_TEST(absent.status == 0);
  BOOST_TEST(timeless(absent.out) == "archive  nothing to do: find does not return 999 (T)\n");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(exit_code_tells_that_there_were_inconsistencies) {
  define("archive", archiver(""));
  archive_accounts();
  BOOST_TEST(call({"run", "archive", "--exit-code"}).status == 4);
  BOOST_TEST(left_to_do() == "0");
  BOOST_TEST(call({"run", "archive", "--exit-code"}).status == 0);
}

BOOST_AUTO_TEST_CASE(broken_pipe_is_quiet_and_stops_no_pass) {
  define("archive", archiver(""));
  define("later", archiver(""));
  archive_accounts();
  const auto result = piped("| exec true", {"run", "archive", "later"});
  BOOST_TEST(result.err == "");
  BOOST_TEST(left_to_do() == "0");
  BOOST_TEST(ask_journal("select group_concat(converger) from last_pass") == "archive,later");
  BOOST_TEST(piped("| exec true", {"plan"}).err == "");
  BOOST_TEST(piped("| exec true", {"journal", "-o", "json"}).err == "");
  BOOST_TEST(piped("| exec true", {"list"}).err == "");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(output_that_cannot_be_written_is_an_error) {
  define("archive", archiver(""));
  archive_accounts();
  const auto result = piped("> /dev/full", {"run", "archive"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, "converge: error: cannot write to standard output"));
  require_agreement();
}

BOOST_AUTO_TEST_CASE(broken_definition_is_pointed_at_and_the_others_run) {
  define("archive", archiver(""));
  const auto broken = define("bad", archiver("-- evry: 10s\n"));
  archive_accounts();
  const auto result = call({"run"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(timeless(result.out) ==
             "archive  converged: 5 of 5 subjects corrected, 15 changes (T)\n");
  BOOST_TEST(lines(result.err).at(0) ==
             "converge: error: " + broken.string() + ":3:4: unknown directive: evry");
  BOOST_TEST(lines(result.err).at(1) == "    -- evry: 10s");
  BOOST_TEST(lines(result.err).at(2) == "       ^");
  BOOST_TEST(lines(result.err).at(3).starts_with("converge: hint: Did you mean every?"));
  BOOST_TEST(lines(result.err).size() == 4u);
  require_agreement();

  const auto alone = call({"run", "bad"});
  BOOST_TEST(alone.status == 2);
  BOOST_TEST(alone.out == "");
  BOOST_TEST(alone.err == result.err);
  const auto both = call({"run", "bad", "archive"});
  BOOST_TEST(both.status == 1);
  BOOST_TEST(call({"run", "archive"}).status == 0);
}

BOOST_AUTO_TEST_CASE(definition_that_others_can_write_is_refused_and_the_others_run) {
  define("archive", archiver(""));
  const auto open = define("open", archiver(""));
  ::chmod(open.c_str(), 0664);
  archive_accounts();
  const auto alone = call({"run", "open"});
  BOOST_TEST(alone.status == 2);
  BOOST_TEST(alone.out == "");
  BOOST_TEST(alone.err == "converge: error: " + open.string() +
                              " is writable by others than its owner (mode 0664)\n"
                              "converge: hint: Run: chmod go-w " +
                              open.string() + "\n");
  BOOST_TEST(audited_rows() == "0");
  const auto all = call({"run"});
  BOOST_TEST(all.status == 1);
  BOOST_TEST(all.err == alone.err);
  BOOST_TEST(left_to_do() == "0");
}

BOOST_AUTO_TEST_CASE(directory_of_definitions_that_others_can_write_is_refused) {
  define("archive", archiver(""));
  ::chmod(convergers.c_str(), 0777);
  archive_accounts();
  const auto result = call({"run"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(result.err == "converge: error: " + convergers.string() +
                               " is writable by others than its owner (mode 0777)\n"
                               "converge: hint: Run: chmod go-w " +
                               convergers.string() + "\n");
  BOOST_TEST(audited_rows() == "0");
  BOOST_TEST(!has_journal());
}

BOOST_AUTO_TEST_CASE(subject_that_fails_stands_alone) {
  define("archive", archiver(""));
  sql("alter table cluster add check (account_id <> 3 or archived_at is null)");
  archive_accounts();
  const auto result = call({"run", "archive"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(timeless(result.out) ==
             "archive  failed: 1 subject failed, 4 of 5 subjects corrected, 12 changes (T)\n");
  BOOST_TEST(contains(result.err,
                      "converge: error: archive: subject 3 (a3@example.com): step "
                      "archive clusters: "));
  BOOST_TEST(contains(result.err, "(SQLSTATE 23514)"));
  BOOST_TEST(left_to_do() == "3");
  BOOST_TEST(ask_journal("select subject, detail ->> '$.sqlstate' from entry where kind = 5") ==
             "3|23514");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(failed_pass_does_not_stop_the_next_converger) {
  define("a_fails", "-- find:\nselect id from nowhere;\n-- step: s\nselect id from subject;\n");
  define("b_works", archiver(""));
  archive_accounts();
  const auto result = call({"run"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.out, "b_works  converged: 5 of 5 subjects"));
  BOOST_TEST(left_to_do() == "0");
}

BOOST_AUTO_TEST_CASE(unknown_converger_is_refused_before_anything_runs) {
  define("archive", archiver(""));
  archive_accounts();
  const auto result = call({"run", "archive", "archve"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(result.out == "");
  BOOST_TEST(result.err ==
             "converge: error: there is no converger archve\n"
             "converge: hint: Did you mean archive?\n");
  BOOST_TEST(audited_rows() == "0");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
