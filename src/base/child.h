#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace converge {

/// A program to be run.
struct ChildRequest {
  std::vector<std::string> arguments;  ///< The first is the program, looked up in PATH.
  std::string input;                   ///< On its standard input.
  /// All that it gets of one.
  std::vector<std::pair<std::string, std::string>> environment;
  std::size_t output_limit = 4096;  ///< Bytes of output that are kept.
};

/// How a program ended.
struct ChildEnd {
  enum class Kind {
    exited,     ///< By itself, with `status`.
    signalled,  ///< By the signal `status`.
    late,       ///< It was killed: at the deadline, or because it was to stop.
    unknown,    ///< It has ended, and the system did not tell how: SIGCHLD is ignored.
  };
  Kind kind = Kind::unknown;
  int status = 0;
  std::string output;  ///< The beginning of what it wrote to standard output and error.
  bool cut = false;    ///< It wrote more than that.
};

/// Runs a program and waits for its end, at most as long as `timeout`, and until `stop` is
/// requested.
///
/// It gets no descriptor but 0, 1 and 2, a process group of its own, and signals as they are by
/// default. At the deadline, or when it is to stop, the group is sent SIGTERM and 200 ms later
/// SIGKILL. However it ends, the group is then killed: what it left behind in it does not stay. Nor
/// does any of it when this process dies meanwhile, whatever kills it (`ChildGuard` says how, and
/// what escapes). Output is read to the end without being kept. Input is a file in memory: a
/// program that does not read it harms nobody.
///
/// Throws `Error{failure}` when the program cannot be started; it has done nothing then.
ChildEnd run_child(const ChildRequest& request, std::chrono::milliseconds timeout,
                   const std::stop_token& stop = {});

}  // namespace converge
