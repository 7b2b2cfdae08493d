#pragma once

#include <map>
#include <optional>
#include <string>

namespace converge::convergers {

/// What `${NAME}` stands for: the environment of this process, and behind it what the
/// configuration has under [variables]. The values are secrets: nothing prints them.
class Variables {
 public:
  Variables() = default;
  /// `stand_in`, unless it is empty, is the value of those that have none.
  explicit Variables(std::map<std::string, std::string> configured, std::string stand_in = {})
      : configured_(std::move(configured)), stand_in_(std::move(stand_in)) {}

  /// The value; nullopt when there is none.
  std::optional<std::string> find(const std::string& name) const;

 private:
  std::map<std::string, std::string> configured_;
  std::string stand_in_;
};

}  // namespace converge::convergers
