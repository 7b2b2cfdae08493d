#define BOOST_TEST_DYN_LINK
#include "src/daemon/probation.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <map>
#include <string>

namespace {

using namespace converge;
using namespace converge::daemon;
using engine::PassOutcome;
using engine::PassSign;
using engine::sign_of;
using Kind = Judgement::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

engine::PassResult pass(const std::string& converger, PassOutcome outcome) {
  engine::PassResult result;
  result.converger = converger;
  result.outcome = outcome;
  return result;
}

engine::PassResult failed(const std::string& converger, ErrorKind kind = ErrorKind::failure,
                          const std::string& sqlstate = "") {
  auto result = pass(converger, PassOutcome::failed);
  result.error.emplace(kind, "relation does not exist", "", sqlstate);
  return result;
}

engine::PassResult failed_subjects(const std::string& converger, int corrected) {
  auto result = pass(converger, PassOutcome::failed);
  result.failed = 1;
  result.inconsistencies = corrected;
  return result;
}

/// A trial of a minute on a host that runs `a` and `b`.
struct OnProbation {
  explicit OnProbation(std::map<std::string, Probation::Before> before = {})
      : probation(seconds(60), std::move(before), start) {}

  void ended(const engine::PassResult& result) { probation.ended(result); }
  Kind after(milliseconds time) { return judge(time).kind; }
  Judgement judge(milliseconds time) {
    if (!is_begun) probation.judge(view, start);
    is_begun = true;
    return probation.judge(view, start + time);
  }

  Clock::time_point start = Clock::now();
  Probation probation;
  ProbationView view{
      .has_database = true, .has_journal = true, .own = {"a", "b"}, .owns_all = true};
  bool is_begun = false;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(daemon_probation)

BOOST_AUTO_TEST_CASE(healthy_at_once_when_each_converger_has_completed_a_pass) {
  OnProbation one;
  one.ended(pass("a", PassOutcome::unchanged));
  BOOST_CHECK(one.after(seconds(1)) == Kind::open);
  one.ended(pass("b", PassOutcome::converged));
  BOOST_CHECK(one.after(seconds(1)) == Kind::healthy);
}

BOOST_AUTO_TEST_CASE(a_held_pass_is_a_good_one) {
  OnProbation one;
  one.ended(pass("a", PassOutcome::held));
  one.ended(pass("b", PassOutcome::unchanged));
  BOOST_CHECK(one.after(seconds(1)) == Kind::healthy);
}

BOOST_AUTO_TEST_CASE(failing_at_once_when_each_converger_has_failed_twice) {
  OnProbation one;
  one.ended(failed("a"));
  one.ended(failed("a"));
  one.ended(failed("b"));
  BOOST_CHECK(one.after(seconds(1)) == Kind::open);
  one.ended(failed("b"));
  const auto judgement = one.judge(seconds(1));
  BOOST_CHECK(judgement.kind == Kind::failing);
  BOOST_TEST(judgement.why == "all passes fail: a: relation does not exist");
}

BOOST_AUTO_TEST_CASE(one_that_never_succeeds_fails_it_at_the_end) {
  OnProbation one;
  one.ended(pass("a", PassOutcome::unchanged));
  one.ended(failed("b"));
  BOOST_CHECK(one.after(seconds(59)) == Kind::open);
  BOOST_CHECK(one.after(seconds(60)) == Kind::failing);
}

BOOST_AUTO_TEST_CASE(one_that_succeeded_in_between_does_not) {
  OnProbation one;
  one.ended(pass("a", PassOutcome::unchanged));
  one.ended(failed("b"));
  one.ended(pass("b", PassOutcome::unchanged));
  one.ended(failed("b"));
  BOOST_CHECK(one.after(seconds(59)) == Kind::open);
  BOOST_CHECK(one.after(seconds(60)) == Kind::healthy);
}

BOOST_AUTO_TEST_CASE(one_that_failed_before_cannot_fail_it) {
  OnProbation one({{"b", {.failed = true}}});
  one.ended(failed("b"));
  one.ended(failed("b"));
  BOOST_CHECK(one.after(seconds(1)) == Kind::open);
  one.ended(pass("a", PassOutcome::unchanged));
  BOOST_CHECK(one.after(seconds(1)) == Kind::healthy);
}

BOOST_AUTO_TEST_CASE(where_all_failed_before_the_end_is_waited_for) {
  OnProbation one({{"a", {.failed = true}}, {"b", {.failed = true}}});
  for (const char* name : {"a", "b", "a", "b"}) one.ended(failed(name));
  BOOST_CHECK(one.after(seconds(59)) == Kind::open);
  BOOST_CHECK(one.after(seconds(60)) == Kind::healthy);
}

BOOST_AUTO_TEST_CASE(subjects_that_kept_failing_may_go_on) {
  OnProbation one({{"b", {.quarantined = true}}});
  one.ended(pass("a", PassOutcome::unchanged));
  one.ended(failed_subjects("b", 0));
  BOOST_CHECK(one.after(seconds(60)) == Kind::healthy);
  one.ended(failed("b"));
  BOOST_CHECK(one.after(seconds(60)) == Kind::failing);
}

BOOST_AUTO_TEST_CASE(a_subject_that_fails_among_others_is_no_failure_of_the_build) {
  BOOST_CHECK(sign_of(failed_subjects("a", 3)) == PassSign::well);
  BOOST_CHECK(sign_of(failed_subjects("a", 0)) == PassSign::badly);
}

BOOST_AUTO_TEST_CASE(subjects_that_somebody_keeps_locked_say_nothing) {
  auto result = failed_subjects("a", 0);
  result.locked = 1;
  BOOST_CHECK(sign_of(result) == PassSign::neither);
  result.failed = 2;
  BOOST_CHECK(sign_of(result) == PassSign::badly);
}

BOOST_AUTO_TEST_CASE(what_is_nobodys_fault_says_nothing) {
  BOOST_CHECK(sign_of(failed("a", ErrorKind::transient)) == PassSign::neither);
  BOOST_CHECK(sign_of(failed("a", ErrorKind::failure, "57P01")) == PassSign::neither);
  BOOST_CHECK(sign_of(pass("a", PassOutcome::skipped)) == PassSign::neither);
  BOOST_CHECK(sign_of(pass("a", PassOutcome::interrupted)) == PassSign::neither);
}

BOOST_AUTO_TEST_CASE(while_the_server_is_away_nothing_is_judged_and_the_time_begins_anew) {
  OnProbation one;
  one.ended(failed("a"));
  one.view.has_database = false;
  BOOST_CHECK(one.after(seconds(300)) == Kind::waiting);
  one.view.has_database = true;
  BOOST_CHECK(one.after(seconds(301)) == Kind::open);
  BOOST_CHECK(one.after(seconds(360)) == Kind::open);
  BOOST_CHECK(one.after(seconds(361)) == Kind::failing);
}

BOOST_AUTO_TEST_CASE(so_it_is_while_the_journal_cannot_be_written) {
  OnProbation one;
  one.view.has_journal = false;
  BOOST_CHECK(one.after(seconds(300)) == Kind::waiting);
}

BOOST_AUTO_TEST_CASE(a_pass_that_still_runs_is_waited_for) {
  OnProbation one;
  one.view.is_running = true;
  BOOST_CHECK(one.after(seconds(60)) == Kind::waiting);
  one.view.is_running = false;
  const auto judgement = one.judge(seconds(61));
  BOOST_CHECK(judgement.kind == Kind::failing);
  BOOST_TEST(judgement.why == "no pass of b was run");
}

BOOST_AUTO_TEST_CASE(with_nothing_to_run_here_the_end_is_healthy) {
  OnProbation one;
  one.view.own = {};
  one.view.owns_all = false;
  BOOST_CHECK(one.after(seconds(59)) == Kind::open);
  BOOST_CHECK(one.after(seconds(60)) == Kind::healthy);
}

BOOST_AUTO_TEST_CASE(what_other_hosts_may_still_take_is_waited_for) {
  OnProbation one;
  one.view.own = {"a"};
  one.view.owns_all = false;
  one.ended(pass("a", PassOutcome::unchanged));
  BOOST_CHECK(one.after(seconds(4)) == Kind::open);
  BOOST_CHECK(one.after(seconds(5)) == Kind::healthy);
}

BOOST_AUTO_TEST_SUITE_END()
