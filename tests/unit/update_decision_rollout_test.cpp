#include "tests/unit/update_decision_fixture.h"

#include <boost/test/unit_test.hpp>

namespace converge::updater {
namespace {

BOOST_AUTO_TEST_SUITE(update_decision_rollout)

BOOST_AUTO_TEST_CASE(rollout_is_waited_for) {
  const auto slow = [](int percent, int bucket, std::int64_t elapsed) {
    return [=](M& m, S& s) {
      m.rollout.percent_per_hour = percent;
      s.bucket = bucket;
      s.now_us = kStart + elapsed;
    };
  };
  check({
      {"not yet", slow(10, 50, kHour), Verdict::wait_for_rollout, 123,
       "build 123 comes to this host at 2026-11-22T15:15:00Z"},
      {"at the bound", slow(10, 50, 5 * kHour), Verdict::wait_for_rollout, 123, ""},
      {"just after", slow(10, 50, 5 * kHour + 1), Verdict::install, 123, ""},
      {"first host at the start", slow(10, 0, 0), Verdict::wait_for_rollout, 123, ""},
      {"first host just after", slow(10, 0, 1), Verdict::install, 123, ""},
      {"last host, before", slow(1, 99, 99 * kHour), Verdict::wait_for_rollout, 123, ""},
      {"last host, after", slow(1, 99, 99 * kHour + 1), Verdict::install, 123, ""},
      {"odd percentage, before", slow(7, 1, kHour / 7), Verdict::wait_for_rollout, 123, ""},
      {"odd percentage, after", slow(7, 1, kHour / 7 + 1), Verdict::install, 123, ""},
      {"everybody at once", slow(100, 99, 0), Verdict::install, 123, ""},
      {"nobody before the start", slow(100, 0, -1), Verdict::wait_for_rollout, 123,
       "2026-11-22T10:15:00Z"},
      {"paused", [](M& m, S&) { m.rollout.paused = true; }, Verdict::paused, 123,
       "the rollout of build 123 is paused"},
      {"paused, nothing newer",
       [](M& m, S& s) {
         m.rollout.paused = true;
         s.build = 123;
       },
       Verdict::nothing_newer, 123, ""},
      {"wanted while paused",
       [](M& m, S& s) {
         m.rollout.paused = true;
         s.wanted = 123;
       },
       Verdict::install, 123, ""},
      {"wanted before its time",
       [](M& m, S& s) {
         m.rollout.percent_per_hour = 1;
         s.wanted = 123;
       },
       Verdict::install, 123, ""},
      {"forced before its time",
       [](M& m, S& s) {
         m.rollout.percent_per_hour = 1;
         s.forced = true;
       },
       Verdict::wait_for_rollout, 123, ""},
      {"below min_build",
       [](M& m, S&) {
         m.rollout.percent_per_hour = 1;
         m.min_build = 122;
       },
       Verdict::install, 123, "build 121 is below 122, the least that hosts may run"},
      {"at min_build",
       [](M& m, S&) {
         m.rollout.percent_per_hour = 1;
         m.min_build = 121;
       },
       Verdict::wait_for_rollout, 123, ""},
      {"below min_build, paused",
       [](M& m, S&) {
         m.rollout.paused = true;
         m.min_build = 122;
       },
       Verdict::paused, 123, ""},
      {"offered below min_build", [](M& m, S&) { m.min_build = 124; }, Verdict::nothing_newer, 123,
       "below 124, the least that hosts may run"},
  });
}

BOOST_AUTO_TEST_CASE(opening_is_the_very_moment_for_every_bucket) {
  for (const int percent : {1, 3, 7, 50, 99, 100}) {
    for (int bucket = 0; bucket < 100; ++bucket) {
      auto m = manifest();
      auto s = situation();
      m.rollout.percent_per_hour = percent;
      s.bucket = bucket;
      s.now_us = kStart - 1;
      const auto waiting = decide(m, s);
      BOOST_REQUIRE(waiting.verdict == Verdict::wait_for_rollout);
      BOOST_REQUIRE(waiting.opens_us.has_value());
      s.now_us = *waiting.opens_us;
      BOOST_TEST(decide(m, s).verdict == Verdict::install);
      s.now_us = *waiting.opens_us - 1;
      BOOST_TEST(decide(m, s).verdict == Verdict::wait_for_rollout);
    }
  }
}

BOOST_AUTO_TEST_CASE(trial_is_waited_for) {
  check({
      {"another build's", [](M&, S& s) { s.trial = trial_of(122); }, Verdict::wait_for_trial, 122,
       "build 122 is on trial since 2026-11-22T10:15:00Z"},
      {"of what is offered", [](M&, S& s) { s.trial = trial_of(123); }, Verdict::wait_for_trial,
       123, ""},
      {"another build's, wanted",
       [](M&, S& s) {
         s.trial = trial_of(122);
         s.wanted = 123;
       },
       Verdict::wait_for_trial, 122, ""},
      {"another build's, withdrawn",
       [](M& m, S& s) {
         s.trial = trial_of(122);
         m.withdrawn = {121};
       },
       Verdict::wait_for_trial, 122, ""},
      {"its own", [](M&, S& s) { s.trial = trial_of(121); }, Verdict::wait_for_trial, 121,
       "build 123 waits for its end"},
      {"its own, overdue",
       [](M&, S& s) {
         s.trial = trial_of(121);
         s.trial_is_overdue = true;
       },
       Verdict::install, 123, ""},
      {"another build's, overdue",
       [](M&, S& s) {
         s.trial = trial_of(122);
         s.trial_is_overdue = true;
       },
       Verdict::wait_for_trial, 122, ""},
      {"its own, nothing newer",
       [](M&, S& s) {
         s.trial = trial_of(123);
         s.build = 123;
       },
       Verdict::nothing_newer, 123, ""},
      {"its own, wanted",
       [](M&, S& s) {
         s.trial = trial_of(121);
         s.wanted = 123;
       },
       Verdict::install, 123, ""},
      {"its own, forced",
       [](M&, S& s) {
         s.trial = trial_of(121);
         s.forced = true;
       },
       Verdict::install, 123, ""},
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::updater
