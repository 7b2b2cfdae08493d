#pragma once

#include "src/engine/pass.h"
#include "src/postgres/advisory_lock.h"

#include <vector>

namespace converge::engine {

/// The locks of a pass: of its converger, or of those of its shards that are free. Given back at
/// the end. Throws as `postgres::AdvisoryLocks` does.
class ShardLocks {
 public:
  /// Waits as `context` says while all are taken.
  ShardLocks(const Profile& profile, PassContext& context);

  /// Those that are locked; none: other passes have them.
  const Shards& shards() const { return shards_; }

 private:
  void take_free(const Profile& profile, const std::vector<int>& wanted);

  postgres::HeldLocks held_;
  Shards shards_{.of = 1, .mine = {}};
};

}  // namespace converge::engine
