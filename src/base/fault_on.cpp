#include "src/base/fault.h"

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>

namespace converge {

namespace {

void note_visit(const char* name) {
  const char* file = std::getenv("CONVERGE_FAULT_LOG");
  if (file == nullptr) return;
  constexpr mode_t kOwn = 0600;
  const int log = ::open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kOwn);
  const std::string line = std::string(name) + "\n";
  if (log < 0 || ::write(log, line.data(), line.size()) < 0) std::abort();
  ::close(log);
}

}  // namespace

void fault_point(const char* name) noexcept {
  note_visit(name);
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
