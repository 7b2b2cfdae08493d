#define BOOST_TEST_DYN_LINK
#include "src/daemon/passes.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>

namespace {

using namespace converge;
using namespace converge::daemon;
using Retry = Finish::Retry;

Retry retry_after(const engine::PassResult& result) { return finish_of({}, result).retry; }

engine::PassResult failed(ErrorKind kind, const std::string& sqlstate = "") {
  engine::PassResult result;
  result.outcome = engine::PassOutcome::failed;
  result.error.emplace(kind, "it failed", "", sqlstate);
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(daemon_passes)

BOOST_AUTO_TEST_CASE(what_went_through_is_not_tried_again) {
  for (const auto outcome : {engine::PassOutcome::unchanged, engine::PassOutcome::converged,
                             engine::PassOutcome::held, engine::PassOutcome::failed}) {
    engine::PassResult result;
    result.outcome = outcome;  // Failed without an error of its own: subjects were quarantined.
    BOOST_CHECK(retry_after(result) == Retry::no);
  }
}

BOOST_AUTO_TEST_CASE(what_another_process_is_at_is_tried_again_soon) {
  engine::PassResult result;
  result.outcome = engine::PassOutcome::skipped;
  BOOST_CHECK(retry_after(result) == Retry::soon);
  result.paused.emplace();
  BOOST_CHECK(retry_after(result) == Retry::later);
}

BOOST_AUTO_TEST_CASE(nobodys_fault_is_tried_again_soon_and_a_failure_later) {
  BOOST_CHECK(retry_after(failed(ErrorKind::transient)) == Retry::soon);
  BOOST_CHECK(retry_after(failed(ErrorKind::failure, "08006")) == Retry::soon);
  BOOST_CHECK(retry_after(failed(ErrorKind::failure, "57P01")) == Retry::soon);
  BOOST_CHECK(retry_after(failed(ErrorKind::failure, "57014")) == Retry::later);
  BOOST_CHECK(retry_after(failed(ErrorKind::failure)) == Retry::later);
}

BOOST_AUTO_TEST_CASE(who_waits_brings_the_next_pass_forward) {
  engine::PassResult result;
  result.again = std::chrono::seconds(3);
  BOOST_CHECK(finish_of({}, result).again == result.again);
}

BOOST_AUTO_TEST_CASE(only_a_name_that_is_no_key_asks_for_a_pass_over_all) {
  engine::PassResult result;
  result.not_keys = true;
  BOOST_TEST(!finish_of({}, result).whole);
  Job narrowed;
  narrowed.subjects = {"1"};
  BOOST_TEST(finish_of(narrowed, result).whole);
  result.not_keys = false;
  result.not_found = 1;
  BOOST_TEST(!finish_of(narrowed, result).whole);
}

BOOST_AUTO_TEST_SUITE_END()
