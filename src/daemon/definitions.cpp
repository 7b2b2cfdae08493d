#include "src/daemon/definitions.h"

#include <algorithm>

namespace converge::daemon {

namespace {

const engine::Profile& profile_of(const auto& shards) { return shards.front()->profile(); }

/// Keys of some subjects say nothing of a percentage of all, and a count would be gone round by
/// many small passes: what is limited is always looked at as a whole.
bool may_be_narrowed(const engine::Settings& settings) {
  return !settings.limit && settings.shards == 1;
}

}  // namespace

Changes Definitions::load(const config::Config& config) {
  convergers::Registry registry = convergers::load_registry(config);
  Changes changes;
  std::map<std::string, Shards> loaded;
  for (auto& read : registry.convergers) {
    const engine::Profile& profile = read->profile();
    const std::string name = profile.name;
    const auto known = convergers_.find(name);
    if (known != convergers_.end() && profile_of(known->second).version == profile.version) {
      loaded.insert(convergers_.extract(known));
      continue;
    }
    (known == convergers_.end() ? changes.added : changes.changed).push_back(name);
    Shards shards;
    for (int shard = 1; shard < profile.settings.shards; ++shard) {
      shards.push_back(read->another());
    }
    shards.push_back(std::move(read));
    loaded.emplace(name, std::move(shards));
  }
  for (const convergers::Broken& broken : registry.broken) {
    if (convergers_.contains(broken.name)) loaded.insert(convergers_.extract(broken.name));
  }
  for (const auto& [name, shards] : convergers_) {
    if (!loaded.contains(name)) changes.removed.push_back(name);
  }
  convergers_ = std::move(loaded);
  broken_ = std::move(registry.broken);
  changes.broken = broken_;
  return changes;
}

std::map<Unit, Timing> Definitions::units() const {
  std::map<Unit, Timing> units;
  for (const auto& [name, shards] : convergers_) {
    const engine::Profile& profile = profile_of(shards);
    const engine::Settings& settings = profile.settings;
    const Timing timing{.every = settings.every,
                        .narrows = may_be_narrowed(settings),
                        .version = profile.version,
                        .by_hand = !settings.every && settings.listen.empty()};
    for (int shard = 0; shard < settings.shards; ++shard) {
      units[{.converger = name, .shard = shard, .shards = settings.shards}] = timing;
    }
  }
  return units;
}

std::shared_ptr<engine::Converger> Definitions::converger(const Unit& unit) const {
  const auto found = convergers_.find(unit.converger);
  if (found == convergers_.end()) return nullptr;
  const auto shard = static_cast<std::size_t>(unit.shard);
  return shard < found->second.size() ? found->second[shard] : nullptr;
}

std::set<std::string> Definitions::channels() const {
  std::set<std::string> channels;
  for (const auto& [name, shards] : convergers_) {
    const auto& listen = profile_of(shards).settings.listen;
    channels.insert(listen.begin(), listen.end());
  }
  return channels;
}

std::vector<std::string> Definitions::listeners(const std::string& channel) const {
  std::vector<std::string> names;
  for (const auto& [name, shards] : convergers_) {
    const auto& listen = profile_of(shards).settings.listen;
    if (std::find(listen.begin(), listen.end(), channel) != listen.end()) names.push_back(name);
  }
  return names;
}

std::map<std::string, engine::Profile> Definitions::profiles() const {
  std::map<std::string, engine::Profile> profiles;
  for (const auto& [name, shards] : convergers_) profiles.emplace(name, profile_of(shards));
  return profiles;
}

}  // namespace converge::daemon
