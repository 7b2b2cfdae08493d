#include "src/cli/story_text.h"

#include "src/base/clock.h"
#include "src/cli/history.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge;
using namespace converge::journal;

constexpr std::int64_t kTimeUs = 1'763'600'000'000'000;
constexpr std::int64_t kHourUs = 3'600'000'000;

StoryEntry entry(Kind kind, std::optional<Outcome> settled, const std::string& detail) {
  StoryEntry story;
  story.stored = {.seq = 7,
                  .time_us = kTimeUs,
                  .entry = {.kind = kind,
                            .pass = 5,
                            .definition = DefinitionId{"archive", std::string(64, 'a')},
                            .subject = "42",
                            .detail = detail},
                  .actor = "alice",
                  .build = 121,
                  .settled = settled,
                  .hash = std::string(64, '0')};
  return story;
}

std::string body(const StoryEntry& story, bool verbose = false) {
  const auto text = cli::story_text(story, std::nullopt, verbose);
  return text.substr(text.find('\n') + 1);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(story_text)

BOOST_AUTO_TEST_CASE(outside_step_is_told_with_its_answer) {
  auto story = entry(Kind::attempt, Outcome::committed,
                     R"({"title":"notify","request":"POST https://example.com/x","key":"k-0"})");
  story.stored.answer = R"({"status":"202","duration_ms":1035.2,"output":"it\nis"})";
  story.settlement = {.seq = 8, .actor = "alice", .detail = story.stored.answer};
  story.trigger = "hand";
  story.planned_by = 6;
  BOOST_TEST(cli::story_text(story, std::nullopt, false) ==
             format_local(kTimeUs) +
                 "  archive aaaaaaaaaaaa  committed\n"
                 "  outside step notify: POST https://example.com/x -> 202 in 1s35ms\n"
                 "  by alice (hand), build 121, pass 5, planned by entry 6\n");
  BOOST_TEST(contains(body(story, true), "    output: it\\nis\n    key: k-0\n"));
  const auto json = cli::story_json(story, std::nullopt);
  BOOST_TEST(contains(json, R"("key":"k-0","status":"202","duration_ms":1035.2,)"));
  BOOST_TEST(contains(json, R"("planned_by":6)"));
}

BOOST_AUTO_TEST_CASE(outside_step_that_failed_says_why_and_a_lost_one_who_settled_it) {
  auto story = entry(Kind::attempt, Outcome::failed, R"({"title":"notify","request":"POST x"})");
  story.stored.answer = R"({"status":"500","duration_ms":0.42,"message":"500 is not expected"})";
  story.settlement = {.seq = 8, .actor = "alice", .detail = story.stored.answer};
  BOOST_TEST(contains(body(story),
                      "  outside step notify: POST x -> 500 in 0.4ms\n"
                      "  500 is not expected\n"));
  story.stored.answer = R"({"status":"","duration_ms":0.2,"message":"connection refused"})";
  BOOST_TEST(contains(body(story), "  outside step notify: POST x in 0.2ms\n"));
  story.stored.answer = R"({"settled_by":"recovery"})";
  story.settlement->detail = story.stored.answer;
  BOOST_TEST(contains(body(story), "  outside step notify: POST x\n  settled by alice, "));
  BOOST_TEST(contains(body(story), " (recovery)\n"));
  story.stored.answer.reset();
  story.settlement.reset();
  BOOST_TEST(contains(body(story), "  outside step notify: POST x\n  by alice"));
}

BOOST_AUTO_TEST_CASE(failure_of_a_step_names_it_once) {
  const auto story = entry(Kind::failure, Outcome::failed,
                           R"({"title":"notify","message":"step notify: connection refused"})");
  BOOST_TEST(contains(body(story), "  step notify: connection refused\n  by "));
}

BOOST_AUTO_TEST_CASE(correction_says_what_is_to_follow_and_the_summary_what_is_owed) {
  const auto story =
      entry(Kind::inconsistency, Outcome::committed,
            R"({"steps":[],"planned":[{"title":"notify","key":"k-0"},{"title":"tell"}]})");
  BOOST_TEST(contains(body(story), "  corrected\n    then notify\n    then tell\n"));
  StorySummary summary{.last_seq = 1, .label = std::nullopt};
  BOOST_TEST(!contains(cli::summary_text("42", summary), "outside"));
  summary.owed.steps = 2;
  BOOST_TEST(contains(cli::summary_text("42", summary),
                      "  2 steps outside the database still to be carried out\n"));
}

BOOST_AUTO_TEST_CASE(attempt_is_one_line_of_the_journal_and_one_object) {
  auto stored =
      entry(Kind::attempt, Outcome::failed, R"({"title":"notify","request":"POST x","key":"k-0"})")
          .stored;
  BOOST_TEST(cli::describe_entry(stored).back().text == "notify: POST x");
  stored.answer = R"({"status":"500","duration_ms":5.2,"message":"no\nway"})";
  BOOST_TEST(cli::describe_entry(stored).back().text == "notify: POST x -> 500 in 5.2ms: no\\nway");
  BOOST_TEST(contains(cli::entry_json(stored),
                      R"("outcome":"failed","title":"notify","request":"POST x","key":"k-0",)"
                      R"("status":"500","duration_ms":5.2,"message":"no\nway","hash":)"));
  BOOST_TEST(contains(cli::entry_full(stored), "    message: no\\nway\n"));
  auto outcome = entry(Kind::outcome, Outcome::failed, *stored.answer).stored;
  outcome.entry.txn = 7;
  BOOST_TEST(cli::describe_entry(outcome).back().text == "entry 7 settled: 500 in 5.2ms: no\\nway");
}

BOOST_AUTO_TEST_CASE(redacted_says_who_and_why) {
  auto story = entry(Kind::inconsistency, Outcome::committed, "");
  story.stored.entry.detail.reset();
  story.redacted = true;
  story.redaction = {
      .seq = 9, .time_us = kTimeUs, .actor = "bob", .detail = R"({"reason":"\u001b[2Jlaw"})"};
  BOOST_TEST(contains(body(story), "  corrected\n    details redacted by bob, " +
                                       format_local(kTimeUs) + ": \\x1b[2Jlaw\n"));
  BOOST_TEST(contains(cli::story_json(story, std::nullopt),
                      R"("redacted":{"seq":9,"time":")" + format_utc(kTimeUs) +
                          R"(","actor":"bob","reason":"\u001b[2Jlaw"})"));
}

BOOST_AUTO_TEST_CASE(corrected_again_says_the_largest_unit_and_nothing_when_the_clock_went_back) {
  auto story = entry(Kind::inconsistency, Outcome::committed, R"({"steps":[]})");
  const auto told = [&](std::int64_t occurrence, std::int64_t after_us) {
    story.occurrence = occurrence;
    story.previous_us = kTimeUs - after_us;
    const auto text = body(story);
    return text.substr(2, text.find('\n') - 2);
  };
  BOOST_TEST(told(2, 49 * kHourUs) == "corrected again, 2nd time, 2d after");
  BOOST_TEST(told(3, kHourUs + 1) == "corrected again, 3rd time, 1h after");
  BOOST_TEST(told(11, 1000) == "corrected again, 11th time, 1ms after");
  BOOST_TEST(told(21, -kHourUs) == "corrected again, 21st time");
}

BOOST_AUTO_TEST_CASE(settlement_is_told_when_it_says_more_than_the_outcome) {
  auto story = entry(Kind::inconsistency, Outcome::rolled_back, R"({"steps":[]})");
  story.settlement = {.seq = 9, .time_us = kTimeUs, .actor = "alice", .detail = std::nullopt};
  BOOST_TEST(!contains(body(story), "settled"));
  story.settlement->detail = R"({"sqlstate":"40001","message":"too bad"})";
  BOOST_TEST(contains(body(story), "\n  too bad (SQLSTATE 40001)\n"));
  story.settlement->actor = "bob";
  story.settlement->detail = R"({"reason":"seen in the log"})";
  BOOST_TEST(
      contains(body(story), "  settled by bob, " + format_local(kTimeUs) + ": seen in the log\n"));
}

BOOST_AUTO_TEST_CASE(details_that_are_not_as_they_should_be_are_shown_as_they_are) {
  for (const std::string detail :
       {"[1]", "nonsense \x1b[2J", R"({"steps":7})", R"({"steps":[7]})", R"({"other":1})"}) {
    const auto text = body(entry(Kind::inconsistency, Outcome::committed, detail));
    BOOST_TEST(text.starts_with("  corrected\n    "));
    BOOST_TEST(!contains(text, "\x1b"));
    BOOST_TEST(text.ends_with("  by alice, build 121, pass 5\n"));
  }
}

BOOST_AUTO_TEST_CASE(label_of_another_subject_with_the_same_key_is_shown) {
  auto story = entry(Kind::inconsistency, Outcome::committed, R"({"steps":[]})");
  story.stored.entry.label = "a cluster";
  BOOST_TEST(contains(cli::story_text(story, "an account", false), "\n  as a cluster\n"));
  BOOST_TEST(!contains(cli::story_text(story, "a cluster", false), "  as "));
}

BOOST_AUTO_TEST_SUITE_END()
