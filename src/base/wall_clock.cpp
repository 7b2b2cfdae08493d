#include "src/base/clock.h"

namespace converge {

// In a file of its own: the benchmark, which fills a journal with a year, links its own instead.
std::int64_t wall_time_us() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
}

}  // namespace converge
