#include "src/daemon/notify.h"

#include "src/base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace converge::daemon {

namespace {

std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

std::optional<std::int64_t> number(const std::string& text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc{} || stop != end) return std::nullopt;
  return value;
}

/// How often a daemon on trial gives its guard a sign of life.
constexpr std::chrono::milliseconds kSign{500};

/// -1 where there is none: a variable that somebody left behind makes no guard.
int take_trial_socket() {
  const auto file = static_cast<int>(number(take_variable(kTrialVariable)).value_or(-1));
  int type = 0;
  socklen_t size = sizeof type;
  if (file <= STDERR_FILENO || ::getsockopt(file, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
    return -1;
  if (type != SOCK_SEQPACKET) return -1;
  ::fcntl(file, F_SETFD, FD_CLOEXEC);
  return file;
}

/// sd_watchdog_enabled(3): the variables may be meant for a parent of this process.
std::optional<std::chrono::microseconds> take_watchdog() {
  const auto timeout_us = number(take_variable("WATCHDOG_USEC"));
  const std::string process = take_variable("WATCHDOG_PID");
  if (!timeout_us || *timeout_us <= 0) return std::nullopt;
  if (!process.empty() && number(process) != ::getpid()) return std::nullopt;
  return std::chrono::microseconds(std::max<std::int64_t>(*timeout_us / 2, 1));
}

/// CLOCK_MONOTONIC, which is what libstdc++'s steady clock reads and systemd compares with.
std::int64_t monotonic_us() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace

ServiceNotifier::ServiceNotifier()
    : socket_(take_variable("NOTIFY_SOCKET")), interval_(take_watchdog()) {
  if (const int guard = take_trial_socket(); guard >= 0) {
    file_ = guard;
    on_trial_ = true;
    interval_ = kSign;
    return;
  }
  const bool is_address = socket_.size() > 1 && socket_.size() < sizeof(sockaddr_un::sun_path) &&
                          (socket_[0] == '/' || socket_[0] == '@');
  if (is_address) file_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

ServiceNotifier::~ServiceNotifier() {
  if (file_ >= 0) ::close(file_);
}

void ServiceNotifier::ready() const { send("READY=1"); }
void ServiceNotifier::reloading() const {
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_us()));
}
void ServiceNotifier::stopping() const { send("STOPPING=1"); }
void ServiceNotifier::status(std::string_view text) const {
  // A line break would begin another assignment.
  send("STATUS=" + printable(text));
}
void ServiceNotifier::alive() const { send("WATCHDOG=1"); }

void ServiceNotifier::healthy() const {
  if (on_trial_) send(words::kHealthy);
}
void ServiceNotifier::waiting(bool for_database) const {
  if (on_trial_) send(for_database ? words::kWaitingForDatabase : words::kWaiting);
}
void ServiceNotifier::failing(std::string_view why) const {
  if (on_trial_) send(fmt::format("{}{}", words::kFailing, printable(why)));
}

bool ServiceNotifier::is_orphaned() const {
  if (!on_trial_) return false;
  pollfd guard{.fd = file_, .events = 0, .revents = 0};
  return ::poll(&guard, 1, 0) > 0 && (guard.revents & (POLLHUP | POLLERR)) != 0;
}

void ServiceNotifier::send(std::string_view state) const {
  if (file_ < 0) return;
  if (on_trial_) {
    ::send(file_, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(socket_.begin(), socket_.end(), std::begin(address.sun_path));
  if (socket_[0] == '@') address.sun_path[0] = '\0';
  // The length counts for an abstract name: every byte after it would belong to the name.
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  ::sendto(file_, state.data(), state.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace converge::daemon
