#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

namespace {

using namespace converge::tests;

struct JournalFilter : Cli {
  JournalFilter() {
    define("archive", archiver(""));
    define("second", archiver("-- timeout: 9s\n"));
    add_accounts(6);
    correct("archive", "id <= 2");
    correct("second", "id = 3");
  }

  std::vector<std::string> read(Words options) const {
    options.insert(options.begin(), "journal");
    const auto result = call(options);
    BOOST_TEST(result.status == 0, result.err);
    return lines(result.out);
  }
  /// The seqs of what is found.
  std::string seqs(Words options) const {
    options.insert(options.end(), {"-o", "json"});
    std::string all;
    for (const auto& line : read(options)) all += member(line, "seq") + " ";
    return all;
  }
  /// Puts an entry's time back.
  void put_back(int seq, int seconds) const {
    tamper("update entry set time_us = time_us - " + std::to_string(seconds) +
           "000000 where seq = " + std::to_string(seq) +
           "; update chain set block_min_us = block_min_us - 1000000000000");
  }
  void refused(const Words& options, const std::string& message, const std::string& hint) const {
    Words words = {"journal"};
    words.insert(words.end(), options.begin(), options.end());
    const auto result = call(words);
    BOOST_TEST(result.status == 2);
    BOOST_TEST(result.out == "");
    BOOST_TEST(contains(result.err, "converge: error: " + message), result.err);
    BOOST_TEST(contains(result.err, "converge: hint: " + hint), result.err);
  }
};

}  // namespace

// 1 txn, 2-3 inconsistencies, 4 outcome, 5 pass; 6 txn, 7 inconsistency, 8 outcome, 9 pass.
BOOST_FIXTURE_TEST_SUITE(journal_filter, JournalFilter)

BOOST_AUTO_TEST_CASE(filters_combine) {
  BOOST_TEST(seqs({}) == "1 2 3 4 5 6 7 8 9 ");
  BOOST_TEST(seqs({"-r", "-n", "3"}) == "9 8 7 ");
  BOOST_TEST(seqs({"--kind", "inconsistency"}) == "2 3 7 ");
  BOOST_TEST(seqs({"--kind", "pass", "--kind", "txn"}) == "1 5 6 9 ");
  BOOST_TEST(seqs({"--kind", "inconsistency", "--converger", "arch*"}) == "2 3 ");
  BOOST_TEST(seqs({"--pass", "6"}) == "6 7 8 9 ");
  BOOST_TEST(seqs({"--pass", "6", "--kind", "inconsistency", "--outcome", "committed"}) == "7 ");
  BOOST_TEST(seqs({"--outcome", "failed"}) == "");
  BOOST_TEST(seqs({"--grep", "A3@example"}) == "");
  BOOST_TEST(seqs({"--grep", "a3@example"}) == "7 ");
  BOOST_TEST(seqs({"--actor", "nobody"}) == "");
  BOOST_TEST(seqs({"-n", "all", "--subject", "2"}) == "3 ");
}

BOOST_AUTO_TEST_CASE(times_bound_and_a_printed_time_is_taken_back) {
  for (const int seq : {1, 2, 3, 4, 5}) put_back(seq, 7200);
  BOOST_TEST(seqs({"--since", "-1h"}) == "6 7 8 9 ");
  BOOST_TEST(seqs({"--until", "-1h"}) == "1 2 3 4 5 ");
  BOOST_TEST(seqs({"--since", "-3h", "--until", "-1h", "-n", "2"}) == "4 5 ");
  const std::string printed = member(read({"-o", "json", "-n", "all"}).at(2), "time");
  BOOST_TEST(seqs({"--since", printed, "--until", printed, "--kind", "inconsistency"}) == "2 3 ");
  const std::string local = read({"--subject", "2"}).at(0).substr(0, 19);
  BOOST_TEST(contains(seqs({"--since", local, "--until", local}), "3 "));
}

BOOST_AUTO_TEST_CASE(failures_and_what_was_rolled_back_are_found_by_outcome) {
  sql("alter table cluster add constraint no_four check (account_id <> 4 or archived_at is null)");
  archive_accounts("id in (4, 5)");
  BOOST_TEST(call({"run", "archive"}).status == 1);
  BOOST_TEST(lines(call({"journal", "--outcome", "failed", "--kind", "failure"}).out).size() == 1u);
  const auto failed = read({"--outcome", "failed"});
  BOOST_REQUIRE(failed.size() == 2u);
  BOOST_TEST(contains(failed[0], "4 (a4@example.com)"));
  BOOST_TEST(contains(failed[1], "pass failed"));
}

BOOST_AUTO_TEST_CASE(steps_are_unfolded) {
  const auto steps = read({"--kind", "step", "-n", "1"});
  BOOST_REQUIRE(steps.size() == 2u);
  BOOST_TEST(timeless(steps[0]) ==
             "TIME  second  3 (a3@example.com)  committed  archive clusters 2");
  BOOST_TEST(timeless(steps[1]) ==
             "TIME  second  3 (a3@example.com)  committed  revoke api keys 1");
  const auto json = read({"--kind", "step", "-n", "1", "-o", "json"});
  BOOST_REQUIRE(json.size() == 2u);
  BOOST_TEST(member(json[0], "kind") == "step");
  BOOST_TEST(member(json[0], "title") == "archive clusters");
  BOOST_TEST(member(json[0], "count") == "2");
  BOOST_TEST(contains(json[0], R"("changes":[{"cluster":)"));
  BOOST_TEST(member(json[0], "outcome") == "committed");
}

BOOST_AUTO_TEST_CASE(nonsense_is_refused_with_what_was_probably_meant) {
  refused({"--since", "soon"}, R"(--since: "soon" is not a time)", "Write it as");
  refused({"--since", "now", "--until", "-1h"}, "--since ", "Nothing can lie between");
  refused({"--kind", "inconsistancy"}, "--kind: there is no inconsistancy",
          "Did you mean inconsistency?");
  refused({"--outcome", "comitted"}, "--outcome: there is no comitted", "Did you mean committed?");
  refused({"--converger", "archiv"}, "the journal knows no converger archiv",
          "Did you mean archive?");
  refused({"-f", "--until", "now"}, "--follow goes on for ever", "Leave one of them out");
  refused({"-n", "few"}, "--lines: few is not a number", "Write a number");
}

BOOST_AUTO_TEST_CASE(converger_that_has_done_nothing_yet_is_known) {
  define("third", archiver("-- timeout: 8s\n"));
  BOOST_TEST(read({"--converger", "third"}).empty());
}

BOOST_AUTO_TEST_CASE(what_is_appended_is_followed_from_another_process) {
  Command follower = start({"journal", "-f", "-n", "1", "-o", "json"});
  BOOST_REQUIRE(follower.wait_for_output("\"seq\":9,"));
  std::vector<std::thread> writers;
  for (const int account : {4, 5, 6}) {
    correct(account == 5 ? "second" : "archive", "id = " + std::to_string(account));
  }
  BOOST_TEST(follower.wait_for_output("\"seq\":21,"));
  std::string seen;
  for (const auto& line : lines(follower.out())) seen += member(line, "seq") + " ";
  BOOST_TEST(seen == "9 10 11 12 13 14 15 16 17 18 19 20 21 ");
  follower.kill(SIGINT);
  BOOST_TEST(follower.wait().signal == SIGINT);
}

BOOST_AUTO_TEST_CASE(follower_keeps_to_its_filter) {
  Command follower = start({"journal", "-f", "-n", "1", "--converger", "second"});
  BOOST_REQUIRE(follower.wait_for_output("pass converged"));
  correct("archive", "id = 4");
  correct("second", "id = 5");
  BOOST_TEST(follower.wait_for_output("5 (a5@example.com)"));
  BOOST_TEST(!contains(follower.out(), "a4@example.com"));
  follower.kill(SIGKILL);
}

BOOST_AUTO_TEST_CASE(follower_by_outcome_tells_what_was_pending_when_it_was_appended) {
  Command follower = start({"journal", "-f", "-n", "1", "--kind", "inconsistency", "--outcome",
                            "committed", "-o", "json"});
  BOOST_REQUIRE(follower.wait_for_output("a3@example.com"));
  correct("archive", "id in (4, 5)");
  correct("second", "id = 6");
  BOOST_TEST(follower.wait_for_output("a6@example.com"));
  std::string seen;
  for (const auto& line : lines(follower.out())) {
    seen += member(line, "subject") + member(line, "outcome") + " ";
  }
  BOOST_TEST(seen == "3committed 4committed 5committed 6committed ");
  follower.kill(SIGKILL);
}

BOOST_AUTO_TEST_CASE(journal_behind_a_symbolic_link_is_followed_at_once) {
  std::filesystem::create_directory(directory / "elsewhere");
  std::filesystem::create_symlink(journal, directory / "elsewhere" / "link.db");
  environment["CONVERGE_JOURNAL"] = (directory / "elsewhere" / "link.db").string();
  const auto real = std::exchange(journal, directory / "elsewhere" / "link.db");
  Command follower = start({"journal", "-f", "-n", "1"});
  BOOST_REQUIRE(follower.wait_for_output("pass converged"));
  correct("archive", "id = 4");
  BOOST_TEST(follower.wait_for_output("4 (a4@example.com)"));
  BOOST_TEST(!std::filesystem::exists(directory / "elsewhere" / "link.db.lock"));
  journal = real;
  follower.kill(SIGKILL);
}

BOOST_AUTO_TEST_CASE(copy_that_is_put_back_is_not_told_again) {
  const auto copy = (directory / "copy.db").string();
  BOOST_REQUIRE(call({"journal", "backup", copy}).status == 0);
  Command follower = start({"journal", "-f", "-n", "1", "-o", "json"});
  BOOST_REQUIRE(follower.wait_for_output("\"seq\":9,"));
  for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(journal.string() + suffix);
  std::filesystem::rename(copy, journal);
  BOOST_TEST(follower.wait_for_output("was replaced by another one"));
  correct("archive", "id = 6");
  BOOST_TEST(follower.wait_for_output("\"seq\":13,"));
  std::string seen;
  for (const auto& line : lines(follower.out())) seen += member(line, "seq") + " ";
  BOOST_TEST(seen == "9 10 11 12 13 ");
  follower.kill(SIGKILL);
}

BOOST_AUTO_TEST_CASE(follower_goes_on_while_the_journal_is_pruned) {
  Command follower = start({"journal", "-f", "-n", "1", "-o", "json"});
  BOOST_REQUIRE(follower.wait_for_output("\"seq\":9,"));
  const auto archive = (directory / "archive.db").string();
  BOOST_REQUIRE(call({"journal", "prune", "--before", "now", "--archive", archive}).status == 0);
  BOOST_TEST(follower.wait_for_output("\"kind\":\"prune\""));
  correct("archive", "id = 6");
  BOOST_TEST(follower.wait_for_output("\"seq\":14,"));
  std::string seen;
  for (const auto& line : lines(follower.out())) seen += member(line, "seq") + " ";
  BOOST_TEST(seen == "9 10 11 12 13 14 ");
  follower.kill(SIGKILL);
}

/// Whose output nobody takes: it stands in the midst of the log when it is killed.
BOOST_AUTO_TEST_CASE(reader_that_is_killed_in_the_middle_leaves_the_writers_alone) {
  for (int times = 0; times < 40; ++times) {
    dirty_again();
    correct("archive", "true");
  }
  Command reader({"sh", "-c",
                  "\"$0\" --journal \"$1\" journal -n all -o json | "
                  "{ read -r line; echo \"$line\"; sleep 60; }",
                  binary, journal.string()});
  BOOST_REQUIRE(reader.wait_for_output("\"seq\":1,"));
  dirty_again();
  correct("second", "true");
  // Till there is no room for more of its output, it reads.
  BOOST_TEST(eventually([this] {
    return run_command({"sqlite3", journal.string(), "pragma wal_checkpoint(truncate)"})
        .out.starts_with("0|");
  }));
  reader.kill(SIGKILL);
  run_command({"pkill", "-KILL", "-f", journal.string() + " journal -n all"});
  dirty_again();
  correct("second", "true");
  BOOST_TEST(seqs({"-n", "1"}) == "387 ");
  BOOST_TEST(call({"journal", "verify"}).status == 0);
}

BOOST_AUTO_TEST_CASE(entry_that_was_edited_does_not_hide_the_others) {
  tamper("update entry set detail = 'not json' where seq = 3");
  const auto all = read({"-n", "all"});
  BOOST_REQUIRE(all.size() == 5u);
  BOOST_TEST(contains(all[1], "its detail cannot be read"));
  BOOST_TEST(contains(all[2], "pass converged"));
  BOOST_TEST(read({"-n", "all", "--kind", "step"}).size() == 4u);
  BOOST_TEST(read({"-n", "all", "-o", "full"}).size() > 5u);
  const auto json = read({"-n", "all", "-o", "json"});
  BOOST_REQUIRE(json.size() == 9u);
  BOOST_TEST(member(json[2], "detail") == "not json");
}

/// It sleeps in the kernel: no more than a look now and then.
BOOST_AUTO_TEST_CASE(follower_sleeps_while_nothing_happens) {
  Command follower = start({"journal", "-f"});
  BOOST_REQUIRE(follower.wait_for_output("pass converged"));
  const auto switches = [&] {
    std::ifstream status("/proc/" + std::to_string(follower.pid()) + "/status");
    std::string line;
    while (std::getline(status, line) && !line.starts_with("voluntary_ctxt_switches:")) {
    }
    return std::stoi(line.substr(line.find(':') + 1));
  };
  BOOST_TEST(eventually([&] {  // It may still be at its beginning.
    const int before = switches();
    std::this_thread::sleep_for(std::chrono::seconds(5));
    return switches() - before < 10;
  }));
  follower.kill(SIGKILL);
}

BOOST_AUTO_TEST_CASE(journal_that_was_replaced_is_followed_on) {
  Command follower = start({"journal", "-f", "-n", "1"});
  BOOST_REQUIRE(follower.wait_for_output("pass converged"));
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(journal.string() + suffix);
  }
  correct("archive", "id = 6");
  BOOST_TEST(follower.wait_for_output("was replaced by another one"));
  BOOST_TEST(follower.wait_for_output("6 (a6@example.com)"));
  follower.kill(SIGKILL);
}

/// `script` gives the program a terminal.
BOOST_AUTO_TEST_CASE(terminal_gets_a_pager_and_others_do_not) {
  const auto on_terminal = [&](const std::string& pager, const std::string& options) {
    Environment own = environment;
    own["CONVERGE_PAGER"] = pager;
    return run_command(
        {"script", "-qec", binary + " --journal " + journal.string() + " journal -n 1 " + options,
         "/dev/null"},
        {.environment = own});
  };
  BOOST_TEST(contains(on_terminal("sed s/^/PAGED:/", "").out, "PAGED:"));
  BOOST_TEST(!contains(on_terminal("sed s/^/PAGED:/", "--no-pager").out, "PAGED:"));
  BOOST_TEST(contains(on_terminal("", "").out, "pass converged"));
  BOOST_TEST(contains(on_terminal("no-such-pager", "").out, "pass converged"));
  // It was left before it had seen everything.
  const auto left = on_terminal("true", "");
  BOOST_TEST(left.err == "");
  environment["CONVERGE_PAGER"] = "sed s/^/PAGED:/";
  BOOST_TEST(!contains(call({"journal"}).out, "PAGED:"));
}

BOOST_AUTO_TEST_CASE(broken_pipe_ends_it_quietly) {
  Words words = {"sh", "-c", "(\"$0\" --journal \"$1\" journal -n all -o json; echo $? >&2) | true",
                 binary, journal.string()};
  BOOST_TEST(run_command(words).err.find("error") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
