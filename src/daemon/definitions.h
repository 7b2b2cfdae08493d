#pragma once

#include "convergers/registry.h"
#include "src/config/config.h"
#include "src/daemon/schedule.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace converge::daemon {

/// What reading the files again has changed, by name.
struct Changes {
  std::vector<std::string> added;
  std::vector<std::string> changed;
  std::vector<std::string> removed;
  std::vector<convergers::Broken> broken;
};

/// The convergers of a daemon. A file that is broken when it is read again leaves its last good
/// version in force; one that was never good is not run. Not thread-safe.
class Definitions {
 public:
  /// Throws `Error{usage}`, changing nothing, when the directory cannot be read.
  Changes load(const config::Config& config);

  /// Each with an object of its own, since shards of one converger run at the same time. Shared
  /// with the passes that use it: one that is replaced stays until they end.
  std::map<Unit, Timing> units() const;
  std::shared_ptr<engine::Converger> converger(const Unit& unit) const;

  std::set<std::string> channels() const;
  /// The convergers that listen to a channel.
  std::vector<std::string> listeners(const std::string& channel) const;

  /// Of each converger, by name.
  std::map<std::string, engine::Profile> profiles() const;
  const std::vector<convergers::Broken>& broken() const { return broken_; }

 private:
  using Shards = std::vector<std::shared_ptr<engine::Converger>>;

  std::map<std::string, Shards> convergers_;
  std::vector<convergers::Broken> broken_;
};

}  // namespace converge::daemon
