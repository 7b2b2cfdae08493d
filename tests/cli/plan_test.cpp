#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

struct Plan : Cli {
  Plan() {
    define("archive", archiver(""));
    add_accounts(3);
    archive_accounts("id <= 2");
  }

  void require_nothing_written() {
    BOOST_TEST(audited_rows() == "0");
    BOOST_TEST(left_to_do() == "6");
    BOOST_TEST(!has_journal());
    BOOST_TEST(!std::filesystem::exists(journal.parent_path()));
  }
};

BOOST_FIXTURE_TEST_SUITE(plan, Plan)

BOOST_AUTO_TEST_CASE(shows_what_would_change_and_writes_nothing) {
  const auto result = call({"plan", "archive"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(timeless(result.out) ==
             "archive  1 (a1@example.com): archive clusters 2, revoke api keys 1\n"
             "archive  2 (a2@example.com): archive clusters 2, revoke api keys 1\n"
             "archive  would correct 2 of 2 subjects, 6 changes (T)\n");
  BOOST_TEST(result.err == "");
  require_nothing_written();
}

BOOST_AUTO_TEST_CASE(json_gives_each_inconsistency_and_the_pass) {
  const auto result = call({"plan", "archive", "-o", "json"});
  BOOST_TEST(result.status == 0);
  const auto all = lines(result.out);
  BOOST_REQUIRE(all.size() == 3u);
  BOOST_TEST(member(all[0], "kind") == "inconsistency");
  BOOST_TEST(member(all[0], "converger") == "archive");
  BOOST_TEST(member(all[0], "subject") == "1");
  BOOST_TEST(member(all[0], "label") == "a1@example.com");
  BOOST_TEST(member(all[0], "count") == "3");
  BOOST_TEST(member(all[0], "steps") ==
             R"([{"title":"archive clusters","count":2,"changes":[{"cluster":1},{"cluster":2}]},)"
             R"({"title":"revoke api keys","count":1,"changes":[{"api_key":1}]}])");
  BOOST_TEST(member(all[2], "kind") == "pass");
  BOOST_TEST(member(all[2], "trigger") == "plan");
  BOOST_TEST(member(all[2], "outcome") == "planned");
  BOOST_TEST(member(all[2], "pass") == "null");
  BOOST_TEST(member(all[2], "examined") == "2");
  BOOST_TEST(member(all[2], "inconsistencies") == "2");
  BOOST_TEST(member(all[2], "changes") == "6");
  require_nothing_written();
}

BOOST_AUTO_TEST_CASE(exit_code_tells_that_there_are_inconsistencies) {
  BOOST_TEST(call({"plan", "--exit-code"}).status == 4);
  sql("update account set archived_at = null");
  BOOST_TEST(call({"plan", "--exit-code"}).status == 0);
  BOOST_TEST(!has_journal());
}

BOOST_AUTO_TEST_CASE(subject_limits_it_to_one) {
  const auto result = call({"plan", "archive", "--subject", "2"});
  BOOST_TEST(timeless(result.out) ==
             "archive  2 (a2@example.com): archive clusters 2, revoke api keys 1\n"
             "archive  would correct 1 of 1 subject, 3 changes (T)\n");
  require_nothing_written();
}

BOOST_AUTO_TEST_CASE(without_names_plans_every_converger_due_or_not) {
  define("by_hand", archiver("-- every: never\n"));
  const auto result = call({"plan"});
  BOOST_TEST(contains(result.out, "archive  would correct 2 of 2 subjects"));
  BOOST_TEST(contains(result.out, "by_hand  would correct 2 of 2 subjects"));
  require_nothing_written();
}

BOOST_AUTO_TEST_CASE(chunks_are_rolled_back_too) {
  define("archive", archiver("-- chunk: 1\n-- parallel: 2\n"));
  BOOST_TEST(contains(call({"plan"}).out, "would correct 2 of 2 subjects, 6 changes"));
  require_nothing_written();
}

BOOST_AUTO_TEST_CASE(long_plan_is_cut_short_and_verbose_shows_all) {
  add_accounts(27);
  archive_accounts();
  const auto result = call({"plan", "archive"});
  BOOST_TEST(lines(result.out).size() == 22u);
  BOOST_TEST(lines(result.out).at(20) == "archive  ... and 10 subjects more; -v shows them");
  BOOST_TEST(lines(call({"plan", "archive", "-v"}).out).size() == 31u);
}

BOOST_AUTO_TEST_CASE(subject_that_would_fail_is_told_and_leaves_no_trace) {
  sql("alter table cluster add check (account_id <> 1 or archived_at is null)");
  const auto result = call({"plan", "archive"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, "archive: subject 1 (a1@example.com): "));
  BOOST_TEST(contains(result.out, "archive  2 (a2@example.com): archive clusters 2"));
  require_nothing_written();
}

BOOST_AUTO_TEST_CASE(journal_that_is_there_is_not_touched) {
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  dirty_again();
  const auto head = ask_journal("select head_seq, hex(head_hash) from chain");
  BOOST_TEST(call({"plan", "archive"}).status == 0);
  BOOST_TEST(ask_journal("select head_seq, hex(head_hash) from chain") == head);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
