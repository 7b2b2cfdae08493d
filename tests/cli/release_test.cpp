#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

struct Release : Cli {
  Release() {
    define("archive", archiver("-- chunk: 4\n-- limit: 5\n"));
    add_accounts(20);
    archive_accounts("id <= 12");
  }

  /// A pass that the limit stops; the digest of the set.
  std::string require_held(std::int64_t inconsistencies) {
    const auto before = audited_rows();
    const auto result = call({"run", "archive", "-o", "json"});
    BOOST_TEST(result.status == 3);
    BOOST_TEST(member(result.out, "outcome") == "held");
    BOOST_TEST(member(result.out, "inconsistencies") == std::to_string(inconsistencies));
    BOOST_TEST(member(result.out, "allowed") == "5");
    BOOST_TEST(member(result.out, "changes") == "0");
    BOOST_TEST(audited_rows() == before);
    return member(result.out, "digest");
  }

  std::string holds() const {
    return ask_journal(
        "select count(*) from entry e join kind k on k.id = e.kind "
        "where k.name = 'hold'");
  }
};

BOOST_FIXTURE_TEST_SUITE(release, Release)

BOOST_AUTO_TEST_CASE(exceeded_limit_changes_nothing_and_prints_the_digest) {
  const auto result = call({"run", "archive"});
  BOOST_TEST(result.status == 3);
  BOOST_TEST(timeless(result.out) ==
             "archive  held: 12 inconsistencies to correct, 5 allowed; nothing was changed (T)\n");
  const auto digest = ask_journal("select digest from hold");
  BOOST_TEST(digest.size() == 16u);
  BOOST_TEST(result.err ==
             "converge: error: archive: the limit holds 12 inconsistencies\n"
             "converge: hint: Look with `converge plan archive`; to let exactly this set through, "
             "once: `converge release archive " +
                 digest + "`.\n");
  BOOST_TEST(audited_rows() == "0");
  BOOST_TEST(left_to_do() == "36");
  BOOST_TEST(ask_journal("select count(*) from \"transaction\"") == "0");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(cron_is_told_of_a_hold_once) {
  const auto first = call({"run", "-q", "archive"});
  BOOST_TEST(first.status == 3);
  BOOST_TEST(contains(first.out, "archive  held: 12 inconsistencies"));
  BOOST_TEST(contains(first.err, "converge release archive"));
  const auto second = call({"run", "-q", "archive"});
  BOOST_TEST(second.status == 3);
  BOOST_TEST(second.out + second.err == "");
  BOOST_TEST(contains(call({"run", "archive"}).err, "converge release archive"));
}

BOOST_AUTO_TEST_CASE(hold_stands_until_it_is_released_and_is_journaled_once) {
  const auto digest = require_held(12);
  BOOST_TEST(require_held(12) == digest);
  BOOST_TEST(holds() == "1");
  // Even when there is less to do by now: a person looks first.
  sql("update account set archived_at = null where id > 2");
  BOOST_TEST(call({"run", "archive"}).status == 3);
  BOOST_TEST(audited_rows() == "0");
}

BOOST_AUTO_TEST_CASE(list_shows_the_hold_and_the_command) {
  const auto digest = require_held(12);
  const auto list = call({"list"});
  BOOST_TEST(list.status == 0);
  BOOST_TEST(timeless(list.out) ==
             "NAME     SCHEDULE  STATE  QUARANTINE  OWED  LAST PASS            OUTCOME  "
             "LAST CORRECTION\n"
             "archive  every 1m  held   -           -     TIME  held     -\n");
  BOOST_TEST(
      timeless(list.err) ==
      "converge: archive is held: a limit of 5 stopped 12 inconsistencies at TIME. Look "
      "with `converge plan archive`; to let exactly this set through, once: `converge release "
      "archive " +
          digest + "`.\n");
  const auto json = call({"list", "-o", "json"}).out;
  BOOST_TEST(member(json, "state") == "held");
  BOOST_TEST(member(json, "digest") == digest);
}

BOOST_AUTO_TEST_CASE(another_digest_releases_nothing) {
  require_held(12);
  const auto result = call({"release", "archive", "0123456789abcdef"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(result.out == "");
  BOOST_TEST(contains(result.err, "converge: error: "));
  BOOST_TEST(contains(result.err, "converge: hint: "));
  BOOST_TEST(call({"run", "archive"}).status == 3);
  BOOST_TEST(audited_rows() == "0");
}

BOOST_AUTO_TEST_CASE(its_digest_lets_exactly_that_set_through_once) {
  const auto digest = require_held(12);
  const auto released = call({"release", "archive", digest});
  BOOST_TEST(released.status == 0);
  BOOST_TEST(released.out == "archive  released: the next pass lets exactly the set " + digest +
                                 " through, once\n");
  BOOST_TEST(released.err == "");
  BOOST_TEST(member(call({"list", "-o", "json"}).out, "state") == "ready");

  const auto result = call({"run", "archive"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(timeless(result.out) ==
             "archive  converged: 12 of 12 subjects corrected, 36 changes (T)\n");
  BOOST_TEST(left_to_do() == "0");
  require_agreement();

  dirty_again();
  BOOST_TEST(require_held(12) == digest);
  BOOST_TEST(holds() == "2");
}

BOOST_AUTO_TEST_CASE(set_that_grew_after_the_release_is_held_again) {
  const auto digest = require_held(12);
  BOOST_TEST(call({"release", "archive", digest}).status == 0);
  archive_accounts("id = 13");
  BOOST_TEST(require_held(13) != digest);
  BOOST_TEST(left_to_do() == "39");
}

BOOST_AUTO_TEST_CASE(set_of_the_same_size_with_other_subjects_is_held_again) {
  const auto digest = require_held(12);
  BOOST_TEST(call({"release", "archive", digest}).status == 0);
  archive_accounts("id = 13");
  sql("update account set archived_at = null where id = 1");
  BOOST_TEST(require_held(12) != digest);
}

BOOST_AUTO_TEST_CASE(set_that_shrank_below_the_limit_after_the_release_is_corrected) {
  const auto digest = require_held(12);
  BOOST_TEST(call({"release", "archive", digest}).status == 0);
  sql("update account set archived_at = null where id > 3");
  const auto result = call({"run", "archive"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(audited_rows() == "9");
  // And the release is used up.
  archive_accounts("id > 3 and id <= 12");
  dirty_again();
  require_held(12);
}

BOOST_AUTO_TEST_CASE(changed_definition_is_another_set) {
  const auto digest = require_held(12);
  BOOST_TEST(call({"release", "archive", digest}).status == 0);
  define("archive", archiver("-- chunk: 4\n-- limit: 5\n-- timeout: 9s\n"));
  BOOST_TEST(require_held(12) != digest);
}

BOOST_AUTO_TEST_CASE(release_without_digest_is_judged_by_the_limit_again) {
  require_held(12);
  const auto released = call({"release", "archive"});
  BOOST_TEST(released.status == 0);
  BOOST_TEST(released.out == "archive  released: the next pass is judged by the limit again\n");
  require_held(12);
  BOOST_TEST(call({"release", "archive"}).status == 0);
  sql("update account set archived_at = null where id > 5");
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(audited_rows() == "15");
}

BOOST_AUTO_TEST_CASE(nothing_held_is_nothing_to_release) {
  BOOST_TEST(call({"run", "archive", "--subject", "1"}).status == 0);
  const auto result = call({"release", "archive"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(contains(result.err, "converge: error: "));
  BOOST_TEST(contains(result.err, "archive"));
  BOOST_TEST(call({"release", "nope"}).status == 2);
}

BOOST_AUTO_TEST_CASE(limit_is_inclusive) {
  sql("update account set archived_at = null where id > 5");
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(audited_rows() == "15");
  archive_accounts("id between 6 and 11");
  require_held(6);
}

BOOST_AUTO_TEST_CASE(percentage_counts_the_subjects_found) {
  define("archive", archiver("-- limit: 50% of at least 4\n"));
  BOOST_TEST(call({"run", "archive"}).status == 3);
  BOOST_TEST(contains(call({"list"}).err, "a limit of 6 stopped 12 inconsistencies"));
}

BOOST_AUTO_TEST_CASE(plan_says_that_the_limit_would_hold_and_holds_nothing) {
  const auto result = call({"plan", "archive"});
  BOOST_TEST(result.status == 3);
  BOOST_TEST(contains(result.out, "archive  12 (a12@example.com): archive clusters 2, revoke api"));
  BOOST_TEST(result.err == "converge: archive: the limit would hold this pass\n");
  BOOST_TEST(!has_journal());
}

BOOST_AUTO_TEST_CASE(quiet_run_still_tells_of_a_hold) {
  const auto result = call({"run", "archive", "-q"});
  BOOST_TEST(result.status == 3);
  BOOST_TEST(contains(result.err, "the limit holds 12 inconsistencies"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
