#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace converge::daemon {

/// The socket to its guard, as `socketpair(AF_UNIX, SOCK_SEQPACKET)` makes it, of a daemon on
/// trial.
inline constexpr const char* kTrialVariable = "CONVERGE_TRIAL_FD";

/// What a daemon on trial says to its guard besides what others say to the service manager. Builds
/// that differ talk to each other here: words may be added, and none may change.
namespace words {
inline constexpr std::string_view kHealthy = "X_TRIAL=healthy";
/// The end of the trial is put off, for a reason that is not the build's, or
inline constexpr std::string_view kWaiting = "X_TRIAL=waiting";
/// because the database is away.
inline constexpr std::string_view kWaitingForDatabase = "X_TRIAL=waiting-for-database";
inline constexpr std::string_view kFailing = "X_TRIAL_FAILING=";  ///< And why.
}  // namespace words

/// Tells the service manager how the daemon fares, by the datagrams of sd_notify(3).
///
/// A daemon on trial tells its guard instead, in the same words: the guard, which is the main
/// process of the service, passes on what concerns the service manager. Without NOTIFY_SOCKET all
/// of it does nothing. What cannot be sent at once is dropped: nothing throws and nothing waits.
/// Thread-safe once constructed.
class ServiceNotifier {
 public:
  /// Takes NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID and CONVERGE_TRIAL_FD out of the environment,
  /// so that children do not speak for the daemon. Before there are threads.
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

  /// Whether a guard watches this process. What follows is said to nobody else.
  bool is_on_trial() const { return on_trial_; }
  /// Whether the guard is gone.
  bool is_orphaned() const;
  void healthy() const;  ///< The trial is passed.
  /// Neither healthy nor failing, for a reason that is not the build's; for as long as it is said.
  void waiting(bool for_database) const;
  void failing(std::string_view why) const;

  /// As it is: some assignments of sd_notify(3), a line each.
  void send(std::string_view state) const;

 private:
  std::string socket_;  ///< The address, as a path or after `@` as an abstract name; or empty.
  int file_ = -1;
  bool on_trial_ = false;
  std::optional<std::chrono::microseconds> interval_;
};

}  // namespace converge::daemon
