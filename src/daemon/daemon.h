#pragma once

#include "journal/journal.h"
#include "src/config/config.h"
#include "src/daemon/link.h"
#include "src/daemon/metrics.h"
#include "src/daemon/notify.h"
#include "src/daemon/on_trial.h"
#include "src/daemon/operators.h"
#include "src/daemon/overview.h"
#include "src/daemon/passes.h"
#include "src/daemon/signals.h"
#include "src/daemon/status_server.h"
#include "src/daemon/troubles.h"
#include "src/daemon/updates.h"
#include "src/daemon/upkeep.h"
#include "src/postgres/pool.h"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace converge::daemon {

/// Exit statuses besides 0, a clean stop, and the usual 1 and 2.
enum ServiceExit : int {
  kAbandoned = 1,  ///< A second signal: passes were left to recovery.
  kHung = 70,      ///< A pass or a connection did not come back; the service manager starts anew.
};

/// What a daemon lives in; outlives it.
struct Surroundings {
  const ServiceNotifier& notifier;
  OnTrial* on_trial = nullptr;  ///< Null: it is not on trial.
  /// What it may update; null: it does not know, or another process sees to that.
  const updater::Installation* installation = nullptr;
  /// Whether another build has been installed in the place of this one; asked at each tick.
  std::function<bool()> is_replaced = [] { return false; };
  /// Ends what an update has left to be ended; called every second, by a thread of its own.
  std::function<void()> put_in_order = [] {};
};

/// One life of the service between two configurations.
///
/// What is lost (PostgreSQL, the journal's disk) is waited for; what hangs ends the process, which
/// loses nothing: recovery settles what was in flight.
class Daemon {
 public:
  enum class End { stopped, reconfigured, replaced };

  /// Throws `Error{usage}` when the configuration cannot be worked with: no directory of
  /// definitions, an address that cannot be served, another daemon on this journal.
  Daemon(config::Config config, const Surroundings& surroundings);
  ~Daemon();

  /// Converges until a signal ends it. `read_again` returns the configuration as it is now, or
  /// throws when it cannot be used; one that differs ends this life, reconfigured. So does another
  /// build in the place of this one, unless the configuration cannot be used: it could not begin.
  using ReadAgain = std::function<config::Config()>;
  End run(Signals& signals, const ReadAgain& read_again);

 private:
  LinkEvents events();
  void begin();
  /// How many transactions were settled.
  int recover(LockConnection& connection, bool own);
  void take_over();
  std::vector<std::string> names_of_broken() const;
  void told_failure(const Error& error);
  void set_gate(const std::set<Troubles::Cause>& troubles);
  void answer(std::optional<int> signal, const ReadAgain& read_again);
  void reload(const ReadAgain& read_again);
  void stop();
  void leave(const ReadAgain& read_again);
  void drain(Signals& signals, const ReadAgain& read_again);
  void tick();
  void require_progress();
  void try_journal();
  void tell_status();
  Overview overview() const;

  static constexpr std::chrono::seconds kFirstTakeOver{1};

  config::Config config_;
  const Surroundings& surroundings_;
  const ServiceNotifier& notifier_;
  std::int64_t since_us_;
  journal::Journal journal_;
  postgres::Pool pool_;
  Metrics metrics_;
  Troubles troubles_;
  Link link_;
  Passes passes_;
  std::optional<Operators> operators_;
  std::optional<Upkeep> upkeep_;
  std::optional<Updates> updates_;
  std::optional<StatusServer> status_server_;
  std::string status_;  ///< As it was told last.
  Clock::time_point told_alive_{};
  Clock::time_point next_take_over_{};
  std::chrono::seconds pause_take_over_ = kFirstTakeOver;
  bool reconfigured_ = false;
  bool replaced_ = false;
  bool stopping_ = false;
  Clock::time_point next_leave_{};
};

}  // namespace converge::daemon
