#include "tests/support/command.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string_view>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace converge::tests {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kPollInterval{5};

template <typename Integer>
Integer checked(Integer result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

/// The posix_spawn family returns its error instead of setting errno.
void check_spawn(int error, const std::string& what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

int memory_file(const char* name) { return checked(::memfd_create(name, MFD_CLOEXEC), name); }

std::string content_of(int file) {
  std::string content(65536, '\0');
  std::size_t size_bytes = 0;
  for (;;) {
    const auto got = ::pread(file, content.data() + size_bytes, content.size() - size_bytes,
                             static_cast<off_t>(size_bytes));
    if (checked(got, "pread") == 0) break;
    size_bytes += static_cast<std::size_t>(got);
    if (size_bytes == content.size()) content.resize(2 * size_bytes);
  }
  content.resize(size_bytes);
  return content;
}

int input_file(const std::optional<std::string>& input) {
  if (!input) return checked(::open("/dev/null", O_RDONLY | O_CLOEXEC), "open /dev/null");
  const int file = memory_file("input");
  std::size_t done = 0;
  while (done < input->size()) {
    const auto wrote = ::write(file, input->data() + done, input->size() - done);
    done += static_cast<std::size_t>(checked(wrote, "write"));
  }
  ::lseek(file, 0, SEEK_SET);
  return file;
}

std::vector<std::string> environment_with(
    const std::map<std::string, std::optional<std::string>>& additions) {
  std::vector<std::string> environment;
  for (char** variable = ::environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string name(text.substr(0, text.find('=')));
    const bool foreign = name.starts_with("CONVERGE_") || name.starts_with("PG");
    if (!foreign && !additions.contains(name)) environment.emplace_back(text);
  }
  for (const auto& [name, value] : additions) {
    if (value) environment.push_back(name + "=" + *value);
  }
  return environment;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (auto& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// What posix_spawn does in the child, between fork and exec.
class SpawnPlan {
 public:
  SpawnPlan(int in, int out, int err, const std::filesystem::path& directory) {
    check_spawn(::posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init");
    check_spawn(::posix_spawnattr_init(&attributes_), "posix_spawnattr_init");
    check_spawn(::posix_spawn_file_actions_adddup2(&actions_, in, STDIN_FILENO), "dup2");
    check_spawn(::posix_spawn_file_actions_adddup2(&actions_, out, STDOUT_FILENO), "dup2");
    check_spawn(::posix_spawn_file_actions_adddup2(&actions_, err, STDERR_FILENO), "dup2");
    check_spawn(::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1),
                "closefrom");
    if (!directory.empty()) {
      check_spawn(::posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str()), "chdir");
    }
    sigset_t signals;
    ::sigemptyset(&signals);
    check_spawn(::posix_spawnattr_setsigmask(&attributes_, &signals), "sigmask");
    ::sigfillset(&signals);
    check_spawn(::posix_spawnattr_setsigdefault(&attributes_, &signals), "sigdefault");
    check_spawn(
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF),
        "posix_spawnattr_setflags");
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  pid_t spawn(std::vector<std::string> arguments, std::vector<std::string> environment) const {
    pid_t pid = -1;
    check_spawn(::posix_spawnp(&pid, arguments.at(0).c_str(), &actions_, &attributes_,
                               pointers_to(arguments).data(), pointers_to(environment).data()),
                "cannot run " + arguments[0]);
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

Command::Command(const std::vector<std::string>& arguments, const CommandOptions& options)
    : out_(memory_file("out")),
      err_(memory_file("err")),
      timeout_(options.timeout),
      deadline_(Clock::now() + timeout_) {
  const int in = input_file(options.input);
  pid_ = SpawnPlan(in, out_, err_, options.directory)
             .spawn(arguments, environment_with(options.environment));
  ::close(in);
  // By its number: the declaration in glibc 2.36 is not usable from C++.
  ended_ = static_cast<int>(checked(::syscall(SYS_pidfd_open, pid_, 0), "pidfd_open"));
}

Command::~Command() {
  if (!wait_status_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(ended_);
  ::close(out_);
  ::close(err_);
}

bool Command::is_running() { return !reap(milliseconds(0)); }

void Command::kill(int signal) {
  // Not reaped yet, so the id is still this program's.
  if (!wait_status_) ::kill(pid_, signal);
}

bool Command::reap(milliseconds patience) {
  if (wait_status_) return true;
  pollfd end{.fd = ended_, .events = POLLIN, .revents = 0};
  if (::poll(&end, 1, static_cast<int>(patience.count())) <= 0) return false;
  int status = 0;
  checked(::waitpid(pid_, &status, 0), "waitpid");
  wait_status_ = status;
  return true;
}

CommandResult Command::wait() {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline_ - Clock::now());
    if (reap(std::max(left, milliseconds(0)))) break;
    if (Clock::now() < deadline_) continue;  // A signal interrupted the poll.
    timed_out_ = true;
    kill(SIGKILL);
    deadline_ += std::chrono::seconds(1);  // The kernel's time to bury it.
  }
  const int status = *wait_status_;
  return {
      .status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
      .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
      .timed_out = timed_out_,
      .out = out(),
      .err = err(),
  };
}

bool Command::wait_for_output(const std::string& text) {
  for (;;) {
    const bool ended = reap(milliseconds(0));
    if (out().find(text) != std::string::npos || err().find(text) != std::string::npos) return true;
    if (ended || Clock::now() > deadline_) return false;
    reap(kPollInterval);
  }
}

std::string Command::out() const { return content_of(out_); }
std::string Command::err() const { return content_of(err_); }

CommandResult run_command(const std::vector<std::string>& arguments,
                          const CommandOptions& options) {
  return Command(arguments, options).wait();
}

}  // namespace converge::tests
