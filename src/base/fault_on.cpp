#include "src/base/fault.h"

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace converge {

void fault_point(const char* name) noexcept {
  static std::atomic<int> visits{0};
  const char* wanted = std::getenv("CONVERGE_FAULT");
  if (wanted == nullptr) return;
  std::string_view wanted_name = wanted;
  int wanted_visit = 1;
  if (const auto colon = wanted_name.find(':'); colon != std::string_view::npos) {
    std::from_chars(wanted + colon + 1, wanted + wanted_name.size(), wanted_visit);
    wanted_name = wanted_name.substr(0, colon);
  }
  if (wanted_name == name && ++visits == wanted_visit) std::raise(SIGKILL);
}

}  // namespace converge
