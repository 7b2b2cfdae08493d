#include "src/daemon/updates.h"

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/daemon/trial_record.h"
#include "src/engine/updating.h"
#include "updater/host.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace converge::daemon {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kAnswer{10};  // From the server, to a check.

milliseconds delay_of_this_host(const updater::UpdaterOptions& options, milliseconds period) {
  try {
    const auto id = updater::machine_id(options.state_directory);
    return updater::host_delay(id, std::chrono::ceil<std::chrono::seconds>(period));
  } catch (const Error&) {
    return milliseconds(0);  // Nothing tells it from other hosts.
  }
}

}  // namespace

milliseconds until_check(std::int64_t now_us, milliseconds period, milliseconds delay) {
  const std::int64_t period_ms = std::max<std::int64_t>(period.count(), 1);
  const std::int64_t into_ms = (now_us / 1000 - delay.count()) % period_ms;
  return milliseconds(into_ms < 0 ? -into_ms : period_ms - into_ms);
}

Updates::Updates(Parts parts) : parts_(std::move(parts)) {
  engine::require_update_source(parts_.config);
  delay_ = delay_of_this_host(engine::updater_options(parts_.config), parts_.config.update.every);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Updates::run(const std::stop_token& stop) {
  const milliseconds period = parts_.config.update.every;
  std::unique_lock lock(mutex_);
  for (;;) {
    never_.wait_for(lock, stop, until_check(wall_time_us(), period, delay_), [] { return false; });
    if (stop.stop_requested()) return;
    update(stop);
  }
}

void Updates::update(const std::stop_token& stop) {
  try {
    auto hooks = engine::updater_hooks(
        parts_.config, [this]() -> journal::Journal& { return parts_.journal; }, parts_.broken,
        stop);
    updater::Updater updater(parts_.installation, engine::updater_options(parts_.config),
                             std::move(hooks));
    if (!is_installed()) return;
    act(updater);
    if (!trouble_.empty()) log(LogLevel::notice, "updates are looked for again");
    trouble_.clear();
  } catch (const updater::UpdateBusy& busy) {
    log(LogLevel::info, "updates are not looked for now", {{"error", busy.what()}});
  } catch (const Error& error) {
    if (!stop.stop_requested()) tell_trouble(error);
  } catch (const std::exception& error) {
    // Such as of a path that leads nowhere. Passes go on without updates.
    tell_trouble(Error(ErrorKind::failure, error.what()));
  }
}

/// One line when it begins; what else goes wrong until it is over is in the state.
void Updates::tell_trouble(const Error& error) {
  if (trouble_ == error.what()) return;
  const bool is_news = trouble_.empty();
  trouble_ = error.what();
  log(is_news ? LogLevel::warning : LogLevel::debug, "updates cannot be looked for, or installed",
      {{"error", error.what()}, {"hint", error.hint()}});
}

/// What took this build's place, and waits for this daemon to leave, is not this one's to judge.
/// Asked after the updater has seen the path: what comes later, that finds by itself.
bool Updates::is_installed() const {
  const auto& config = parts_.config;
  return TrialRecord(parts_.installation, config.journal, config.update.channel)
      .runs_this_process();
}

void Updates::act(updater::Updater& updater) {
  if (updater.settle()) return;
  const auto finding = updater.check(kAnswer);
  std::string found = finding.decision.why;
  for (const std::string& warning : finding.decision.warnings) found.append("; ").append(warning);
  tell(found);
  switch (updater.act(finding)) {
    case updater::Done::installed:
      log(LogLevel::notice, "a new build is installed", {{"build", finding.decision.build}});
      break;
    case updater::Done::went_back:
      log(LogLevel::warning, "the build before is put back", {{"why", finding.decision.why}});
      break;
    default:
      break;
  }
}

/// What is found again and again is told once.
void Updates::tell(const std::string& what) {
  if (what == told_) return;
  told_ = what;
  log(LogLevel::info, "updates", {{"found", what}});
}

}  // namespace converge::daemon
