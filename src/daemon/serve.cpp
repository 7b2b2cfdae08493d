#include "src/daemon/serve.h"

#include "convergers/registry.h"
#include "src/base/log.h"
#include "src/base/version.h"
#include "src/daemon/daemon.h"
#include "src/daemon/notify.h"
#include "src/daemon/signals.h"

#include <memory>

namespace converge::daemon {

namespace {

/// Throws before anything was given up for a configuration that cannot be worked with.
config::Config read_configuration(const config::Flags& flags) {
  config::Config config = config::load(flags);
  convergers::load_registry(config.convergers);
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
  std::optional<config::Config> before;
  while (true) {
    config::Config next = config;
    try {
      Daemon daemon(config, notifier);
      before = config;
      const auto end = daemon.run(signals, [&] { return next = read_configuration(flags); });
      if (end == Daemon::End::stopped) break;
      config = std::move(next);
    } catch (const Error& error) {
      if (!before || *before == config) throw;
      log(LogLevel::error, "the new configuration cannot be used, going back to the one before",
          {{"error", error.what()}, {"hint", error.hint()}});
      config = *before;
    }
  }
  log(LogLevel::notice, "stopped");
  return 0;
}

}  // namespace converge::daemon
