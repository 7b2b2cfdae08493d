#include "src/daemon/installed.h"

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/version.h"
#include "src/daemon/trial.h"
#include "src/postgres/session.h"

#include <utility>

namespace converge::daemon {

namespace {

bool reaches_database(const config::Config& config) {
  try {
    const postgres::Session session({.url = config.database_url,
                                     .environment_first = config.url_from_file,
                                     .connect_timeout = config.connect_timeout,
                                     .lock_timeout = config.lock_timeout});
    return !session.server().in_recovery;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::optional<Installed> Installed::of_this_process(const config::Config& config) {
  try {
    return Installed(TrialRecord(updater::Installation::of_this_process(), config.journal,
                                 config.update.channel));
  } catch (const Error& error) {
    log(LogLevel::warning, "a new build will not be noticed", {{"error", error.what()}});
    return std::nullopt;
  }
}

bool Installed::begins_on_trial() {
  const auto trial = record_.read().trial;
  if (!trial) return false;
  if (trial->build == build_number()) return true;
  try {
    drop(trial->build);
  } catch (const Error& error) {
    // An update that is at work now, say, and about to put that build in.
    log(LogLevel::info, "the trial of another build stays open", {{"error", error.what()}});
    is_left_ = true;
  }
  return false;
}

void Installed::drop(std::int64_t build) const {
  if (!record_.drop()) return;
  log(LogLevel::warning, "the trial of a build that is not installed is over", {{"build", build}});
}

void Installed::put_in_order() {
  if (!is_left_) return;
  const auto trial = record_.read().trial;
  try {
    if (trial && trial->build != build_number()) drop(trial->build);
    is_left_ = false;
  } catch (const Error&) {
    // As told above.
  }
}

bool Installed::is_replaced() {
  if (!watch_.has_changed() && !look_again_) return false;
  const updater::UpdateState state = record_.read();
  // With a trial it is written before the path changes, so the path is looked at until it has.
  look_again_ =
      state.trial || (state.installed_build != 0 && state.installed_build != build_number());
  return look_again_ && !record_.runs_this_process();
}

std::optional<int> Installed::follow(const config::Config& config, const Program& program,
                                     Signals& signals, const ServiceNotifier& notifier) const {
  const auto trial = record_.read().trial;
  // Of a build that was taken back just now, by somebody who will end its trial.
  const bool is_over = trial && !record_.runs_this_process() && trial->build == build_number();
  if (trial && !is_over) {
    Guard guard({.program = program,
                 .record = record_,
                 .signals = signals,
                 .notifier = notifier,
                 .trial = config.update.trial,
                 .grace = config.daemon.grace,
                 .reaches_database = [&config] { return reaches_database(config); }},
                trial->build);
    try {
      if (const auto status = guard.run()) return status;
    } catch (const Error& error) {
      const bool is_own = trial->build == build_number();
      if (is_own && trial->starts < updater::kMostStarts) throw;
      log(LogLevel::error, "a build that failed its trial cannot be taken back",
          {{"build", trial->build},
           {"serving", build_number()},
           {"error", error.what()},
           {"hint", error.hint()}});
      return std::nullopt;
    }
  }
  log(LogLevel::notice, "going on in the build that is installed");
  const std::string reason = program.become(record_.installation().path());
  throw Error(ErrorKind::failure,
              "cannot run " + record_.installation().path().native() + ": " + reason);
}

}  // namespace converge::daemon
