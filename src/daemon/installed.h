#pragma once

#include "src/config/config.h"
#include "src/daemon/notify.h"
#include "src/daemon/program.h"
#include "src/daemon/signals.h"
#include "src/daemon/state_watch.h"
#include "src/daemon/trial_record.h"

#include <cstdint>
#include <optional>

namespace converge::daemon {

/// The installation that the daemon runs from, and how it follows what is installed there.
class Installed {
 public:
  /// Nullopt, and it says why, where this process cannot tell where it is installed: it then
  /// follows nothing.
  static std::optional<Installed> of_this_process(const config::Config& config);

  const TrialRecord& record() const { return record_; }

  /// Puts in order what a crash may have left, to be called when the process starts. Whether this
  /// build is on trial, and so wants a guard.
  bool begins_on_trial();

  /// What could not be put in order then, for want of a journal, say, is tried again; to be called
  /// every second, by one thread.
  void put_in_order();

  /// Whether the path holds another build than this process runs. Cheap: the state file is looked
  /// at, and read only when it is another one.
  bool is_replaced();

  /// Guards the build that the path holds if that is on trial, and then becomes what the path
  /// holds. Returns the exit status where the process is to end; nullopt where it is to serve as
  /// the build that it is, since the one at the path failed and cannot be taken back. Throws
  /// `Error` when the path cannot be executed, or this very build is that one and may be started
  /// again.
  std::optional<int> follow(const config::Config& config, const Program& program, Signals& signals,
                            const ServiceNotifier& notifier) const;

 private:
  explicit Installed(TrialRecord record)
      : record_(std::move(record)), watch_(record_.installation().state_file()) {}

  void drop(std::int64_t build) const;

  TrialRecord record_;
  StateWatch watch_;
  bool look_again_ = false;
  bool is_left_ = false;  ///< A trial of a build that the path does not hold.
};

}  // namespace converge::daemon
