#include "src/cli/interrupt.h"

#include <csignal>

namespace converge::cli {

std::atomic<bool>& interrupted() {
  static std::atomic<bool> value{false};  // Handlers need something static.
  return value;
}

void end_at(std::initializer_list<int> signals) {
  struct sigaction action {};
  action.sa_handler = [](int signal) {
    if (!interrupted().exchange(true)) return;
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  };
  for (const int signal : signals) sigaction(signal, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace converge::cli
