#pragma once

#include "src/base/descriptor.h"

#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

namespace converge::daemon {

/// How this process was started, so that another build can be started in the same way.
///
/// Signals that are blocked stay so in what is started, and those that came meanwhile wait there:
/// none is lost on the way from one program to the next, and none kills it.
class Program {
 public:
  /// To be made before the environment is changed. Throws `Error{failure}` without a readable
  /// /proc.
  static Program of_this_process();

  /// Makes this process run that binary: same process id, arguments and environment. Returns, with
  /// the system's reason, only when it cannot.
  std::string become(const std::filesystem::path& binary) const;

  /// Starts that binary as a child in a process group of its own, which speaks to this process, and
  /// not to the service manager, through `socket` (`ServiceNotifier`). The kernel kills it when
  /// this thread ends. One that cannot be executed says so through the socket and ends with 127.
  /// Throws `Error{failure}` when there can be no other process.
  pid_t start(const std::filesystem::path& binary, const Descriptor& socket) const;

 private:
  std::vector<std::string> arguments_;
  std::vector<std::string> environment_;
};

}  // namespace converge::daemon
