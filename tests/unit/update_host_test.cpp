#include "src/base/error.h"
#include "tests/support/temp_dir.h"
#include "updater/host.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <string>

namespace converge::updater {
namespace {

using std::chrono::seconds;
using tests::TempDir;

constexpr int kHosts = 20'000;

std::string id(int host) { return "host " + std::to_string(host); }

BOOST_AUTO_TEST_SUITE(update_host)

BOOST_AUTO_TEST_CASE(machine_id_is_the_systems) {
  const TempDir directory;
  const auto file = directory.write("machine-id", "0123456789abcdef0123456789abcdef\n");
  BOOST_TEST(machine_id(directory / "none", file) == "0123456789abcdef0123456789abcdef");
}

BOOST_AUTO_TEST_CASE(without_one_it_is_random_and_kept) {
  const TempDir one;
  const TempDir other;
  const auto first = machine_id(one.path(), one / "none");
  BOOST_TEST(first.size() == 32U);
  BOOST_TEST(machine_id(one.path(), one / "none") == first);
  BOOST_TEST(machine_id(one.path(), one.write("empty", "")) == first);
  BOOST_TEST(machine_id(one.path(), one.write("early", "uninitialized\n")) == first);
  BOOST_TEST(machine_id(other.path(), one / "none") != first);
}

BOOST_AUTO_TEST_CASE(directory_that_is_not_there_is_refused) {
  const TempDir directory;
  BOOST_CHECK_EXCEPTION(machine_id(directory / "none", directory / "neither"), Error,
                        [](const Error& error) { return error.kind() == ErrorKind::usage; });
}

// Known values: another order in a newer build would break a rollout that is on its way.
BOOST_AUTO_TEST_CASE(bucket_and_delay_stay_the_same_in_all_builds) {
  BOOST_TEST(host_bucket("0123456789abcdef0123456789abcdef", "stable") == 74);
  BOOST_TEST(host_bucket("0123456789abcdef0123456789abcdef", "canary") == 32);
  BOOST_TEST(host_delay("0123456789abcdef0123456789abcdef", seconds(3600)).count() == 2573);
}

BOOST_AUTO_TEST_CASE(buckets_are_spread_evenly) {
  std::array<int, 100> hosts{};
  for (int host = 0; host < kHosts; ++host) {
    ++hosts.at(static_cast<std::size_t>(host_bucket(id(host), "stable")));
  }
  BOOST_TEST(*std::min_element(hosts.begin(), hosts.end()) > 140);
  BOOST_TEST(*std::max_element(hosts.begin(), hosts.end()) < 260);
}

BOOST_AUTO_TEST_CASE(channels_have_orders_of_their_own) {
  int same = 0;
  for (int host = 0; host < kHosts; ++host) {
    if (host_bucket(id(host), "stable") == host_bucket(id(host), "canary")) ++same;
  }
  BOOST_TEST(same > 100);  // By chance: 200.
  BOOST_TEST(same < 300);
}

BOOST_AUTO_TEST_CASE(delays_are_spread_evenly_over_the_period) {
  std::array<int, 60> hosts{};
  for (int host = 0; host < kHosts; ++host) {
    const auto delay = host_delay(id(host), seconds(60));
    BOOST_REQUIRE(delay == host_delay(id(host), seconds(60)));
    ++hosts.at(static_cast<std::size_t>(delay.count()));
  }
  BOOST_TEST(*std::min_element(hosts.begin(), hosts.end()) > 250);
  BOOST_TEST(*std::max_element(hosts.begin(), hosts.end()) < 420);
}

BOOST_AUTO_TEST_CASE(no_period_is_no_delay) {
  BOOST_TEST(host_delay("x", seconds(0)).count() == 0);
  BOOST_TEST(host_delay("x", seconds(-5)).count() == 0);
  BOOST_TEST(host_delay("x", seconds(1)).count() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::updater
