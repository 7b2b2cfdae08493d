#include "src/base/child.h"

#include "src/base/child_start.h"
#include "src/base/clock.h"
#include "src/base/descriptor.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace converge {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDeath{1'000};     // After SIGKILL.
constexpr milliseconds kMercy{200};       // Between SIGTERM and SIGKILL.
constexpr milliseconds kWithoutPidfd{5};  // Where the kernel does not tell of an end.
constexpr int kReadsAtEnd = 16;           // What is left in a pipe fits into one or two.

[[noreturn]] void fail(const std::string& what, int error_number) {
  throw Error(ErrorKind::failure, fmt::format("{}: {}", what, system_reason(error_number)));
}

Descriptor input_file(const std::string& input) {
  auto file = above_standard(memfd_create("converge-input", MFD_CLOEXEC));
  for (std::string_view rest = input; !rest.empty();) {
    const auto written = write(file.number(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write the input of a program", errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  lseek(file.number(), 0, SEEK_SET);
  return file;
}

std::vector<std::string> environment_for(const ChildRequest& request) {
  std::vector<std::string> entries;
  for (const auto& [name, value] : request.environment) {
    entries.emplace_back(name).append("=").append(value);
  }
  return entries;
}

// How it ended; -1 when the system does not tell.
int reap(pid_t child) {
  int status = 0;
  pid_t reaped = 0;
  do {
    reaped = waitpid(child, &status, 0);
  } while (reaped < 0 && errno == EINTR);
  return reaped > 0 ? status : -1;
}

// Wakes who polls for it when something is to stop.
class StopSignal {
 public:
  explicit StopSignal(const std::stop_token& stop)
      : event_(above_standard(eventfd(0, EFD_CLOEXEC))),
        request_(stop, [this] { eventfd_write(event_.number(), 1); }) {}

  int descriptor() const { return event_.number(); }

 private:
  Descriptor event_;
  std::stop_callback<std::function<void()>> request_;
};

// A child from its start to its end.
class Child {
 public:
  explicit Child(const ChildRequest& request) : limit_(request.output_limit) {
    const auto input = input_file(request.input);
    ChildPipe pipe;
    fcntl(pipe.reader.number(), F_SETFL, O_NONBLOCK);
    child_ = start_child({.arguments = request.arguments,
                          .environment = environment_for(request),
                          .input = input.number(),
                          .output = pipe.writer.number(),
                          .guard = guard_.descriptor()});
    reader_ = std::move(pipe.reader);
    // The C library of Debian 12 declares pidfd_open for C alone.
    end_ = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, child_, 0)));
  }
  // A zombie keeps its number, so that the group is its own until it is reaped.
  ~Child() {
    if (child_ > 0) kill_and_reap();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Reads output until the program has ended, the time is over, or `stop` (a descriptor) can be
  // read; whether it has ended.
  bool wait(Clock::time_point until, int stop = -1);
  void send(int signal) const { kill(-child_, signal); }
  // Kills what is left of the group, and tells how the program itself ended.
  ChildEnd finish();

 private:
  bool has_ended() const {
    siginfo_t info{};
    const int result = waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT);
    return (result != 0 && errno == ECHILD) || (result == 0 && info.si_pid == child_);
  }
  bool read_once();
  int kill_and_reap();

  std::size_t limit_;
  ChildGuard guard_;
  pid_t child_ = 0;
  Descriptor reader_;
  Descriptor end_;
  std::string output_;
  bool cut_ = false;
};

// Whether something was read.
bool Child::read_once() {
  std::array<char, 65536> buffer;  // NOLINT: what is not read is not looked at.
  const auto size = read(reader_.number(), buffer.data(), buffer.size());
  if (size < 0 && errno == EINTR) return true;
  if (size < 0 && errno == EAGAIN) return false;
  if (size <= 0) {
    reader_ = Descriptor();
    return false;
  }
  const auto kept = std::min(limit_ - output_.size(), static_cast<std::size_t>(size));
  output_.append(buffer.data(), kept);
  cut_ = cut_ || kept < static_cast<std::size_t>(size);
  return true;
}

bool Child::wait(Clock::time_point until, int stop) {
  while (!has_ended()) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    if (left.count() <= 0) return false;
    const auto look = end_.number() < 0 ? kWithoutPidfd : left;
    std::array<pollfd, 3> events = {{{.fd = reader_.number(), .events = POLLIN, .revents = 0},
                                     {.fd = end_.number(), .events = POLLIN, .revents = 0},
                                     {.fd = stop, .events = POLLIN, .revents = 0}}};
    const auto timeout = std::min({left, look, milliseconds(60'000)});
    if (poll(events.data(), events.size(), static_cast<int>(timeout.count())) <= 0) continue;
    if (events[0].revents != 0) read_once();
    if (events[2].revents != 0) return has_ended();
  }
  return true;
}

int Child::kill_and_reap() {
  send(SIGKILL);
  kill(child_, SIGKILL);  // It may have gone to another group, and is waited for all the same.
  const bool ended = wait(Clock::now() + kDeath);
  const pid_t child = std::exchange(child_, 0);
  if (ended) return reap(child);
  // It has become a user whom this one may not signal: its pass does not wait for it.
  std::thread([child] { reap(child); }).detach();
  return -1;
}

ChildEnd Child::finish() {
  const int status = kill_and_reap();
  // What escaped from the group may write for ever.
  for (int i = 0; i < kReadsAtEnd && reader_.number() >= 0 && read_once(); ++i) {
  }
  ChildEnd end{.output = std::move(output_), .cut = cut_};
  if (status >= 0 && WIFEXITED(status)) {
    end.kind = ChildEnd::Kind::exited;
    end.status = WEXITSTATUS(status);
  } else if (status >= 0 && WIFSIGNALED(status)) {
    end.kind = ChildEnd::Kind::signalled;
    end.status = WTERMSIG(status);
  }
  return end;
}

}  // namespace

ChildEnd run_child(const ChildRequest& request, milliseconds timeout, const std::stop_token& stop) {
  const auto deadline = Clock::now() + timeout;
  const StopSignal stop_signal(stop);
  // Lives and dies in this one thread, whose end would be the program's.
  Child child(request);
  const bool ended = child.wait(deadline, stop_signal.descriptor());
  if (!ended) {
    child.send(SIGTERM);
    child.wait(Clock::now() + kMercy);
  }
  auto end = child.finish();
  if (!ended) end.kind = ChildEnd::Kind::late;
  return end;
}

}  // namespace converge
