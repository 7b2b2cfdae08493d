#pragma once

#include "src/engine/pass.h"
#include "src/postgres/advisory_lock.h"

#include <vector>

namespace converge::engine {

/// The locks of a pass: of its converger, or of those of its shards that are free. Given back at
/// the end. Throws as `postgres::AdvisoryLocks` does.
///
/// A pass over all subjects has the lock `NAME`. One over shards shares it, has the locks `NAME
/// I/N` of its shards, and shares the variant N of the lock `shards of NAME`: so no two passes meet
/// a subject, not even while hosts disagree on how many shards there are.
class ShardLocks {
 public:
  /// Waits as `context` says while all are taken.
  ShardLocks(const Profile& profile, PassContext& context);

  /// Those that are locked; none: other passes have them.
  const Shards& shards() const { return shards_; }

 private:
  void take(const Profile& profile, const std::vector<int>& wanted);

  postgres::HeldLocks held_;
  Shards shards_{.of = 1, .mine = {}};
};

}  // namespace converge::engine
