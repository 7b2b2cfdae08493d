#include "convergers/platform/subscription_timeline.h"

#include <algorithm>
#include <tuple>

namespace converge::convergers {

namespace {

/// The part of its time that a subscription may have: within the life of the cluster, and where it
/// bills what the cluster is no longer, until the change.
Stretch allowed(const Cluster& cluster, const Subscription& subscription) {
  const bool fits = subscription.offer == cluster.offer;
  return {.begin = std::max(subscription.time.begin, cluster.life.begin),
          .end = std::min({subscription.time.end, cluster.life.end,
                           fits ? kNever : std::max(cluster.changed, cluster.life.begin)})};
}

/// Fills the time between `begin` and `end` of a cluster's life: before the change with `before`,
/// since then with what the cluster is.
void fill(const Cluster& cluster, Stretch gap, const Offer& before,
          std::vector<Subscription>& all) {
  const Instant change = std::clamp(cluster.changed, gap.begin, std::max(gap.begin, gap.end));
  const Stretch past{.begin = gap.begin, .end = change};
  const Stretch since{.begin = change, .end = gap.end};
  if (before == cluster.offer) {
    if (!gap.empty()) all.push_back({.id = 0, .offer = before, .time = gap});
    return;
  }
  if (!past.empty()) all.push_back({.id = 0, .offer = before, .time = past});
  if (!since.empty()) all.push_back({.id = 0, .offer = cluster.offer, .time = since});
}

}  // namespace

Mending mend(const Cluster& cluster, std::vector<Subscription> subscriptions) {
  std::sort(subscriptions.begin(), subscriptions.end(), [](const auto& a, const auto& b) {
    return std::tie(a.time.begin, a.id) < std::tie(b.time.begin, b.id);
  });
  Mending mending;
  Instant covered = cluster.life.begin;  // Up to here, without a gap.
  const Offer* before = nullptr;         // Of the one that ends there.
  for (const Subscription& subscription : subscriptions) {
    Stretch time = allowed(cluster, subscription);
    time.begin = std::max(time.begin, covered);
    if (time.empty()) time = {.begin = subscription.time.begin, .end = subscription.time.begin};
    if (time != subscription.time) {
      mending.shortened.push_back(
          {.id = subscription.id, .offer = subscription.offer, .time = time});
    }
    if (time.empty()) continue;
    const Offer& filling = before == nullptr ? subscription.offer : *before;
    fill(cluster, {.begin = covered, .end = time.begin}, filling, mending.opened);
    covered = time.end;
    before = &subscription.offer;
  }
  fill(cluster, {.begin = covered, .end = cluster.life.end},
       before == nullptr ? cluster.offer : *before, mending.opened);
  return mending;
}

}  // namespace converge::convergers
