#pragma once

#include "src/base/clock.h"
#include "src/base/descriptor.h"
#include "src/daemon/notify.h"
#include "src/daemon/program.h"
#include "src/daemon/signals.h"
#include "src/daemon/state_watch.h"
#include "src/daemon/trial_record.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <thread>

namespace converge::daemon {

/// What a guard works with; outlives it.
struct GuardParts {
  const Program& program;
  const TrialRecord& record;
  Signals& signals;
  const ServiceNotifier& notifier;
  std::chrono::milliseconds trial;  ///< How long one is.
  /// How long the build may give no sign of life, and how long after the trial no word.
  std::chrono::milliseconds grace;
  /// Whether this build reaches the database. Called in another thread, and may take its time.
  std::function<bool()> reaches_database;
};

/// The main process of the service while a build is on trial.
///
/// It runs what the path holds as a child, passes signals on to it, tells the service manager how
/// it fares, and waits for its word. A build that says that it is healthy is committed and asked to
/// end: all that it was at ends first. One that says that it fails, that ends, crashes or hangs is
/// killed, with its process group, and taken back. Either way, this process then becomes what the
/// path holds, with the process id that the service has always had.
///
/// A signal to stop ends the child and then this process; the trial stays open, and the next start
/// goes on with it. Whatever kills this process kills the child; so does nothing else, but what is
/// said above.
class Guard {
 public:
  Guard(GuardParts parts, std::int64_t build);
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  /// Nullopt: the path is to be run in this process now. Otherwise this process is to end so.
  /// Throws `Error` when a build has failed and cannot be taken back; nothing of it runs then.
  std::optional<int> run();

 private:
  bool may_start();
  void start();
  void forward(int signal);
  void hear();
  void hear(std::string_view message);
  void heard_waiting(bool for_database);
  void compare();
  void feed();
  void judge();
  void look_at_record();
  bool has_ended();
  void fail(std::string why);
  void commit();
  void leave();
  void take_back(const std::string& why);
  std::optional<int> outcome();

  GuardParts parts_;
  std::int64_t build_;
  StateWatch watch_;
  Descriptor socket_;
  pid_t child_ = 0;
  int wait_status_ = 0;
  Clock::time_point last_word_;
  Clock::time_point deadline_;  ///< For its word.
  Clock::time_point told_alive_{};
  Clock::time_point looked_{};
  bool leaving_ = false;   ///< The trial is over, and the child asked to end.
  bool stopping_ = false;  ///< A person, or the service manager, ends the service.
  std::optional<std::string> failure_;

  // While the child cannot reach the database: whether this build can.
  std::optional<Clock::time_point> waiting_since_;
  Clock::time_point last_waiting_{};
  Clock::time_point compared_{};
  std::atomic<int> reached_{0};  ///< In a row.
  std::atomic<bool> comparing_{false};
  std::jthread comparison_;
};

}  // namespace converge::daemon
