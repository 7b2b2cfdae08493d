#include "src/engine/settings.h"

#include <algorithm>
#include <cmath>

namespace converge::engine {

std::int64_t Limit::allowed(std::int64_t found) const {
  if (!percent) return count;
  // 0.7 % of 1000 is 7 even where the nearest double to 0.7 lies below it.
  constexpr double kRounding = 1e-9;
  const auto base = static_cast<double>(std::max(found, at_least));
  return static_cast<std::int64_t>(std::floor(base * *percent / 100 + kRounding));
}

}  // namespace converge::engine
