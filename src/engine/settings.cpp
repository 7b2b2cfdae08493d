#include "src/engine/settings.h"

#include "src/base/clock.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

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

std::string schedule_text(const Settings& settings) {
  const std::string every = settings.every ? "every " + format_duration(*settings.every) : "";
  if (settings.listen.empty()) return every.empty() ? "by hand" : every;
  return fmt::format("{}{}listens on {}", every, every.empty() ? "" : ", ",
                     fmt::join(settings.listen, ", "));
}

}  // namespace converge::engine
