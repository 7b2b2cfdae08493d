#include "tests/support/kill_at_call.h"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace converge::tests {
namespace {

constexpr unsigned int kLifetimeSeconds = 60;

void check(long result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
  }
  return status;
}

// In the child, which then waits to be traced.
void offer_to_be_traced() {
  ::setpgid(0, 0);
  ::alarm(kLifetimeSeconds);
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(EXIT_FAILURE);
  ::raise(SIGSTOP);
}

// The number of the system call that it has stopped at the entry of; -1: at something else.
long entered_call(pid_t child) {
  // Of <linux/ptrace.h>, which does not go together with <sys/ptrace.h>.
  __ptrace_syscall_info info{};
  check(::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info), "PTRACE_GET_SYSCALL_INFO");
  return info.op == PTRACE_SYSCALL_INFO_ENTRY ? static_cast<long>(info.entry.nr) : -1;
}

// Lets it go on to its next stop, with a signal or 0.
int go_on(pid_t child, int signal) {
  check(::ptrace(PTRACE_SYSCALL, child, nullptr, static_cast<std::intptr_t>(signal)),
        "PTRACE_SYSCALL");
  return wait_for(child);
}

int options(bool program) {
  return PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | (program ? PTRACE_O_TRACEEXEC : 0);
}

KillOutcome trace(pid_t child, int nth, const CallFilter& counts, bool program) {
  KillOutcome outcome{.status = wait_for(child)};
  check(::ptrace(PTRACE_SETOPTIONS, child, nullptr, options(program)), "PTRACE_SETOPTIONS");
  bool begun = !program;
  int signal = 0;
  while (WIFSTOPPED(outcome.status = go_on(child, signal))) {
    const int stop = outcome.status >> 8;
    signal = 0;
    if (stop == (SIGTRAP | (PTRACE_EVENT_EXEC << 8))) {
      begun = true;
    } else if (stop != (SIGTRAP | 0x80)) {
      signal = WSTOPSIG(outcome.status);  // One that is meant for it.
    } else if (const long call = entered_call(child);
               begun && call >= 0 && (!counts || counts(call)) && ++outcome.calls == nth) {
      outcome.killed = true;
      outcome.call = call;
      ::kill(child, SIGKILL);
      ::kill(-child, SIGKILL);
      do {
        outcome.status = wait_for(child);
      } while (WIFSTOPPED(outcome.status));
      break;
    }
  }
  return outcome;
}

KillOutcome trace_or_kill(pid_t child, int nth, const CallFilter& counts, bool program) {
  check(child, "fork");
  try {
    return trace(child, nth, counts, program);
  } catch (...) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    throw;
  }
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

KillOutcome kill_at_call(int nth, const std::function<void()>& work, const CallFilter& counts) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    offer_to_be_traced();
    try {
      work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "kill_at_call: %s\n", error.what());
      ::_exit(EXIT_FAILURE);
    }
    ::_exit(EXIT_SUCCESS);
  }
  return trace_or_kill(child, nth, counts, false);
}

KillOutcome kill_program_at_call(int nth, const std::vector<std::string>& arguments,
                                 const std::vector<std::string>& environment,
                                 const CallFilter& counts) {
  const auto argument_pointers = pointers_to(arguments);
  const auto environment_pointers = pointers_to(environment);
  const pid_t child = ::fork();
  if (child == 0) {
    offer_to_be_traced();
    ::execve(argument_pointers[0], argument_pointers.data(), environment_pointers.data());
    ::_exit(127);
  }
  return trace_or_kill(child, nth, counts, true);
}

}  // namespace converge::tests
