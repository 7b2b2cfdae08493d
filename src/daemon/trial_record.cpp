#include "src/daemon/trial_record.h"

#include "journal/journal.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/fault.h"
#include "src/base/log.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <sys/stat.h>

namespace converge::daemon {

namespace {

constexpr std::chrono::seconds kLockPatience{10};

bool is_about(const updater::UpdateState& state, std::int64_t build) {
  return state.trial && state.trial->build == build;
}

bool is_quarantined(const updater::UpdateState& state, std::int64_t build) {
  return std::any_of(state.quarantined.begin(), state.quarantined.end(),
                     [&](const auto& one) { return one.build == build; });
}

std::string why_quarantined(const updater::UpdateState& state, std::int64_t build) {
  for (const auto& one : state.quarantined) {
    if (one.build == build) return one.why;
  }
  return {};
}

}  // namespace

updater::UpdateState TrialRecord::read() const {
  return updater::read_update_state(installation_.state_file());
}

bool TrialRecord::runs_this_process() const {
  struct stat running {};
  struct stat present {};
  return ::stat("/proc/self/exe", &running) == 0 &&
         ::stat(installation_.path().c_str(), &present) == 0 && running.st_dev == present.st_dev &&
         running.st_ino == present.st_ino;
}

std::optional<updater::Trial> TrialRecord::open_for(std::int64_t build) const {
  const updater::UpdateState state = read();
  return is_about(state, build) ? state.trial : std::nullopt;
}

std::int64_t TrialRecord::begin_start(std::int64_t build) const {
  const auto lock = installation_.lock(kLockPatience);
  updater::UpdateState state = read();
  if (!is_about(state, build)) return 0;
  ++state.trial->starts;
  updater::write_update_state(installation_.state_file(), state);
  fault_point("trial_start_counted");
  if (state.trial->starts == 1)
    tell({.event = "trial", .build = build, .from = state.trial->previous});
  return state.trial->starts;
}

void TrialRecord::end_start(std::int64_t build) const {
  const auto lock = installation_.lock(kLockPatience);
  updater::UpdateState state = read();
  if (!is_about(state, build) || state.trial->starts <= 0) return;
  --state.trial->starts;
  updater::write_update_state(installation_.state_file(), state);
}

void TrialRecord::commit(std::int64_t build) const {
  const auto lock = installation_.lock(kLockPatience);
  updater::UpdateState state = read();
  if (!is_about(state, build)) return;
  const std::int64_t previous = state.trial->previous;
  const std::string channel = state.last_check ? state.last_check->channel : "";
  state.trial.reset();
  state.installed_build = build;
  if (!channel.empty()) {
    updater::Floors& floors = state.floors[channel];
    floors.build = std::max(floors.build, build);
  }
  // Told first: it is committed once too often rather than not at all.
  tell({.event = "committed", .build = build, .from = previous}, channel, true);
  fault_point("trial_committed");
  updater::write_update_state(installation_.state_file(), state);
}

void TrialRecord::take_back(std::int64_t build, const std::string& why) const {
  const auto lock = installation_.lock(kLockPatience);
  updater::UpdateState state = read();
  if (!is_about(state, build)) return;
  if (!is_quarantined(state, build)) {
    state.quarantined.push_back({.build = build, .since_us = wall_time_us(), .why = why});
    updater::write_update_state(installation_.state_file(), state);
    tell({.event = "quarantined", .build = build, .why = why});
  }
  fault_point("trial_quarantined");
  try {
    installation_.put_back();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::in_doubt) throw;
    log(LogLevel::warning, "a power failure may undo what was put back", {{"error", error.what()}});
  }
  const std::int64_t previous = state.trial->previous;
  state.trial.reset();
  state.installed_build = previous;
  state.previous_build = 0;
  updater::write_update_state(installation_.state_file(), state);
  fault_point("trial_taken_back");
  tell({.event = "rolled_back", .build = previous, .from = build, .why = why});
}

bool TrialRecord::must_be_taken_back(std::int64_t build) const {
  const updater::UpdateState state = read();
  return is_about(state, build) && is_quarantined(state, build);
}

bool TrialRecord::drop(std::int64_t build) const {
  const auto lock = installation_.lock(std::chrono::milliseconds(0));
  updater::UpdateState state = read();
  if (!is_about(state, build) || !runs_this_process()) return false;
  const updater::Trial trial = *state.trial;
  state.trial.reset();
  state.installed_build = trial.previous;
  const bool taken_back = is_quarantined(state, build);
  if (taken_back) state.previous_build = 0;
  updater::write_update_state(installation_.state_file(), state);
  if (taken_back) {
    tell({.event = "rolled_back",
          .build = trial.previous,
          .from = build,
          .why = why_quarantined(state, build)},
         {}, true);
  }
  return true;
}

/// The state file has the last word on what is installed: a journal that cannot be written now
/// keeps nobody from going back.
void TrialRecord::tell(const journal::UpdateEvent& event, const std::string& channel,
                       bool once) const {
  try {
    journal::Journal journal(journal_, "daemon",
                             [](const auto& text) { log(LogLevel::warning, text); });
    std::map<std::string, journal::UpdateSeen> seen;
    if (!channel.empty()) seen[channel] = {.seq = 0, .build = event.build};
    journal.append_update(event, seen, once);
  } catch (const Error& error) {
    log(LogLevel::error, "an update is not in the journal",
        {{"event", event.event}, {"build", event.build}, {"error", error.what()}});
  }
}

}  // namespace converge::daemon
