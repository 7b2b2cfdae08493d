#include "src/daemon/serve.h"

#include "convergers/registry.h"
#include "src/base/log.h"
#include "src/base/version.h"
#include "src/daemon/daemon.h"
#include "src/daemon/notify.h"
#include "src/daemon/signals.h"
#include "src/postgres/session.h"

#include <optional>

namespace converge::daemon {

namespace {

/// Throws before anything was given up for a configuration that cannot be worked with.
config::Config read_configuration(const config::Flags& flags) {
  config::Config config = config::load(flags);
  convergers::load_registry(config);
  postgres::require_readable_url(config.database_url);
  return config;
}

}  // namespace

int serve(const config::Flags& flags) {
  config::Config config = read_configuration(flags);
  Signals signals;
  const ServiceNotifier notifier;
  start_log(config.daemon.log, config.daemon.log_level);
  log(LogLevel::notice, "starting",
      {{"build", build_number()},
       {"commit", build_commit()},
       {"journal", config.journal.string()}});
  std::optional<config::Config> usable;  // That a life began with.
  for (auto end = Daemon::End::reconfigured; end != Daemon::End::stopped;) {
    try {
      Daemon daemon(config, notifier);
      usable = config;
      end = daemon.run(signals, [&] { return config = read_configuration(flags); });
    } catch (const Error& error) {
      if (!usable || *usable == config) throw;
      log(LogLevel::error, "the new configuration cannot be used, going back to the one before",
          {{"error", error.what()}, {"hint", error.hint()}});
      config = *usable;
    }
  }
  log(LogLevel::notice, "stopped");
  return 0;
}

}  // namespace converge::daemon
