#include "src/cli/story_text.h"

#include "src/base/clock.h"

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

BOOST_AUTO_TEST_CASE(outside_step_is_told_with_all_that_its_detail_has) {
  auto story = entry(
      Kind::attempt, Outcome::committed,
      R"({"title":"notify","request":"POST https://example.com/x","status":202,"duration_ms":1035})");
  story.trigger = "hand";
  BOOST_TEST(cli::story_text(story, std::nullopt, false) ==
             format_local(kTimeUs) +
                 "  archive aaaaaaaaaaaa  committed\n"
                 "  outside step notify\n"
                 "    request: POST https://example.com/x\n"
                 "    status: 202\n"
                 "    duration: 1s35ms\n"
                 "  by alice (hand), build 121, pass 5\n");
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
