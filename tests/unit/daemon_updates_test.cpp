#define BOOST_TEST_DYN_LINK
#include "src/daemon/updates.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>

namespace {

using namespace std::chrono_literals;
using converge::daemon::until_check;

constexpr std::int64_t kMinuteUs = 60'000'000;

}  // namespace

BOOST_AUTO_TEST_SUITE(daemon_updates)

BOOST_AUTO_TEST_CASE(each_host_asks_at_its_own_instant_of_each_period) {
  BOOST_CHECK(until_check(60 * kMinuteUs, 1h, 10min) == 10min);
  BOOST_CHECK(until_check(65 * kMinuteUs, 1h, 10min) == 5min);
  BOOST_CHECK(until_check(71 * kMinuteUs, 1h, 10min) == 59min);
}

BOOST_AUTO_TEST_CASE(a_check_that_is_done_is_followed_by_one_a_period_later) {
  BOOST_CHECK(until_check(70 * kMinuteUs, 1h, 10min) == 1h);
}

BOOST_AUTO_TEST_CASE(a_clock_before_its_epoch_waits_no_longer_than_a_period) {
  BOOST_CHECK(until_check(-5 * kMinuteUs, 1h, 10min) <= 1h);
  BOOST_CHECK(until_check(-5 * kMinuteUs, 1h, 10min) > 0ms);
}

BOOST_AUTO_TEST_SUITE_END()
