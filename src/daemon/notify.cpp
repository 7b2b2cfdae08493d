#include "src/daemon/notify.h"

#include "src/base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
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

void ServiceNotifier::send(std::string_view state) const {
  if (file_ < 0) return;
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
