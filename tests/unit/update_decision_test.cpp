#include "tests/unit/update_decision_fixture.h"
#include "updater/decision.h"

#include <boost/test/unit_test.hpp>

#include <limits>
#include <string>

namespace converge::updater {
namespace {

BOOST_AUTO_TEST_SUITE(update_decision)

BOOST_AUTO_TEST_CASE(newer_build_is_installed) {
  check({
      {"newer", [](M&, S&) {}, Verdict::install, 123, "build 123 is newer than build 121"},
      {"the newest", [](M&, S& s) { s.build = 123; }, Verdict::nothing_newer, 123,
       "build 123 is the newest of channel stable"},
      {"present one newer", [](M&, S& s) { s.build = 125; }, Verdict::nothing_newer, 125,
       "build 125 is newer, and channel stable offers no newer one than 123"},
      {"other platform", [](M&, S& s) { s.platform = "linux-arm64"; }, Verdict::install, 123, ""},
      {"a first build",
       [](M&, S& s) {
         s.floors = {};
         s.previous_build = 0;
       },
       Verdict::install, 123, ""},
      {"huge", [](M& m, S&) { m.build = std::numeric_limits<std::int64_t>::max(); },
       Verdict::install, std::numeric_limits<std::int64_t>::max(), ""},
  });
}

BOOST_AUTO_TEST_CASE(nothing_goes_below_a_floor) {
  check({
      {"older seq", [](M&, S& s) { s.floors.seq = 8; }, Verdict::floor_refused, 123,
       "has the number 7, and number 8 was seen before"},
      {"older seq, nothing newer",
       [](M&, S& s) {
         s.floors.seq = 8;
         s.build = 123;
       },
       Verdict::floor_refused, 123, ""},
      {"older seq, wanted",
       [](M&, S& s) {
         s.floors.seq = 8;
         s.wanted = 123;
       },
       Verdict::floor_refused, 123, ""},
      {"older seq, withdrawn",
       [](M& m, S& s) {
         s.floors.seq = 8;
         m.withdrawn = {121};
       },
       Verdict::floor_refused, 123, ""},
      {"newer seq", [](M& m, S&) { m.seq = 8; }, Verdict::install, 123, ""},
      {"below the floor of builds", [](M&, S& s) { s.floors.build = 124; }, Verdict::floor_refused,
       123, "build 124 was installed from it"},
      {"below the present one and the floor",
       [](M&, S& s) {
         s.floors.build = 125;
         s.build = 125;
       },
       Verdict::floor_refused, 123, ""},
      {"the floor itself", [](M&, S& s) { s.floors.build = 123; }, Verdict::install, 123, ""},
      {"gone back, and still offered what it has",
       [](M&, S& s) {
         s.floors.build = 124;
         s.build = 123;
       },
       Verdict::nothing_newer, 123, ""},
      {"left for a lower one than the floor, as the present one is withdrawn",
       [](M& m, S& s) {
         s.floors.build = 124;
         m.withdrawn = {121, 120};
       },
       Verdict::install, 123, "build 121 is withdrawn, and build 123 is newer"},
  });
}

BOOST_AUTO_TEST_CASE(withdrawn_build_is_left) {
  check({
      {"goes back", [](M& m, S&) { m.withdrawn = {121}; }, Verdict::go_back, 120,
       "build 121 is withdrawn, and build 120 is the one before it"},
      {"goes back though paused",
       [](M& m, S&) {
         m.withdrawn = {121};
         m.rollout.paused = true;
       },
       Verdict::go_back, 120, ""},
      {"goes back during its trial",
       [](M& m, S& s) {
         m.withdrawn = {121};
         s.trial = trial_of(121);
       },
       Verdict::go_back, 120, ""},
      {"goes back without an artifact",
       [](M& m, S& s) {
         m.withdrawn = {121};
         s.platform = "vax";
       },
       Verdict::go_back, 120, ""},
      {"goes back from what is offered",
       [](M& m, S& s) {
         m.withdrawn = {123};
         s.build = 123;
       },
       Verdict::go_back, 120, ""},
      {"no previous",
       [](M& m, S& s) {
         m.withdrawn = {121};
         s.previous_build = 0;
       },
       Verdict::install, 123, "build 121 is withdrawn"},
      {"previous withdrawn",
       [](M& m, S&) {
         m.withdrawn = {120, 121};
       },
       Verdict::install, 123, ""},
      {"previous quarantined",
       [](M& m, S& s) {
         m.withdrawn = {121};
         s.quarantined = {quarantine_of(120)};
       },
       Verdict::install, 123, ""},
      {"previous below min_build",
       [](M& m, S&) {
         m.withdrawn = {121};
         m.min_build = 121;
       },
       Verdict::install, 123, ""},
      {"previous at min_build",
       [](M& m, S&) {
         m.withdrawn = {121};
         m.min_build = 120;
       },
       Verdict::go_back, 120, ""},
      {"whatever the bucket",
       [](M& m, S&) {
         m.withdrawn = {120, 121};
         m.rollout.percent_per_hour = 1;
       },
       Verdict::install, 123, ""},
      {"not while paused",
       [](M& m, S&) {
         m.withdrawn = {120, 121};
         m.rollout.paused = true;
       },
       Verdict::paused, 123, ""},
      {"nothing to leave it for",
       [](M& m, S&) {
         m.withdrawn = {120, 121, 123};
       },
       Verdict::nothing_newer, 123, "build 123, the one offered, is withdrawn"},
      {"nothing to leave what is offered for",
       [](M& m, S& s) {
         m.withdrawn = {123};
         s.build = 123;
         s.previous_build = 0;
       },
       Verdict::nothing_newer, 123, "is withdrawn, and there is nothing to leave it for"},
      {"nothing but an older one",
       [](M& m, S& s) {
         m.withdrawn = {125};
         s.build = 125;
         s.floors.build = 125;
         s.previous_build = 0;
       },
       Verdict::nothing_newer, 125, "build 125 is withdrawn"},
      {"nothing but a quarantined one",
       [](M& m, S& s) {
         m.withdrawn = {120, 121};
         s.quarantined = {quarantine_of(123)};
       },
       Verdict::quarantined, 123, ""},
      {"the offered one is withdrawn", [](M& m, S&) { m.withdrawn = {123}; },
       Verdict::nothing_newer, 123, "build 123, the one offered, is withdrawn"},
      {"others are withdrawn",
       [](M& m, S&) {
         m.withdrawn = {119, 122};
       },
       Verdict::install, 123, ""},
  });
}

BOOST_AUTO_TEST_CASE(quarantined_build_is_left_alone_until_a_person_wants_it) {
  check({
      {"quarantined",
       [](M&, S& s) {
         s.quarantined = {quarantine_of(122), quarantine_of(123)};
       },
       Verdict::quarantined, 123,
       "build 123 is quarantined on this host since 2026-11-22T10:15:00Z: exit status 1"},
      {"another one is", [](M&, S& s) { s.quarantined = {quarantine_of(122)}; }, Verdict::install,
       123, ""},
      {"even below min_build",
       [](M& m, S& s) {
         s.quarantined = {quarantine_of(123)};
         m.min_build = 123;
       },
       Verdict::quarantined, 123, ""},
      {"even forced",
       [](M&, S& s) {
         s.quarantined = {quarantine_of(123)};
         s.forced = true;
       },
       Verdict::quarantined, 123, ""},
      {"wanted",
       [](M&, S& s) {
         s.quarantined = {quarantine_of(123)};
         s.wanted = 123;
       },
       Verdict::install, 123, "build 123 was asked for"},
  });
}

BOOST_AUTO_TEST_CASE(developers_build_is_left_alone_until_a_person_asks) {
  check({
      {"by itself", [](M&, S& s) { s.build = 0; }, Verdict::not_released, 0, "was not released"},
      {"by itself, below min_build",
       [](M& m, S& s) {
         s.build = 0;
         m.min_build = 5;
       },
       Verdict::not_released, 0, ""},
      {"forced",
       [](M&, S& s) {
         s.build = 0;
         s.forced = true;
       },
       Verdict::install, 123, ""},
      {"wanted",
       [](M&, S& s) {
         s.build = 0;
         s.wanted = 123;
       },
       Verdict::install, 123, ""},
  });
}

BOOST_AUTO_TEST_CASE(only_what_is_offered_can_be_had) {
  check({
      {"another channel", [](M& m, S&) { m.channel = "canary"; }, Verdict::not_offered, 123,
       "is of channel canary, and this host follows stable"},
      {"another build", [](M&, S& s) { s.wanted = 122; }, Verdict::not_offered, 122,
       "build 122 was asked for, and the release manifest offers build 123"},
      {"the present one",
       [](M&, S& s) {
         s.wanted = 123;
         s.build = 123;
       },
       Verdict::nothing_newer, 123, ""},
      {"a lower one",
       [](M&, S& s) {
         s.wanted = 123;
         s.build = 125;
       },
       Verdict::floor_refused, 123, "a lower one is never installed"},
      {"a withdrawn one",
       [](M& m, S& s) {
         s.wanted = 123;
         m.withdrawn = {123};
       },
       Verdict::not_offered, 123, "is withdrawn"},
      {"one below min_build",
       [](M& m, S& s) {
         s.wanted = 123;
         m.min_build = 124;
       },
       Verdict::not_offered, 123, "is below 124"},
      {"from a withdrawn one",
       [](M& m, S& s) {
         s.wanted = 123;
         m.withdrawn = {121};
       },
       Verdict::install, 123, ""},
      {"other platform", [](M&, S& s) { s.platform = "linux-riscv64"; }, Verdict::no_artifact, 123,
       "build 123 is not made for linux-riscv64, only for: linux-amd64, linux-arm64"},
      {"other platform, wanted",
       [](M&, S& s) {
         s.platform = "vax";
         s.wanted = 123;
       },
       Verdict::no_artifact, 123, ""},
      {"other platform, nothing newer",
       [](M&, S& s) {
         s.platform = "vax";
         s.build = 123;
       },
       Verdict::nothing_newer, 123, ""},
  });
}

BOOST_AUTO_TEST_CASE(expired_manifest_warns_and_decides) {
  auto m = manifest();
  auto s = situation();
  s.now_us = m.expires_us;
  BOOST_TEST(decide(m, s).warnings.empty());
  s.now_us = m.expires_us + 1;
  const auto decision = decide(m, s);
  BOOST_TEST(decision.verdict == Verdict::install);
  BOOST_REQUIRE(decision.warnings.size() == 1U);
  BOOST_TEST(
      decision.warnings.front() ==
      "the release manifest of channel stable expired at 2027-02-20T10:15:00Z, and nobody has "
      "signed another");
}

BOOST_AUTO_TEST_CASE(clock_before_the_builds_own_time_skips_expiry_and_says_so) {
  auto m = manifest();
  auto s = situation();
  m.expires_us = kStart - 200 * kHour;
  m.rollout.start_us = kStart - 300 * kHour;
  s.now_us = s.build_time_us - 1;
  const auto decision = decide(m, s);
  BOOST_TEST(decision.verdict == Verdict::install);
  BOOST_REQUIRE(decision.warnings.size() == 1U);
  BOOST_TEST(
      decision.warnings.front() ==
      "the clock says 2026-11-18T06:14:59Z, which is before this build was made "
      "(2026-11-18T06:15:00Z), so whether the release manifest has expired was not looked at");
  s.build_time_us = 0;  // Not known.
  BOOST_TEST(decide(m, s).warnings.front().find("expired at") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_verdict_has_a_name) {
  BOOST_TEST(name_of(Verdict::nothing_newer) == "nothing_newer");
  BOOST_TEST(name_of(Verdict::install) == "install");
  BOOST_TEST(name_of(Verdict::go_back) == "go_back");
  BOOST_TEST(name_of(Verdict::wait_for_rollout) == "wait_for_rollout");
  BOOST_TEST(name_of(Verdict::wait_for_trial) == "wait_for_trial");
  BOOST_TEST(name_of(Verdict::paused) == "paused");
  BOOST_TEST(name_of(Verdict::quarantined) == "quarantined");
  BOOST_TEST(name_of(Verdict::no_artifact) == "no_artifact");
  BOOST_TEST(name_of(Verdict::floor_refused) == "floor_refused");
  BOOST_TEST(name_of(Verdict::not_released) == "not_released");
  BOOST_TEST(name_of(Verdict::not_offered) == "not_offered");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::updater
