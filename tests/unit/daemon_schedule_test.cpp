#define BOOST_TEST_DYN_LINK
#include "src/daemon/schedule.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace converge;
using namespace converge::daemon;
using namespace std::chrono_literals;
using Time = Schedule::Time;

Unit unit(const std::string& name) { return {.converger = name}; }

struct Scheduled {
  Scheduled() {
    schedule.define({{unit("flag"), {.every = 1h, .narrows = true}},
                     {unit("sweep"), {.every = 10s}},
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
  Time start = Time() + 24h;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(daemon_schedule, Scheduled)

BOOST_AUTO_TEST_CASE(what_was_run_is_due_again_within_its_interval_and_not_at_once) {
  BOOST_TEST(!schedule.take(start + 8s));
  const auto due = schedule.due(unit("sweep"));
  BOOST_REQUIRE(due);
  BOOST_TEST((*due >= start + 9s && *due <= start + 10s));
  BOOST_TEST((schedule.next() == due));
  run("sweep", start + 10s);
}

BOOST_AUTO_TEST_CASE(one_without_an_interval_waits_to_be_woken) {
  BOOST_TEST(!schedule.due(unit("woken")));
  schedule.wake("woken", "", start + 1s);
  run("woken", start + 1s);
  BOOST_TEST(!schedule.due(unit("woken")));
}

BOOST_AUTO_TEST_CASE(what_was_woken_goes_before_what_is_due) {
  schedule.wake("woken", "", start + 11s);
  run("woken", start + 11s);
  run("sweep", start + 11s);
}

BOOST_AUTO_TEST_CASE(a_flood_of_wake_ups_does_not_starve_what_is_due) {
  for (auto now = start + 1s; now < start + 25s; now += 1s) {
    schedule.wake("woken", "", now);
    const auto job = schedule.take(now);
    BOOST_REQUIRE(job);
    schedule.finish(*job, {}, now);
    if (job->unit.converger == "sweep") return;
  }
  BOOST_ERROR("it was starved");
}

BOOST_AUTO_TEST_CASE(wake_ups_coalesce_and_name_their_subjects) {
  schedule.wake("flag", "2", start + 1s);
  schedule.wake("flag", "1", start + 2s);
  schedule.wake("flag", "2", start + 3s);
  const Job job = run("flag", start + 4s);
  BOOST_TEST(job.subjects == (std::vector<std::string>{"1", "2"}),
             boost::test_tools::per_element());
  BOOST_TEST((job.notified == start + 1s));
  BOOST_TEST(!schedule.take(start + 4s));
}

BOOST_AUTO_TEST_CASE(one_wake_up_for_all_makes_the_pass_whole) {
  schedule.wake("flag", "2", start + 1s);
  schedule.wake("flag", "", start + 1s);
  schedule.wake("flag", "3", start + 1s);
  BOOST_TEST(run("flag", start + 1s).subjects.empty());
}

BOOST_AUTO_TEST_CASE(payloads_mean_nothing_to_one_that_cannot_be_narrowed) {
  schedule.wake("woken", "2", start + 1s);
  BOOST_TEST(run("woken", start + 1s).subjects.empty());
}

BOOST_AUTO_TEST_CASE(a_burst_of_payloads_is_one_pass_over_all) {
  for (int i = 0; i < 100'000; ++i) schedule.wake("flag", std::to_string(i), start + 1s);
  BOOST_TEST(run("flag", start + 1s).subjects.empty());
  BOOST_TEST(!schedule.take(start + 1s));
}

BOOST_AUTO_TEST_CASE(a_narrowed_pass_does_not_put_off_the_next_whole_one) {
  const auto due = schedule.due(unit("flag"));
  schedule.wake("flag", "2", start + 5s);
  run("flag", start + 5s);
  BOOST_TEST((schedule.due(unit("flag")) == due));
}

BOOST_AUTO_TEST_CASE(a_wake_up_during_a_pass_asks_for_one_more) {
  schedule.wake("flag", "1", start + 1s);
  const auto job = schedule.take(start + 1s);
  BOOST_REQUIRE(job);
  schedule.wake("flag", "2", start + 2s);
  schedule.wake("flag", "3", start + 2s);
  BOOST_TEST(!schedule.take(start + 2s));  // Never twice at once.
  schedule.finish(*job, {}, start + 3s);
  BOOST_TEST(run("flag", start + 3s).subjects.size() == 2u);
  BOOST_TEST(!schedule.take(start + 3s));
}

BOOST_AUTO_TEST_CASE(a_narrowed_pass_that_could_not_tell_is_followed_by_a_whole_one) {
  schedule.wake("flag", "1", start + 1s);
  run("flag", start + 1s, {.whole = true});
  const Job job = run("flag", start + 1s);
  BOOST_TEST(job.subjects.empty());
  BOOST_TEST((job.notified == start + 1s));
}

BOOST_AUTO_TEST_CASE(a_retry_keeps_what_it_was_woken_for_and_backs_off) {
  schedule.own(unit("sweep"), false, start);
  schedule.wake("flag", "7", start + 1s);
  run("flag", start + 1s, {.retry = Finish::Retry::soon});
  BOOST_TEST(!schedule.take(start + 1s));
  const Job job = run("flag", start + 2s, {.retry = Finish::Retry::soon});
  BOOST_TEST(job.subjects == std::vector<std::string>{"7"}, boost::test_tools::per_element());
  BOOST_TEST((job.notified == start + 1s));
  Time now = start + 2s;
  for (int i = 0; i < 20; ++i) {
    now += 5s;
    run("flag", now, {.retry = Finish::Retry::soon});
  }
  BOOST_TEST((*schedule.due(unit("flag")) >= now + 2500ms));
}

BOOST_AUTO_TEST_CASE(a_failure_is_tried_again_at_its_interval_but_soon_when_it_was_woken) {
  run("sweep", start + 10s, {.retry = Finish::Retry::later});
  BOOST_TEST((*schedule.due(unit("sweep")) == start + 20s));
  schedule.wake("woken", "", start + 10s);
  run("woken", start + 10s, {.retry = Finish::Retry::later});
  BOOST_TEST((*schedule.due(unit("woken")) <= start + 11s));
}

BOOST_AUTO_TEST_CASE(a_subject_that_is_due_brings_the_pass_forward) {
  schedule.wake("woken", "", start + 1s);
  run("woken", start + 1s, {.again = 5s});
  BOOST_TEST((schedule.due(unit("woken")) == start + 6s));
}

BOOST_AUTO_TEST_CASE(after_a_reconnect_everything_is_due_at_once_and_whole) {
  schedule.wake("flag", "7", start + 1s);
  run("flag", start + 1s, {.retry = Finish::Retry::later});
  schedule.wake_all(start + 1s);
  int passes = 0;
  for (auto job = schedule.take(start + 1s); job; job = schedule.take(start + 1s)) {
    BOOST_TEST(job->subjects.empty());
    ++passes;
  }
  BOOST_TEST(passes == 3);
}

BOOST_AUTO_TEST_CASE(what_another_host_owns_is_not_run_until_it_is_taken_over) {
  schedule.own(unit("flag"), false, start + 1s);
  schedule.wake("flag", "", start + 1s);
  BOOST_TEST(!schedule.take(start + 2s));
  schedule.own(unit("flag"), true, start + 3s);
  run("flag", start + 3s);
}

BOOST_AUTO_TEST_CASE(new_definitions_keep_the_times_of_those_that_stay) {
  const auto due = schedule.due(unit("flag"));
  schedule.define({{unit("flag"), {.every = 1h, .narrows = true}}, {unit("new"), {.every = 1h}}},
                  start + 1s);
  BOOST_TEST((schedule.due(unit("flag")) == due));
  schedule.own(unit("new"), true, start + 1s);
  run("new", start + 1s);
  schedule.define({{unit("flag"), {.every = 1min, .narrows = true}}}, start + 2s);
  run("flag", start + 2s);  // An hour would be too late now.
  BOOST_TEST(!schedule.due(unit("new")));
}

BOOST_AUTO_TEST_CASE(one_that_is_removed_during_its_pass_is_forgotten) {
  schedule.wake("flag", "", start + 1s);
  const auto job = schedule.take(start + 1s);
  BOOST_REQUIRE(job);
  schedule.define({}, start + 1s);
  schedule.finish(*job, {.retry = Finish::Retry::soon}, start + 2s);
  BOOST_TEST(!schedule.next());
}

BOOST_AUTO_TEST_SUITE_END()
