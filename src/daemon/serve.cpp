#include "src/daemon/serve.h"

#include "convergers/registry.h"
#include "src/base/log.h"
#include "src/base/version.h"
#include "src/daemon/daemon.h"
#include "src/daemon/installed.h"
#include "src/daemon/notify.h"
#include "src/daemon/on_trial.h"
#include "src/daemon/program.h"
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

/// One life after the other, until something else than a new configuration ends one.
Daemon::End live(const config::Flags& flags, config::Config& config, Signals& signals,
                 const Surroundings& surroundings) {
  std::optional<config::Config> usable;  // That a life began with.
  for (;;) {
    try {
      Daemon daemon(config, surroundings);
      usable = config;
      const auto end = daemon.run(signals, [&] { return config = read_configuration(flags); });
      if (end != Daemon::End::reconfigured) return end;
    } catch (const Error& error) {
      if (!usable || *usable == config) throw;
      log(LogLevel::error, "the new configuration cannot be used, going back to the one before",
          {{"error", error.what()}, {"hint", error.hint()}});
      config = *usable;
    }
  }
}

}  // namespace

int serve(const config::Flags& flags) {
  const Program program = Program::of_this_process();
  config::Config config = read_configuration(flags);
  Signals signals;
  const ServiceNotifier notifier;
  start_log(config.daemon.log, config.daemon.log_level);
  log(LogLevel::notice, "starting",
      {{"build", build_number()},
       {"commit", build_commit()},
       {"journal", config.journal.string()}});
  Surroundings surroundings{.notifier = notifier};
  std::optional<Installed> installed;
  std::optional<OnTrial> on_trial;
  if (notifier.is_on_trial()) {
    surroundings.on_trial = &on_trial.emplace(notifier, config.update.trial, config.journal);
  } else {
    installed = Installed::of_this_process(config);
  }
  bool is_to_follow = installed && installed->begins_on_trial();
  if (installed) {
    surroundings.installation = &installed->record().installation();
    surroundings.is_replaced = [&installed] { return installed->is_replaced(); };
    surroundings.put_in_order = [&installed] { installed->put_in_order(); };
  }
  while (is_to_follow || live(flags, config, signals, surroundings) == Daemon::End::replaced) {
    if (const auto status = installed->follow(config, program, signals, notifier)) return *status;
    is_to_follow = false;
    surroundings.is_replaced = [] { return false; };
  }
  log(LogLevel::notice, "stopped");
  return 0;
}

}  // namespace converge::daemon
