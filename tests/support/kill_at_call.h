#pragma once

#include <functional>
#include <string>
#include <vector>

namespace converge::tests {

/// How far a process came that was to be killed.
struct KillOutcome {
  bool killed = false;  ///< False: it ended by itself, with fewer calls than that.
  int calls = 0;        ///< System calls that it began and that count, with the one it died at.
  long call = -1;       ///< The number of the system call that it died at (<sys/syscall.h>).
  int status = 0;       ///< Of waitpid(2).
};

/// Which system calls count, by their number; empty: all of them.
using CallFilter = std::function<bool(long)>;

/// Runs `work` in a child process that is killed with SIGKILL as it enters its `nth` system call
/// (from 1), which is not carried out. Counts only the calls of the thread that `work` runs in. The
/// child ends with status 0, or 1 when `work` throws; after a minute by itself.
///
/// What it started is killed with it if it stays in its process group, and is neither traced nor
/// waited for. Throws `std::system_error` when it cannot be traced.
KillOutcome kill_at_call(int nth, const std::function<void()>& work, const CallFilter& counts = {});

/// The same for a program, from its first call on: `arguments[0]` is its path, `environment` all
/// that it gets (`NAME=VALUE`). Its output is the tests'.
KillOutcome kill_program_at_call(int nth, const std::vector<std::string>& arguments,
                                 const std::vector<std::string>& environment,
                                 const CallFilter& counts = {});

}  // namespace converge::tests
