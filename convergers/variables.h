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
  explicit Variables(std::map<std::string, std::string> configured)
      : configured_(std::move(configured)) {}

  /// From now on the value of those that have none.
  void stand_in(std::string value) { stand_in_ = std::move(value); }

  /// The value; nullopt when there is none.
  std::optional<std::string> find(const std::string& name) const;

 private:
  std::map<std::string, std::string> configured_;
  std::optional<std::string> stand_in_;
};

}  // namespace converge::convergers
