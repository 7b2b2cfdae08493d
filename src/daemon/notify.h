#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace converge::daemon {

/// Tells the service manager how the daemon fares, by the datagrams of sd_notify(3).
///
/// Without NOTIFY_SOCKET all of it does nothing. What cannot be sent at once is dropped: nothing
/// throws and nothing waits. Thread-safe once constructed.
class ServiceNotifier {
 public:
  /// Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that children
  /// do not speak for the daemon. Before there are threads.
  ServiceNotifier();
  ~ServiceNotifier();
  ServiceNotifier(const ServiceNotifier&) = delete;
  ServiceNotifier& operator=(const ServiceNotifier&) = delete;

  void ready() const;      ///< Started, or reloaded.
  void reloading() const;  ///< Until `ready`.
  void stopping() const;
  /// What `systemctl status` shows, on one line.
  void status(std::string_view text) const;
  void alive() const;  ///< Feeds the watchdog.

  /// How often `alive` is to be called: half of what the watchdog waits. None: nobody watches.
  std::optional<std::chrono::microseconds> watchdog_interval() const { return interval_; }

 private:
  void send(std::string_view state) const;

  std::string socket_;  ///< The address, as a path or after `@` as an abstract name; or empty.
  int file_ = -1;
  std::optional<std::chrono::microseconds> interval_;
};

}  // namespace converge::daemon
