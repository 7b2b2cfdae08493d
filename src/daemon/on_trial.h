#pragma once

#include "journal/reader.h"
#include "src/base/clock.h"
#include "src/daemon/notify.h"
#include "src/daemon/passes.h"
#include "src/daemon/probation.h"

#include <chrono>
#include <filesystem>
#include <mutex>

namespace converge::daemon {

/// The side of a trial that is on trial: judges itself by its passes, and tells its guard. Ends the
/// process when the guard is gone, since the service would go on without it otherwise.
class OnTrial {
 public:
  /// `journal` tells how the convergers fared under the build before; one that cannot be read tells
  /// nothing.
  OnTrial(const ServiceNotifier& notifier, std::chrono::milliseconds length,
          const std::filesystem::path& journal);

  /// A pass has ended. Thread-safe.
  void ended(const engine::PassResult& result);

  /// To be called again and again, also while the daemon drains.
  void tick(const Passes& passes, const journal::State& state, bool has_database, bool has_journal);

 private:
  void tell(const Judgement& judgement, bool has_database);

  const ServiceNotifier& notifier_;
  std::mutex mutex_;  ///< Of what follows.
  Probation probation_;
  Judgement told_;
  Clock::time_point told_at_{};
};

}  // namespace converge::daemon
