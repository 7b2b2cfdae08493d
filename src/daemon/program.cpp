#include "src/daemon/program.h"

#include "src/base/child_start.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/daemon/notify.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <iterator>
#include <string_view>
#include <sys/prctl.h>
#include <unistd.h>

namespace converge::daemon {

namespace {

/// The child has no service manager: its guard has.
constexpr std::array<std::string_view, 3> kOfTheService = {
    "NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID="};

constexpr int kNotExecuted = 127;  // As in shells.

std::vector<std::string> arguments_of_this_process() {
  std::vector<std::string> arguments;
  std::string_view all;
  const std::string text = read_file("/proc/self/cmdline");
  for (all = text; !all.empty();) {
    const auto end = std::min(all.find('\0'), all.size());
    arguments.emplace_back(all.substr(0, end));
    all.remove_prefix(std::min(end + 1, all.size()));
  }
  return arguments;
}

bool is_of_the_service(const std::string& entry) {
  return std::any_of(kOfTheService.begin(), kOfTheService.end(),
                     [&](const auto name) { return entry.starts_with(name); });
}

/// Calls nothing that is not async-signal-safe.
[[noreturn]] void run(const char* binary, char* const* arguments, char* const* environment,
                      pid_t parent, int socket, std::string_view complaint) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Whoever died before that was asked for is not told of any more.
  if (::getppid() == parent) {
    ::setpgid(0, 0);
    ::fcntl(socket, F_SETFD, 0);
    ::execve(binary, arguments, environment);
    [[maybe_unused]] const auto told = ::write(socket, complaint.data(), complaint.size());
  }
  ::_exit(kNotExecuted);
}

}  // namespace

Program Program::of_this_process() {
  Program program;
  program.arguments_ = arguments_of_this_process();
  const std::string own = std::string(kTrialVariable) + "=";
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with(own)) program.environment_.emplace_back(*entry);
  }
  return program;
}

std::string Program::become(const std::filesystem::path& binary) const {
  auto argument_texts = arguments_;
  auto environment_texts = environment_;
  const auto arguments = exec_texts(argument_texts);
  const auto environment = exec_texts(environment_texts);
  ::execve(binary.c_str(), arguments.data(), environment.data());
  return system_reason(errno);
}

pid_t Program::start(const std::filesystem::path& binary, const Descriptor& socket) const {
  auto argument_texts = arguments_;
  std::vector<std::string> environment_texts;
  std::copy_if(environment_.begin(), environment_.end(), std::back_inserter(environment_texts),
               [](const std::string& entry) { return !is_of_the_service(entry); });
  environment_texts.push_back(fmt::format("{}={}", kTrialVariable, socket.number()));
  const auto arguments = exec_texts(argument_texts);
  const auto environment = exec_texts(environment_texts);
  const std::string complaint = std::string(words::kFailing) + "it cannot be executed";
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    run(binary.c_str(), arguments.data(), environment.data(), parent, socket.number(), complaint);
  }
  if (child < 0) {
    throw Error(ErrorKind::failure, "cannot make a process for a build: " + system_reason(errno));
  }
  ::setpgid(child, child);  // Whoever is first; the group can be killed from now on.
  return child;
}

}  // namespace converge::daemon
