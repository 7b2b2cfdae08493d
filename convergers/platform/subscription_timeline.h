#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace converge::convergers {

/// Microseconds since 1970 UTC, as PostgreSQL keeps an instant.
using Instant = std::int64_t;
/// The end of what has not ended.
inline constexpr Instant kNever = std::numeric_limits<Instant>::max();

/// From `begin` on, before `end`.
struct Stretch {
  Instant begin = 0;
  Instant end = kNever;

  bool empty() const { return end <= begin; }
  friend bool operator==(const Stretch&, const Stretch&) = default;
};

/// What a cluster is billed as, and to whom.
struct Offer {
  std::int64_t account = 0;
  std::string plan;
  std::int64_t size = 0;

  friend bool operator==(const Offer&, const Offer&) = default;
};

struct Cluster {
  Offer offer;
  Stretch life;         ///< From its creation until it was archived.
  Instant changed = 0;  ///< Since when the offer is this one; before, it may have been any.
};

struct Subscription {
  std::int64_t id = 0;  ///< 0: not yet there.
  Offer offer;
  Stretch time;

  friend bool operator==(const Subscription&, const Subscription&) = default;
};

/// What is to be done so that the subscriptions of a cluster cover its life without a gap and
/// without an overlap, and since `changed` as what it is.
struct Mending {
  /// Those that exist and last too long, with the time that stays: less than they had, maybe none.
  std::vector<Subscription> shortened;
  std::vector<Subscription> opened;

  friend bool operator==(const Mending&, const Mending&) = default;
};

/// Decides it. Those there are only ever become shorter, and what is then missing is opened: so
/// nothing is deleted, what is right stays as it is, and done in that order the two never overlap
/// on the way. Where two overlap, the one that began first stays. A gap before `changed` is filled
/// with the offer before it, or else with the one after it.
///
/// For subscriptions that are right already, and for those that it has mended, both are empty.
Mending mend(const Cluster& cluster, std::vector<Subscription> subscriptions);

}  // namespace converge::convergers
