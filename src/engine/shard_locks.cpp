#include "src/engine/shard_locks.h"

#include "src/base/clock.h"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <thread>

namespace converge::engine {

namespace {

constexpr std::chrono::milliseconds kBetweenTries{50};

}  // namespace

ShardLocks::ShardLocks(const Profile& profile, PassContext& context) : held_(context.locks) {
  shards_.of = profile.settings.shards;
  if (shards_.of == 1) {
    if (held_.add(profile.name, context.wait)) shards_.mine = {0};
    return;
  }
  std::vector<int> wanted(static_cast<std::size_t>(shards_.of));
  std::iota(wanted.begin(), wanted.end(), 0);
  if (context.shard) wanted = {*context.shard};
  const auto began = Clock::now();
  take(profile, wanted);
  while (shards_.mine.empty() && Clock::now() - began < context.wait) {
    std::this_thread::sleep_for(kBetweenTries);
    take(profile, wanted);
  }
  // Subjects that are named may belong to any shard.
  if (!context.subjects.empty() && !context.shard && !shards_.all()) shards_.mine.clear();
}

/// All that is needed, or nothing.
void ShardLocks::take(const Profile& profile, const std::vector<int>& wanted) {
  std::vector<std::string> names;
  for (const int shard : wanted) {
    names.push_back(fmt::format("{} {}/{}", profile.name, shard, shards_.of));
  }
  if (held_.add_shared(profile.name) &&
      held_.add_variant("shards of " + profile.name, shards_.of)) {
    const std::vector<bool> got = held_.add_many(names);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (got[i]) shards_.mine.push_back(wanted[i]);
    }
  }
  if (shards_.mine.empty()) held_.clear();
}

}  // namespace converge::engine
