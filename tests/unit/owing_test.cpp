#define BOOST_TEST_DYN_LINK
#include "src/engine/owing.h"

#include "src/engine/condition.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge;
using namespace converge::engine;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kNow = 1'800'000'000 * kSecond;

/// A converger that runs every half minute and owes a step to three subjects, since two minutes.
struct OwingFixture {
  Settings settings;
  journal::State state;
  journal::OwedTotal& total = state.owed["a"];

  OwingFixture() {
    settings.every = std::chrono::seconds(30);
    total = {.subjects = 3,
             .since_us = kNow - 120 * kSecond,
             .ready = 3,
             .ready_since_us = kNow - 120 * kSecond};
  }
  Owing owing(bool running = false) const { return owing_of(settings, "a", state, kNow, running); }
  void since(std::int64_t seconds) const {
    total.ready_since_us = total.since_us = kNow - seconds * kSecond;
  }
  bool is_told() const { return !owing().matters.empty(); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(owing, OwingFixture)

BOOST_AUTO_TEST_CASE(late_steps_are_told_with_the_command_that_carries_them_out) {
  const auto late = owing();
  BOOST_TEST(late.subjects == 3);
  BOOST_TEST(late.needs_person);
  BOOST_REQUIRE(late.matters.size() == 1U);
  BOOST_TEST(
      late.matters[0].why.starts_with("3 subjects are owed a step outside the database since 20"));
  BOOST_TEST(late.matters[0].how == "To carry it out");
  BOOST_TEST(late.matters[0].resolve == "converge run a");
  total.ready = 1;
  BOOST_TEST(owing().matters[0].why.starts_with("1 subject is owed a step "));
  BOOST_TEST(condition_of(settings, "a", state, kNow).needs_person);
}

BOOST_AUTO_TEST_CASE(steps_are_late_after_a_period_or_a_minute) {
  since(29);
  BOOST_TEST(!is_told());
  BOOST_TEST(!owing().needs_person);
  BOOST_TEST(owing().subjects == 3);
  since(31);
  BOOST_TEST(is_told());
  settings.every.reset();
  BOOST_TEST(!is_told());
  since(61);
  BOOST_TEST(is_told());
  settings.every = std::chrono::milliseconds(100);
  since(14);
  BOOST_TEST(!is_told());
}

BOOST_AUTO_TEST_CASE(what_is_under_way_alarms_nobody) {
  BOOST_TEST(owing(true).matters.empty());
  BOOST_TEST(!owing(true).needs_person);
  total.begun_us = kNow - kSecond;
  BOOST_TEST(!is_told());
  total.begun_us = kNow - 31 * kSecond;  // A process that died at it.
  BOOST_TEST(is_told());
}

BOOST_AUTO_TEST_CASE(subjects_in_quarantine_are_told_of_as_such) {
  total.ready = 0;
  total.ready_since_us = 0;
  BOOST_TEST(!is_told());
  BOOST_TEST(owing().subjects == 3);
}

BOOST_AUTO_TEST_CASE(pause_keeps_them_back_and_a_person_has_it_in_hand) {
  state.pauses.push_back(
      {.converger = "", .since_us = kNow, .actor = "alice", .reason = "billing moves"});
  const auto paused = owing();
  BOOST_REQUIRE(paused.matters.size() == 1U);
  BOOST_TEST(paused.matters[0].resolve == "converge resume --all");
  BOOST_TEST(!paused.needs_person);
  BOOST_TEST(!condition_of(settings, "a", state, kNow).needs_person);
}

BOOST_AUTO_TEST_CASE(hold_does_not_keep_them_back) {
  state.holds["a"] = {.converger = "a", .digest = "1f0c"};
  const auto held = owing();
  BOOST_REQUIRE(held.matters.size() == 1U);
  BOOST_TEST(held.matters[0].how == "To carry it out, which the hold does not prevent");
  BOOST_TEST(held.matters[0].resolve == "converge run a");
}

BOOST_AUTO_TEST_CASE(unknown_transaction_is_a_persons_to_settle_at_once) {
  total = {.unknown = 2, .unknown_since_us = kNow, .unknown_txns = 1, .unknown_txn = 12};
  const auto one = owing(true);
  BOOST_TEST(one.subjects == 0);
  BOOST_TEST(one.unknown == 2);
  BOOST_TEST(one.needs_person);
  BOOST_REQUIRE(one.matters.size() == 1U);
  BOOST_TEST(
      one.matters[0].why.starts_with("whether transaction 12 committed is unknown, and 2 "
                                     "subjects wait for that with a step outside the "));
  BOOST_TEST(one.matters[0].resolve == "converge journal settle 12 OUTCOME --reason TEXT");
  total.unknown_txns = 4;
  BOOST_TEST(owing().matters[0].why.starts_with("whether 4 transactions, the first of them 12, "));
  // The pause that somebody has in hand does not settle it.
  state.pauses.push_back(
      {.converger = "", .since_us = kNow, .actor = "alice", .reason = "billing moves"});
  BOOST_TEST(condition_of(settings, "a", state, kNow).needs_person);
}

BOOST_AUTO_TEST_CASE(without_a_definition_nothing_carries_them_out) {
  since(0);
  const auto gone = owing_without_definition("a", state, false);
  BOOST_TEST(gone.needs_person);
  BOOST_REQUIRE(gone.matters.size() == 1U);
  BOOST_TEST(
      gone.matters[0].why.ends_with(", and nothing carries it out while the definition is "
                                    "gone"));
  BOOST_TEST(gone.matters[0].how == "Put the definition back; one without that step gives it up");
  BOOST_TEST(gone.matters[0].resolve == "");
  const auto broken = owing_without_definition("a", state, true);
  BOOST_TEST(broken.matters.at(0).resolve == "converge check a");
  BOOST_TEST(!owing_without_definition("b", state, false).needs_person);
}

BOOST_AUTO_TEST_CASE(members_tell_what_applies) {
  const auto json = [](const Owing& owing) {
    JsonObject object;
    add_members(object, owing);
    return object.text();
  };
  BOOST_TEST(json({}) == R"({"owed":0})");
  BOOST_TEST(
      json({.subjects = 1,
            .since_us = kNow,
            .unknown = 2,
            .matters = {{.why = "x", .how = "y", .resolve = "z"}, {.why = "v", .how = "w"}}}) ==
      R"({"owed":1,"owed_since":"2027-01-15T08:00:00.000000Z","owed_unknown":2,)"
      R"("also":[{"why":"x","how":"y","resolve":"z"},{"why":"v","how":"w"}]})");
}

BOOST_AUTO_TEST_SUITE_END()
