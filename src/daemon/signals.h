#pragma once

#include <chrono>
#include <optional>

namespace converge::daemon {

/// SIGTERM, SIGINT and SIGHUP, taken one by one instead of interrupting anything. To be made before
/// any thread is, since threads inherit what is blocked; a child process does as well, and has to
/// unblock them. SIGPIPE is ignored.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// The next that came, if one has within that time.
  std::optional<int> wait(std::chrono::milliseconds at_most);

 private:
  int descriptor_;
};

}  // namespace converge::daemon
