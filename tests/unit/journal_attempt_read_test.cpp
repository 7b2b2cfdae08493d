#define BOOST_TEST_DYN_LINK
#include "journal/settle.h"
#include "journal/story.h"
#include "src/base/clock.h"
#include "tests/unit/journal_outside.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

struct AttemptsRead : OutsideFixture {
  std::vector<StoryEntry> story(const std::string& subject) const {
    std::vector<StoryEntry> all;
    StoryReader(file).tell({.subject = subject}, INT64_MAX,
                           [&](const auto& entry) { all.push_back(entry); });
    return all;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_attempt_read, AttemptsRead)

BOOST_AUTO_TEST_CASE(attempt_comes_with_its_answer) {
  auto journal = open();
  end(journal, begin(journal, "7"), "7", Outcome::committed);
  begin(journal, "8");
  const auto attempts = entries({.kinds = {Kind::attempt}});
  BOOST_REQUIRE(attempts.size() == 2u);
  BOOST_TEST((attempts[0].settled == Outcome::committed));
  BOOST_TEST((attempts[0].answer == R"({"status":"200","duration_ms":5.2})"));
  BOOST_TEST((attempts[1].settled == Outcome::pending));
  BOOST_TEST(!attempts[1].answer.has_value());
  BOOST_TEST(entries({.outcomes = {Outcome::pending}}).at(0).seq == 3);
}

BOOST_AUTO_TEST_CASE(story_tells_attempts_once_and_what_planned_them) {
  auto journal = open();
  PassId pass;
  journal.register_definition(journal_definition(), kJournalText);
  const Inconsistency record{
      .subject = "7",
      .detail = R"({"steps":[],"planned":[{"title":"t","key":")" + attempt_for("7").key + R"("}]})",
      .planned = PlannedOutside{.key = key_of("7"), .row = "row"}};
  const Inconsistency* next = &record;
  const auto txn = journal.append_pending(pass, journal_definition(),
                                          {.xid = "1", .server = {}, .database = "d"},
                                          [&] { return std::exchange(next, nullptr); });
  settle(journal, txn, Outcome::committed);
  end(journal, begin(journal, "7"), "7", Outcome::failed);
  end(journal, begin(journal, "7"), "7", Outcome::committed, AttemptState::owed_done);
  journal.flush();
  const auto all = story("7");
  BOOST_REQUIRE(all.size() == 3u);
  BOOST_TEST((all[0].stored.entry.kind == Kind::inconsistency));
  BOOST_TEST((all[1].stored.settled == Outcome::failed));
  BOOST_TEST((all[2].stored.settled == Outcome::committed));
  BOOST_TEST((all[1].planned_by == all[0].stored.seq));
  BOOST_TEST((all[2].planned_by == all[0].stored.seq));
  auto summary = StoryReader(file).summary({.subject = "7"});
  BOOST_TEST(summary.failed == 0);  // A failure has an entry of its own.
  BOOST_TEST(summary.owed.steps == 1);
  BOOST_TEST(summary.corrected.at(0).count == 1);
  BOOST_TEST(StoryReader(file).summary({.subject = "7", .convergers = {"other"}}).owed.steps == 0);
  journal.drop_owed({key_of("7")});
  BOOST_TEST(StoryReader(file).summary({.subject = "7"}).owed.steps == 0);
}

BOOST_AUTO_TEST_CASE(statistics_count_attempts) {
  auto journal = open();
  end(journal, begin(journal, "7"), "7", Outcome::committed);
  end(journal, begin(journal, "8"), "8", Outcome::failed);
  const auto lost = begin(journal, "9");
  end(journal, lost, "9", Outcome::unknown);
  begin(journal, "10");
  journal.flush();
  const auto count = [&] {
    return Reader(file)
        .statistics({.first_us = 0, .last_us = wall_time_us(), .convergers = {kName}})
        .convergers.at(0);
  };
  BOOST_TEST(count().attempts == 4);
  BOOST_TEST(count().attempts_failed == 1);
  BOOST_TEST(count().attempts_unknown == 2);
  BOOST_TEST(count().counts.failures == 0);
}

BOOST_AUTO_TEST_CASE(person_settles_an_attempt_of_which_nobody_knew) {
  auto journal = open();
  const auto seq = begin(journal, "7");
  end(journal, seq, "7", Outcome::unknown);
  journal.flush();
  converge::journal::settle(file, "eve", seq, Outcome::committed, "it is deprovisioned");
  const auto attempt = entries({.kinds = {Kind::attempt}}).at(0);
  BOOST_TEST((attempt.settled == Outcome::committed));
  BOOST_TEST((attempt.answer == R"({"reason":"it is deprovisioned"})"));
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
