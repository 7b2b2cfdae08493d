#include "convergers/variables.h"

#include <cstdlib>

namespace converge::convergers {

std::optional<std::string> Variables::find(const std::string& name) const {
  if (const char* value = std::getenv(name.c_str()); value != nullptr) return value;
  const auto found = configured_.find(name);
  if (found != configured_.end()) return found->second;
  return stand_in_;
}

}  // namespace converge::convergers
