#pragma once

#include "src/base/descriptor.h"

#include <string>
#include <sys/types.h>
#include <vector>

namespace converge {

/// A pipe whose ends are closed on exec and above 2, so that moving one there in a child never
/// overwrites another. Throws `Error{failure}`.
struct ChildPipe {
  ChildPipe();
  Descriptor reader;
  Descriptor writer;
};

/// The same for a descriptor that a system call returned: moved above 2, or its error thrown.
Descriptor above_standard(int number);

/// Sees to it that a program's process group does not outlive this process, however that ends.
///
/// It is a process: a copy of this one that joins the group, does nothing but wait for the end of
/// this one, and then kills the group with SIGKILL. So what a program has started dies too, unless
/// it has left the group, or runs as a user whom this one may not signal.
class ChildGuard {
 public:
  /// Throws `Error{failure}` when the system has no process or descriptor left.
  ChildGuard() : ChildGuard(ChildPipe()) {}
  /// Ends the guard alone.
  ~ChildGuard();
  ChildGuard(const ChildGuard&) = delete;
  ChildGuard& operator=(const ChildGuard&) = delete;

  /// Where the leader of the group writes its process id, before it is the program.
  int descriptor() const { return alive_.number(); }

 private:
  explicit ChildGuard(ChildPipe pipe);

  Descriptor alive_;  ///< The other end tells when nobody has it open any more.
  pid_t process_;
};

/// The texts as exec(3) takes arguments and environment: pointers into them, and null at the end.
std::vector<char*> exec_texts(std::vector<std::string>& texts);

/// A program to be started.
struct ChildStart {
  std::vector<std::string> arguments;    ///< The first is the program, looked up in PATH.
  std::vector<std::string> environment;  ///< All of it: `NAME=VALUE`.
  int input = -1;                        ///< Becomes descriptor 0; above 2, as all of these.
  int output = -1;                       ///< Becomes 1 and 2.
  int guard = -1;                        ///< `ChildGuard::descriptor`.
};

/// Starts a program that leads a process group, with no descriptors but 0, 1 and 2, signals as they
/// are by default and none blocked; to be waited for by the caller. Throws `Error{failure}` when it
/// cannot be started; it has done nothing then.
///
/// The kernel kills it with SIGKILL when the *thread* that called this ends, which therefore has to
/// stay until the program has ended. (Not if it is set-user-ID: then the guard alone does.)
pid_t start_child(const ChildStart& start);

}  // namespace converge
