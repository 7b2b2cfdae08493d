#include "src/base/child_start.h"

#include "src/base/error.h"
#include "src/base/program_path.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <iterator>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace converge {
namespace {

constexpr int kFailure = STDERR_FILENO + 1;  // In a child, until it is a program.
// After which execvp(3) looks elsewhere.
constexpr std::array<int, 6> kNotHere = {ENOENT, ENOTDIR, EACCES, ESTALE, ENODEV, ETIMEDOUT};

[[noreturn]] void fail(const std::string& what, int error_number) {
  throw Error(ErrorKind::failure, fmt::format("{}: {}", what, system_reason(error_number)));
}

// For this thread, and for what is forked meanwhile: no handler of ours ever runs in a child.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

void reap(pid_t child) {
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

// Calls nothing that is not async-signal-safe: other threads may have held locks at the fork.
[[noreturn]] void guard(int alive) {
  prctl(PR_SET_NAME, "converge-guard");
  dup2(alive, STDIN_FILENO);
  closefrom(STDIN_FILENO + 1);
  pid_t leader = 0;
  const bool told = read(STDIN_FILENO, &leader, sizeof leader) == sizeof leader;
  // As long as it is in the group, its number is given to no other.
  if (!told || setpgid(0, leader) != 0) _exit(EXIT_FAILURE);
  while (read(STDIN_FILENO, &leader, sizeof leader) > 0) {
  }
  kill(0, SIGKILL);
  _exit(EXIT_FAILURE);
}

pid_t fork_guard(int alive) {
  const AllSignalsBlocked blocked;
  const pid_t child = fork();
  if (child == 0) guard(alive);
  if (child < 0) fail("cannot make a process for a program", errno);
  return child;
}

// All that a child needs, made before it is there: it shares our memory until it is a program.
struct Preparations {
  explicit Preparations(const ChildStart& start)
      : places(program_places(start.arguments.front())),
        argument_texts(start.arguments),
        environment_texts(start.environment),
        arguments(exec_texts(argument_texts)),
        environment(exec_texts(environment_texts)),
        input(start.input),
        output(start.output),
        guard(start.guard) {}

  std::vector<std::string> places;
  std::vector<std::string> argument_texts;
  std::vector<std::string> environment_texts;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  int input;
  int output;
  int guard;
  ChildPipe failure;  // For the number of an error.
  pid_t parent = getpid();
};

// 0, or the number of an error.
int prepare(const Preparations& preparations) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
  // Whoever died before that was asked for is not told of any more.
  if (getppid() != preparations.parent) _exit(EXIT_FAILURE);
  const pid_t self = getpid();
  if (setpgid(0, 0) != 0 || write(preparations.guard, &self, sizeof self) < 0) return errno;
  for (int signal = 1; signal < NSIG; ++signal) std::signal(signal, SIG_DFL);
  if (dup2(preparations.input, STDIN_FILENO) < 0 || dup2(preparations.output, STDOUT_FILENO) < 0 ||
      dup2(preparations.output, STDERR_FILENO) < 0) {
    return errno;
  }
  const int failure = preparations.failure.writer.number();
  if (failure != kFailure && dup3(failure, kFailure, O_CLOEXEC) < 0) return errno;
  closefrom(kFailure + 1);
  sigset_t none;
  sigemptyset(&none);
  return sigprocmask(SIG_SETMASK, &none, nullptr) == 0 ? 0 : errno;
}

// Returns the number of an error, if at all.
int become_program(const Preparations& preparations) {
  int error = ENOENT;
  bool denied = false;
  for (const std::string& place : preparations.places) {
    execve(place.c_str(), preparations.arguments.data(), preparations.environment.data());
    error = errno;
    denied = denied || error == EACCES;
    if (std::find(kNotHere.begin(), kNotHere.end(), error) == kNotHere.end()) return error;
  }
  return denied ? EACCES : error;
}

[[noreturn]] void run(const Preparations& preparations) {
  int failure = preparations.failure.writer.number();
  int error = prepare(preparations);
  if (error == 0) {
    failure = kFailure;
    error = become_program(preparations);
  }
  const bool told = write(failure, &error, sizeof error) == sizeof error;
  _exit(told ? EXIT_FAILURE : EXIT_SUCCESS);
}

}  // namespace

std::vector<char*> exec_texts(std::vector<std::string>& texts) {
  std::vector<char*> list;
  std::transform(texts.begin(), texts.end(), std::back_inserter(list),
                 [](std::string& text) { return text.data(); });
  list.push_back(nullptr);
  return list;
}

Descriptor above_standard(int number) {
  if (number < 0) fail("cannot make a pipe for a program", errno);
  Descriptor original(number);
  if (number > STDERR_FILENO) return original;
  Descriptor moved(fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (moved.number() < 0) fail("cannot make a pipe for a program", errno);
  return moved;
}

ChildPipe::ChildPipe() {
  std::array<int, 2> ends = {-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) fail("cannot make a pipe for a program", errno);
  reader = Descriptor(ends[0]);
  writer = Descriptor(ends[1]);
  reader = above_standard(reader.release());
  writer = above_standard(writer.release());
}

ChildGuard::ChildGuard(ChildPipe pipe)
    : alive_(std::move(pipe.writer)), process_(fork_guard(pipe.reader.number())) {}

ChildGuard::~ChildGuard() {
  kill(process_, SIGKILL);
  reap(process_);
}

pid_t start_child(const ChildStart& start) {
  Preparations preparations(start);
  ChildPipe& failure = preparations.failure;
  const AllSignalsBlocked blocked;
  // A fork would copy all page tables. What is called does with what a vfork allows on Linux.
  const pid_t child = vfork();        // NOLINT(clang-analyzer-security.insecureAPI.vfork)
  if (child == 0) run(preparations);  // NOLINT(clang-analyzer-unix.Vfork)
  int error = child < 0 ? errno : 0;
  failure.writer = Descriptor();
  const bool failed =
      child < 0 || read(failure.reader.number(), &error, sizeof error) == sizeof error;
  if (!failed) return child;
  if (child > 0) reap(child);
  fail(fmt::format("cannot run {}", printable(start.arguments.front())), error);
}

}  // namespace converge
