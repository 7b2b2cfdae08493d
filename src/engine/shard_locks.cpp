#include "src/engine/shard_locks.h"

#include <fmt/core.h>

#include <numeric>
#include <string>

namespace converge::engine {

namespace {

std::string lock_name(const Profile& profile, int shard) {
  const int of = profile.settings.shards;
  return of == 1 ? profile.name : fmt::format("{} {}/{}", profile.name, shard, of);
}

}  // namespace

ShardLocks::ShardLocks(const Profile& profile, PassContext& context) : held_(context.locks) {
  const int of = profile.settings.shards;
  shards_.of = of;
  std::vector<int> wanted(static_cast<std::size_t>(of));
  std::iota(wanted.begin(), wanted.end(), 0);
  if (context.shard) wanted = {*context.shard};
  take_free(profile, wanted);
  if (shards_.mine.empty() && context.wait.count() > 0 &&
      held_.add(lock_name(profile, wanted.front()), context.wait)) {
    shards_.mine.push_back(wanted.front());
  }
  // Subjects that are named may belong to any shard.
  if (!context.subjects.empty() && !context.shard && !shards_.all()) shards_.mine.clear();
}

void ShardLocks::take_free(const Profile& profile, const std::vector<int>& wanted) {
  std::vector<std::string> names;
  for (const int shard : wanted) names.push_back(lock_name(profile, shard));
  const std::vector<bool> got = held_.add_many(names);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (got[i]) shards_.mine.push_back(wanted[i]);
  }
}

}  // namespace converge::engine
