#define BOOST_TEST_DYN_LINK
#include "src/daemon/schedule.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace converge;
using namespace converge::daemon;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Time = Schedule::Time;

Unit unit(const std::string& name) { return {.converger = name}; }

struct Scheduled {
  Scheduled() {
    schedule.define({{unit("flag"), {.every = hours(1), .narrows = true}},
                     {unit("sweep"), {.every = seconds(10)}},
                     {unit("woken"), {.every = std::nullopt}}},
                    start);
    for (const auto* name : {"flag", "sweep", "woken"}) {
      schedule.own(unit(name), true, start);
      run(name, start);
    }
  }

  /// Runs the pass that must be next, to its end.
  Job run(const std::string& name, Time now, const Finish& finish = {}) {
    const auto job = schedule.take(now);
    BOOST_REQUIRE(job);
    BOOST_TEST_REQUIRE(job->unit.converger == name);
    schedule.finish(*job, finish, now);
    return *job;
  }

  Schedule schedule;
  Time start = Time() + hours(24);
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(daemon_schedule, Scheduled)

BOOST_AUTO_TEST_CASE(what_was_run_is_due_again_within_its_interval_and_not_at_once) {
  BOOST_TEST(!schedule.take(start + seconds(8)));
  const auto due = schedule.due(unit("sweep"));
  BOOST_REQUIRE(due);
  BOOST_TEST((*due >= start + seconds(9) && *due <= start + seconds(10)));
  BOOST_TEST((schedule.next() == due));
  run("sweep", start + seconds(10));
}

BOOST_AUTO_TEST_CASE(one_without_an_interval_waits_to_be_woken) {
  BOOST_TEST(!schedule.due(unit("woken")));
  schedule.wake("woken", "", start + seconds(1));
  run("woken", start + seconds(1));
  BOOST_TEST(!schedule.due(unit("woken")));
}

BOOST_AUTO_TEST_CASE(one_for_people_alone_is_never_run) {
  for (const auto* version : {"1", "2"}) {
    schedule.own(unit("by_hand"), true, start);
    schedule.define(
        {{unit("by_hand"), {.every = std::nullopt, .version = version, .by_hand = true}}}, start);
    schedule.wake_all(start);
    schedule.wake_whole("by_hand", start);
    schedule.wake("by_hand", "", start);
    BOOST_TEST(!schedule.take(start + hours(100)));
    BOOST_TEST(!schedule.next());
  }
}

BOOST_AUTO_TEST_CASE(what_is_owed_is_due_at_once_whoever_owns_the_converger) {
  schedule.define({{unit("by_hand"), {.every = std::nullopt, .by_hand = true}},
                   {unit("elsewhere"), {.every = seconds(10)}},
                   {unit("flag"), {.every = hours(1), .narrows = true}},
                   {unit("woken"), {.every = std::nullopt}}},
                  start);
  schedule.own(unit("by_hand"), true, start);
  for (const std::string name : {"by_hand", "elsewhere", "flag", "woken"}) {
    BOOST_TEST(schedule.owe({name}, start));
    BOOST_TEST(!schedule.owe({name}, start));  // It is due already.
    BOOST_TEST(run(name, start, {.carried_out = true}).only_owed);
    BOOST_TEST(!schedule.take(start));
    BOOST_TEST(schedule.owe({name}, start));  // There is more.
    BOOST_TEST(!schedule.owe({}, start));     // There was.
    BOOST_TEST(!schedule.take(start));
  }
}

BOOST_AUTO_TEST_CASE(what_a_pass_over_all_left_owing_waits_for_the_next) {
  run("sweep", start + seconds(10), {.again = seconds(3)});
  BOOST_TEST(!schedule.owe({"sweep"}, start + seconds(11)));
  BOOST_TEST(!schedule.take(start + seconds(12)));
  BOOST_TEST(!run("sweep", start + seconds(13)).only_owed);
}

BOOST_AUTO_TEST_CASE(what_is_still_owed_after_a_pass_waits_until_its_time_has_come) {
  schedule.owe({"woken"}, start);
  run("woken", start, {.again = seconds(5)});
  BOOST_TEST(!schedule.owe({"woken"}, start + seconds(1)));
  BOOST_TEST((schedule.due(unit("woken")) == start + seconds(5)));
  BOOST_TEST(run("woken", start + seconds(5)).only_owed);
}

BOOST_AUTO_TEST_CASE(passes_that_carry_nothing_out_come_ever_more_seldom) {
  int passes = 0;
  for (auto now = start; now < start + seconds(600); now += milliseconds(500)) {
    schedule.owe({"woken"}, now);
    while (const auto job = schedule.take(now)) {
      passes += job->only_owed ? 1 : 0;
      schedule.finish(*job, {}, now);
    }
  }
  BOOST_TEST(passes > 5);
  BOOST_TEST(passes < 40);
  schedule.owe({"woken"}, start + seconds(600));
  schedule.wake_whole("woken", start + seconds(600));  // A person let it go on.
  BOOST_TEST(!run("woken", start + seconds(600)).only_owed);
}

BOOST_AUTO_TEST_CASE(what_is_owed_keeps_no_wake_up_waiting) {
  schedule.owe({"woken"}, start);
  run("woken", start, {.retry = Finish::Retry::later});
  schedule.wake("woken", "", start);
  BOOST_TEST(!run("woken", start).only_owed);
}

BOOST_AUTO_TEST_CASE(pass_over_all_carries_out_what_is_owed_too) {
  schedule.owe({"woken"}, start);
  schedule.wake("woken", "", start);
  BOOST_TEST(!run("woken", start).only_owed);
  BOOST_TEST(!schedule.take(start + seconds(8)));
  BOOST_TEST(!schedule.due(unit("woken")));
}

BOOST_AUTO_TEST_CASE(what_was_woken_goes_before_what_is_due) {
  schedule.wake("woken", "", start + seconds(11));
  run("woken", start + seconds(11));
  run("sweep", start + seconds(11));
}

BOOST_AUTO_TEST_CASE(a_flood_of_wake_ups_does_not_starve_what_is_due) {
  for (auto now = start + seconds(1); now < start + seconds(25); now += seconds(1)) {
    schedule.wake("woken", "", now);
    const auto job = schedule.take(now);
    BOOST_REQUIRE(job);
    schedule.finish(*job, {}, now);
    if (job->unit.converger == "sweep") return;
  }
  BOOST_ERROR("it was starved");
}

BOOST_AUTO_TEST_CASE(wake_ups_coalesce_and_name_their_subjects) {
  schedule.wake("flag", "2", start + seconds(1));
  schedule.wake("flag", "1", start + seconds(2));
  schedule.wake("flag", "2", start + seconds(3));
  const Job job = run("flag", start + seconds(4));
  BOOST_TEST(job.subjects == (std::vector<std::string>{"1", "2"}),
             boost::test_tools::per_element());
  BOOST_TEST((job.notified == start + seconds(1)));
  BOOST_TEST(!schedule.take(start + seconds(4)));
}

BOOST_AUTO_TEST_CASE(one_wake_up_for_all_makes_the_pass_whole) {
  schedule.wake("flag", "2", start + seconds(1));
  schedule.wake("flag", "", start + seconds(1));
  schedule.wake("flag", "3", start + seconds(1));
  BOOST_TEST(run("flag", start + seconds(1)).subjects.empty());
}

BOOST_AUTO_TEST_CASE(payloads_mean_nothing_to_one_that_cannot_be_narrowed) {
  schedule.wake("woken", "2", start + seconds(1));
  BOOST_TEST(run("woken", start + seconds(1)).subjects.empty());
}

BOOST_AUTO_TEST_CASE(a_burst_of_payloads_is_one_pass_over_all) {
  for (int i = 0; i < 100'000; ++i) schedule.wake("flag", std::to_string(i), start + seconds(1));
  BOOST_TEST(run("flag", start + seconds(1)).subjects.empty());
  BOOST_TEST(!schedule.take(start + seconds(1)));
}

BOOST_AUTO_TEST_CASE(a_narrowed_pass_does_not_put_off_the_next_whole_one) {
  const auto due = schedule.due(unit("flag"));
  schedule.wake("flag", "2", start + seconds(5));
  run("flag", start + seconds(5));
  BOOST_TEST((schedule.due(unit("flag")) == due));
}

BOOST_AUTO_TEST_CASE(a_wake_up_during_a_pass_asks_for_one_more) {
  schedule.wake("flag", "1", start + seconds(1));
  const auto job = schedule.take(start + seconds(1));
  BOOST_REQUIRE(job);
  schedule.wake("flag", "2", start + seconds(2));
  schedule.wake("flag", "3", start + seconds(2));
  BOOST_TEST(!schedule.take(start + seconds(2)));  // Never twice at once.
  schedule.finish(*job, {}, start + seconds(3));
  BOOST_TEST(run("flag", start + seconds(3)).subjects.size() == 2u);
  BOOST_TEST(!schedule.take(start + seconds(3)));
}

BOOST_AUTO_TEST_CASE(a_narrowed_pass_that_could_not_tell_is_followed_by_a_whole_one) {
  schedule.wake("flag", "1", start + seconds(1));
  run("flag", start + seconds(1), {.whole = true});
  const Job job = run("flag", start + seconds(1));
  BOOST_TEST(job.subjects.empty());
  BOOST_TEST((job.notified == start + seconds(1)));
}

BOOST_AUTO_TEST_CASE(a_retry_keeps_what_it_was_woken_for_and_backs_off) {
  schedule.own(unit("sweep"), false, start);
  schedule.wake("flag", "7", start + seconds(1));
  run("flag", start + seconds(1), {.retry = Finish::Retry::soon});
  BOOST_TEST(!schedule.take(start + seconds(1)));
  const Job job = run("flag", start + seconds(2), {.retry = Finish::Retry::soon});
  BOOST_TEST(job.subjects == std::vector<std::string>{"7"}, boost::test_tools::per_element());
  BOOST_TEST((job.notified == start + seconds(1)));
  Time now = start + seconds(2);
  for (int i = 0; i < 20; ++i) {
    now += seconds(5);
    run("flag", now, {.retry = Finish::Retry::soon});
  }
  BOOST_TEST((*schedule.due(unit("flag")) >= now + milliseconds(2500)));
}

BOOST_AUTO_TEST_CASE(a_retry_of_a_whole_pass_is_whole_whatever_comes_meanwhile) {
  schedule.wake("flag", "", start + seconds(1));
  run("flag", start + seconds(1), {.retry = Finish::Retry::soon});
  schedule.wake("flag", "7", start + seconds(1));
  BOOST_TEST(run("flag", start + seconds(2)).subjects.empty());
}

BOOST_AUTO_TEST_CASE(a_failure_is_tried_again_at_its_interval_but_soon_when_it_was_woken) {
  run("sweep", start + seconds(10), {.retry = Finish::Retry::later});
  BOOST_TEST((*schedule.due(unit("sweep")) == start + seconds(20)));
  schedule.wake("woken", "", start + seconds(10));
  run("woken", start + seconds(10), {.retry = Finish::Retry::later});
  BOOST_TEST((*schedule.due(unit("woken")) <= start + seconds(11)));
}

BOOST_AUTO_TEST_CASE(however_often_a_timed_pass_fails_it_keeps_to_its_interval) {
  auto now = start + seconds(10);
  for (int i = 0; i < 3; ++i, now += seconds(10)) {
    BOOST_TEST(!run("sweep", now, {.retry = Finish::Retry::later}).woken);
    BOOST_TEST((*schedule.due(unit("sweep")) == now + seconds(10)));
  }
  // Nobody's fault is tried again soon, and that makes no wake-up of it.
  run("sweep", now, {.retry = Finish::Retry::soon});
  BOOST_TEST((*schedule.due(unit("sweep")) <= now + seconds(1)));
  now += seconds(1);
  run("sweep", now, {.retry = Finish::Retry::later});
  BOOST_TEST((*schedule.due(unit("sweep")) >= now + seconds(10)));
}

BOOST_AUTO_TEST_CASE(a_wake_up_is_answered_soon_however_a_timed_pass_has_failed) {
  schedule.own(unit("sweep"), false, start);
  const auto failed = start + hours(1);
  run("flag", failed, {.retry = Finish::Retry::later});
  BOOST_TEST((*schedule.due(unit("flag")) == failed + hours(1)));
  schedule.wake("flag", "7", failed + milliseconds(1));
  BOOST_TEST((*schedule.due(unit("flag")) <= failed + seconds(1)));
  const Job job = run("flag", failed + seconds(1), {.retry = Finish::Retry::later});
  BOOST_TEST(job.subjects == std::vector<std::string>{"7"}, boost::test_tools::per_element());
  BOOST_TEST((*schedule.due(unit("flag")) <= failed + seconds(3)));  // Still unanswered.
}

BOOST_AUTO_TEST_CASE(a_changed_definition_is_tried_at_once) {
  const auto define = [this](const std::string& version, Time now) {
    schedule.define({{unit("flag"), {.every = hours(1), .version = version}}}, now);
  };
  define("broken", start + seconds(1));
  run("flag", start + seconds(1), {.retry = Finish::Retry::later});
  for (int i = 0; i < 5; ++i) {
    run("flag", start + hours(i + 1), {.retry = Finish::Retry::later});
  }
  define("broken", start + hours(5));
  BOOST_TEST(!schedule.take(start + hours(5)));
  define("repaired", start + hours(5));
  run("flag", start + hours(5), {.retry = Finish::Retry::later});
  BOOST_TEST((*schedule.due(unit("flag")) <= start + hours(5) + seconds(1)));
}

BOOST_AUTO_TEST_CASE(a_subject_that_is_due_brings_the_pass_forward) {
  schedule.wake("woken", "", start + seconds(1));
  run("woken", start + seconds(1), {.again = seconds(5)});
  BOOST_TEST((schedule.due(unit("woken")) == start + seconds(6)));
}

BOOST_AUTO_TEST_CASE(after_a_reconnect_everything_is_due_at_once_and_whole) {
  schedule.wake("flag", "7", start + seconds(1));
  run("flag", start + seconds(1), {.retry = Finish::Retry::later});
  schedule.wake_all(start + seconds(1));
  int passes = 0;
  for (auto job = schedule.take(start + seconds(1)); job; job = schedule.take(start + seconds(1))) {
    BOOST_TEST(job->subjects.empty());
    ++passes;
  }
  BOOST_TEST(passes == 3);
}

BOOST_AUTO_TEST_CASE(what_another_host_owns_is_not_run_until_it_is_taken_over) {
  schedule.own(unit("flag"), false, start + seconds(1));
  schedule.wake("flag", "", start + seconds(1));
  BOOST_TEST(!schedule.take(start + seconds(2)));
  schedule.own(unit("flag"), true, start + seconds(3));
  // What another host has answered since says nothing of how long this one takes.
  BOOST_TEST(!run("flag", start + seconds(3)).notified);

  schedule.wake("flag", "", start + seconds(4));
  schedule.own(unit("flag"), false, start + seconds(4));
  schedule.own(unit("flag"), true, start + seconds(5));
  BOOST_TEST(!run("flag", start + seconds(5)).notified);
}

BOOST_AUTO_TEST_CASE(new_definitions_keep_the_times_of_those_that_stay) {
  const auto due = schedule.due(unit("flag"));
  schedule.define(
      {{unit("flag"), {.every = hours(1), .narrows = true}}, {unit("new"), {.every = hours(1)}}},
      start + seconds(1));
  BOOST_TEST((schedule.due(unit("flag")) == due));
  schedule.own(unit("new"), true, start + seconds(1));
  run("new", start + seconds(1));
  schedule.define({{unit("flag"), {.every = minutes(1), .narrows = true}}}, start + seconds(2));
  run("flag", start + seconds(2));  // An hour would be too late now.
  BOOST_TEST(!schedule.due(unit("new")));
}

BOOST_AUTO_TEST_CASE(one_that_is_removed_during_its_pass_is_forgotten) {
  schedule.wake("flag", "", start + seconds(1));
  const auto job = schedule.take(start + seconds(1));
  BOOST_REQUIRE(job);
  schedule.define({}, start + seconds(1));
  schedule.finish(*job, {.retry = Finish::Retry::soon}, start + seconds(2));
  BOOST_TEST(!schedule.next());
}

BOOST_AUTO_TEST_CASE(one_that_comes_back_is_owned_as_it_was) {
  schedule.define({}, start + seconds(1));
  BOOST_TEST(!schedule.next());
  schedule.define({{unit("flag"), {.every = hours(1)}}, {unit("new"), {.every = hours(1)}}},
                  start + seconds(2));
  run("flag", start + seconds(2));
  BOOST_TEST(!schedule.take(start + seconds(2)));
  // What was given back meanwhile is not.
  schedule.define({}, start + seconds(3));
  schedule.own(unit("flag"), false, start + seconds(3));
  schedule.own(unit("new"), true, start + seconds(3));
  schedule.define({{unit("flag"), {.every = hours(1)}}, {unit("new"), {.every = hours(1)}}},
                  start + seconds(4));
  run("new", start + seconds(4));
  BOOST_TEST(!schedule.take(start + seconds(4)));
}

BOOST_AUTO_TEST_CASE(one_that_comes_back_during_its_pass_runs_after_it) {
  schedule.wake("flag", "", start + seconds(1));
  const auto job = schedule.take(start + seconds(1));
  BOOST_REQUIRE(job);
  schedule.define({}, start + seconds(1));
  schedule.define({{unit("flag"), {.every = hours(1)}}}, start + seconds(1));
  BOOST_TEST(!schedule.take(start + seconds(1)));
  schedule.finish(*job, {}, start + seconds(2));
  run("flag", start + seconds(2));
}

BOOST_AUTO_TEST_SUITE_END()
