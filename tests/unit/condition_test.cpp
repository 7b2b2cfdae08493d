#define BOOST_TEST_DYN_LINK
#include "src/engine/condition.h"

#include "src/base/clock.h"
#include "src/base/shell.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge;
using namespace converge::engine;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kNow = 1'800'000'000 * kSecond;

/// A converger that runs every ten seconds and whose last pass, a second ago, found all in order.
struct ConditionFixture {
  Settings settings;
  journal::State state;

  ConditionFixture() {
    settings.every = std::chrono::seconds(10);
    state.last_passes["a"] = {.converger = "a", .time_us = kNow - kSecond, .outcome = "unchanged"};
  }
  Condition condition(std::int64_t now_us = kNow, const Watch& watch = {}) const {
    return condition_of(settings, "a", state, now_us, watch);
  }
  void pause(const std::string& converger, std::int64_t until_us = 0) {
    state.pauses.push_back({.converger = converger,
                            .since_us = kNow - kSecond,
                            .until_us = until_us,
                            .actor = "alice",
                            .reason = "billing moves"});
  }
  void quarantine(const std::string& subject) {
    state.quarantined.push_back({.converger = "a",
                                 .subject = subject,
                                 .failures = 3,
                                 .since_us = kNow - kSecond,
                                 .message = "no such plan"});
  }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(condition, ConditionFixture)

BOOST_AUTO_TEST_CASE(converger_that_is_well_is_ready) {
  BOOST_TEST(condition().state == "ready");
  BOOST_TEST(condition().why.empty());
  BOOST_TEST(condition().resolve.empty());
  BOOST_TEST(!condition().needs_person);
}

BOOST_AUTO_TEST_CASE(converger_that_never_ran_is_new_and_not_silent) {
  state.last_passes.clear();
  BOOST_TEST(condition().state == "new");
  BOOST_TEST(!condition().needs_person);
}

BOOST_AUTO_TEST_CASE(converger_is_silent_after_three_periods) {
  BOOST_TEST(condition(kNow + 28 * kSecond).state == "ready");
  const auto silent = condition(kNow + 30 * kSecond);
  BOOST_TEST(silent.state == "silent");
  BOOST_TEST(silent.since_us == kNow - kSecond);
  BOOST_TEST(silent.resolve == "converge run a");
  BOOST_TEST(silent.needs_person);
}

BOOST_AUTO_TEST_CASE(short_period_leaves_the_daemon_time_to_tell) {
  settings.every = std::chrono::milliseconds(100);
  BOOST_TEST(condition(kNow + 10 * kSecond).state == "ready");
  BOOST_TEST(condition(kNow + 20 * kSecond).state == "silent");
}

BOOST_AUTO_TEST_CASE(converger_without_a_period_is_never_silent) {
  settings.every.reset();
  BOOST_TEST(condition(2 * kNow).state == "ready");
}

BOOST_AUTO_TEST_CASE(converger_of_this_host_is_silent_three_periods_after_it_came_here) {
  const Watch watch{.since_us = kNow};
  BOOST_TEST(condition(kNow + 30 * kSecond, watch).state == "ready");
  BOOST_TEST(condition(kNow + 31 * kSecond, watch).state == "silent");
  state.last_passes.clear();
  BOOST_TEST(condition(kNow + 30 * kSecond, watch).state == "new");
  const auto silent = condition(kNow + 31 * kSecond, watch);
  BOOST_TEST(silent.state == "silent");
  BOOST_TEST(silent.why == "no pass has ended since it came to this host at " + format_local(kNow) +
                               ", and one is due every 10s");
}

BOOST_AUTO_TEST_CASE(long_pass_is_no_silence) {
  BOOST_TEST(condition(kNow + 3600 * kSecond, {.running = true}).state == "ready");
}

BOOST_AUTO_TEST_CASE(what_another_host_runs_is_neither_silent_nor_failing_here) {
  BOOST_TEST(condition(kNow + 3600 * kSecond, {.elsewhere = true}).state == "ready");
  state.last_passes["a"].outcome = "failed";
  BOOST_TEST(condition(kNow, {.elsewhere = true}).state == "ready");
  BOOST_TEST(condition(kNow).state == "failing");
}

BOOST_AUTO_TEST_CASE(clock_that_was_set_back_makes_nobody_silent) {
  BOOST_TEST(condition(kNow - 3600 * kSecond).state == "ready");
}

BOOST_AUTO_TEST_CASE(failing_converger_says_why) {
  auto& last = state.last_passes["a"];
  last.outcome = "failed";
  last.message = "permission denied for table account";
  last.failures = 1;
  BOOST_TEST(condition().state == "failing");
  BOOST_TEST(condition().why == "its last pass failed: permission denied for table account");
  BOOST_TEST(condition().resolve == "converge journal --converger a");
  last.failures = 4;
  BOOST_TEST(contains(condition().why, "its last 4 passes failed"));
  BOOST_TEST(condition().needs_person);
}

BOOST_AUTO_TEST_CASE(held_converger_names_the_release_of_that_very_set) {
  state.last_passes["a"].outcome = "failed";
  state.holds["a"] = {
      .converger = "a", .digest = "abc", .inconsistencies = 51, .allowed = 50, .since_us = kNow};
  BOOST_TEST(condition().state == "held");
  BOOST_TEST(condition().why ==
             "a limit of 50 stopped 51 inconsistencies at " + format_local(kNow));
  BOOST_TEST(condition().resolve == "converge release a abc");
  BOOST_TEST(condition().needs_person);
  state.holds["a"].digest.clear();
  BOOST_TEST(condition().resolve == "converge release a");
  state.holds["a"].released = true;
  BOOST_TEST(condition().state == "failing");
}

BOOST_AUTO_TEST_CASE(paused_converger_needs_nobody_else) {
  state.holds["a"] = {.converger = "a", .digest = "abc"};
  quarantine("7");
  pause("a", kNow + kSecond);
  const auto paused = condition();
  BOOST_TEST(paused.state == "paused");
  BOOST_TEST(paused.why == "alice paused it at " + format_local(kNow - kSecond) + ", until " +
                               format_local(kNow + kSecond) + ": billing moves");
  BOOST_TEST(paused.resolve == "converge resume a");
  BOOST_TEST(paused.quarantined == 1);
  BOOST_TEST(!paused.needs_person);
  BOOST_TEST(condition(kNow + kSecond).state == "held");
}

BOOST_AUTO_TEST_CASE(own_pause_goes_before_that_of_all) {
  pause("");
  BOOST_TEST(condition().resolve == "converge resume --all");
  BOOST_TEST(contains(condition().why, "alice paused all convergers"));
  pause("a");
  pause("b");
  BOOST_TEST(condition().resolve == "converge resume a");
}

BOOST_AUTO_TEST_CASE(quarantine_leaves_the_converger_ready_but_needs_a_person) {
  quarantine("o'neil");
  BOOST_TEST(condition().state == "ready");
  BOOST_TEST(condition().quarantined == 1);
  BOOST_TEST(condition().why == "1 subject is in quarantine, o'neil: no such plan");
  BOOST_TEST(condition().resolve == R"(converge retry a 'o'\''neil')");
  BOOST_TEST(condition().since_us == kNow - kSecond);
  BOOST_TEST(condition().needs_person);
  quarantine("8");
  BOOST_TEST(condition().resolve == "converge retry a --all");
  BOOST_TEST(contains(condition().why, "2 subjects are in quarantine"));
}

BOOST_AUTO_TEST_CASE(key_that_looks_like_an_option_is_kept_from_being_one) {
  quarantine("-5");
  BOOST_TEST(condition().resolve == "converge retry a -- -5");
  state.quarantined[0].subject = "a\nb";
  BOOST_TEST(condition().resolve == "converge retry a --all");
}

BOOST_AUTO_TEST_CASE(shell_word_is_quoted_where_it_has_to_be) {
  BOOST_TEST(shell_word("archive_account") == "archive_account");
  BOOST_TEST(shell_word("") == "''");
  BOOST_TEST(shell_word("a b") == "'a b'");
  BOOST_TEST(shell_word("$(id)'") == R"('$(id)'\''')");
}

BOOST_AUTO_TEST_SUITE_END()
