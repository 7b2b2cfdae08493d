#include "convergers/platform/subscription_timeline.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <string>
#include <vector>

namespace converge::convergers {
namespace {

const Offer kSmall{.account = 1, .plan = "standard", .size = 10};
const Offer kLarge{.account = 1, .plan = "premium", .size = 10};

Cluster alive(Offer offer, Instant created, Instant changed) {
  return {.offer = std::move(offer), .life = {.begin = created}, .changed = changed};
}

Subscription paid(std::int64_t id, Offer offer, Instant begin, Instant end = kNever) {
  return {.id = id, .offer = std::move(offer), .time = {.begin = begin, .end = end}};
}

std::string text_of(const std::vector<Subscription>& subscriptions) {
  std::string text;
  for (const auto& one : subscriptions) {
    const auto end = one.time.end == kNever ? std::string() : std::to_string(one.time.end);
    text += fmt::format("{}{}:{}[{},{})", text.empty() ? "" : " ", one.id, one.offer.plan,
                        one.time.begin, end);
  }
  return text;
}

/// What is shortened, and what is opened, after a bar.
std::string mended(const Cluster& cluster, const std::vector<Subscription>& subscriptions) {
  const Mending mending = mend(cluster, subscriptions);
  return text_of(mending.shortened) + " | " + text_of(mending.opened);
}

BOOST_AUTO_TEST_SUITE(subscription_timeline)

BOOST_AUTO_TEST_CASE(what_is_right_stays) {
  const auto cluster = alive(kLarge, 10, 30);
  BOOST_TEST(mended(cluster, {paid(2, kLarge, 30), paid(1, kSmall, 10, 30)}) == " | ");
}

BOOST_AUTO_TEST_CASE(a_cluster_without_any_gets_one_from_its_creation_on) {
  BOOST_TEST(mended(alive(kSmall, 10, 10), {}) == " | 0:standard[10,)");
  BOOST_TEST(mended(alive(kSmall, 10, 30), {}) == " | 0:standard[10,)");
}

BOOST_AUTO_TEST_CASE(a_change_closes_one_and_opens_one_at_that_instant) {
  BOOST_TEST(mended(alive(kLarge, 10, 30), {paid(1, kSmall, 10)}) ==
             "1:standard[10,30) | 0:premium[30,)");
  const Offer bigger{.account = 1, .plan = "standard", .size = 20};
  BOOST_TEST(mended(alive(bigger, 10, 30), {paid(1, kSmall, 10)}) ==
             "1:standard[10,30) | 0:standard[30,)");
}

BOOST_AUTO_TEST_CASE(a_move_closes_one_and_a_gap_before_it_stays_with_the_old_account) {
  Offer elsewhere = kSmall;
  elsewhere.account = 7;
  const Mending mending = mend(alive(elsewhere, 10, 30), {paid(1, kSmall, 10, 20)});
  BOOST_TEST(mending.shortened.empty());
  BOOST_REQUIRE(mending.opened.size() == 2u);
  BOOST_TEST((mending.opened[0] == paid(0, kSmall, 20, 30)));
  BOOST_TEST((mending.opened[1] == paid(0, elsewhere, 30)));
  BOOST_TEST(mended(alive(elsewhere, 10, 30), {paid(1, kSmall, 10)}) ==
             "1:standard[10,30) | 0:standard[30,)");
}

BOOST_AUTO_TEST_CASE(an_archived_cluster_has_none_after_its_end) {
  Cluster cluster = alive(kSmall, 10, 10);
  cluster.life.end = 50;
  BOOST_TEST(mended(cluster, {paid(1, kSmall, 10)}) == "1:standard[10,50) | ");
  BOOST_TEST(mended(cluster, {paid(1, kSmall, 10, 50), paid(2, kSmall, 60)}) ==
             "2:standard[60,60) | ");
  BOOST_TEST(mended(cluster, {}) == " | 0:standard[10,50)");
  cluster.life.end = 10;
  BOOST_TEST(mended(cluster, {paid(1, kSmall, 10)}) == "1:standard[10,10) | ");
}

BOOST_AUTO_TEST_CASE(a_change_after_the_end_changes_nothing) {
  Cluster cluster = alive(kLarge, 10, 70);
  cluster.life.end = 50;
  BOOST_TEST(mended(cluster, {paid(1, kSmall, 10, 50)}) == " | ");
}

BOOST_AUTO_TEST_CASE(of_two_at_once_the_one_that_began_first_stays) {
  const auto cluster = alive(kSmall, 10, 10);
  BOOST_TEST(mended(cluster, {paid(1, kSmall, 10), paid(2, kSmall, 20)}) == "2:standard[20,20) | ");
  BOOST_TEST(mended(cluster, {paid(1, kSmall, 10, 30), paid(2, kSmall, 20)}) ==
             "2:standard[30,) | ");
  BOOST_TEST(mended(cluster, {paid(2, kSmall, 10), paid(1, kSmall, 10)}) == "2:standard[10,10) | ");
}

BOOST_AUTO_TEST_CASE(what_began_too_early_begins_with_the_cluster) {
  BOOST_TEST(mended(alive(kSmall, 10, 10), {paid(1, kSmall, 5)}) == "1:standard[10,) | ");
}

BOOST_AUTO_TEST_CASE(a_gap_is_filled_with_what_was_before_it_until_the_change) {
  const auto cluster = alive(kLarge, 10, 40);
  BOOST_TEST(mended(cluster, {paid(1, kSmall, 10, 30), paid(2, kLarge, 50)}) ==
             " | 0:standard[30,40) 0:premium[40,50)");
  BOOST_TEST(mended(cluster, {paid(1, kSmall, 20, 40), paid(2, kLarge, 40)}) ==
             " | 0:standard[10,20)");
  BOOST_TEST(mended(cluster, {paid(1, kSmall, 10, 40), paid(2, kLarge, 40, 50)}) ==
             " | 0:premium[50,)");
}

BOOST_AUTO_TEST_CASE(what_bills_the_old_offer_since_the_change_is_as_good_as_none) {
  BOOST_TEST(mended(alive(kLarge, 10, 30), {paid(1, kSmall, 10), paid(2, kSmall, 35)}) ==
             "1:standard[10,30) 2:standard[35,35) | 0:premium[30,)");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::convergers
