#include "src/base/error.h"
#include "src/base/fault.h"
#include "updater/update.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <functional>
#include <sys/stat.h>
#include <utility>

namespace converge::updater {
namespace {

void put_in_quarantine(UpdateState& state, std::int64_t build, const std::string& why) {
  if (is_quarantined(state, build)) return;
  state.quarantined.push_back({.build = build, .since_us = wall_time_us(), .why = why});
}

std::string why_quarantined(const UpdateState& state, std::int64_t build) {
  const auto found = std::find_if(state.quarantined.begin(), state.quarantined.end(),
                                  [&](const auto& entry) { return entry.build == build; });
  return found == state.quarantined.end() ? std::string() : found->why;
}

/// Whether something that was begun has not come to its end, or to the state.
bool needs_settling(const UpdateState& state, std::int64_t build) {
  if (!state.trial) return false;
  return state.trial->build != build || state.installed_build != build ||
         is_quarantined(state, build);
}

/// In doubt, the other build is in, and only a power failure could undo that.
void rename_over(const std::function<void()>& rename) {
  try {
    rename();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::in_doubt) throw;
  }
}

NotJournaled after_the_fact(const Error& error, std::int64_t build) {
  return NotJournaled({ErrorKind::failure,
                       fmt::format("build {} is in place, and the journal does not say so yet: {}",
                                   build, error.what()),
                       error.hint()});
}

}  // namespace

Installation::Lock Updater::lock() const {
  try {
    return installation_.lock(options_.lock_wait);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::transient) throw UpdateBusy(error);
    throw;
  }
}

bool Updater::is_replaced() const {
  const FileIdentity present = installation_.identity();
  return present.device != binary_.device || present.inode != binary_.inode;
}

/// Keeps the time of the last check, which is the file's.
void Updater::write(const UpdateState& state) const {
  struct stat status {};
  const auto file = installation_.state_file();
  const bool known = stat(file.c_str(), &status) == 0 && state.last_check;
  write_update_state(file, state);
  if (!known) return;
  const std::array<timespec, 2> times{timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, status.st_mtim};
  utimensat(AT_FDCWD, file.c_str(), times.data(), 0);
}

// Settling.

bool Updater::settle() {
  if (!needs_settling(read_update_state(installation_.state_file()), options_.build)) return false;
  const auto lock = this->lock();
  if (is_replaced()) return true;
  auto state = read_update_state(installation_.state_file());
  return settle_locked(state);
}

bool Updater::settle_locked(UpdateState& state) const {
  if (!needs_settling(state, options_.build)) return false;
  const bool is_put_back = bring_to_end(state);
  // Until the state says what has happened, what is staged tells that it was not put in.
  installation_.clean();
  return is_put_back;
}

bool Updater::bring_to_end(UpdateState& state) const {
  const bool is_ours = state.trial->build == options_.build;
  const bool is_taken_back = is_quarantined(state, state.trial->build);
  if (is_ours && is_taken_back && installation_.has_previous()) {
    take_back(why_quarantined(state, options_.build), state);
    return true;
  }
  if (is_taken_back && !is_ours) {
    end_taking_back(state, true);
    return false;
  }
  if (is_ours && !is_taken_back) {
    tell(installed_note(state), state);
    state.previous_build = installation_.has_previous() ? state.trial->previous : 0;
  } else if (!is_ours && is_still_on_trial(state)) {
    state.trial->build = options_.build;
    state.trial->channel.clear();
  } else {
    state.trial.reset();
    if (!installation_.has_previous()) state.previous_build = 0;
  }
  state.installed_build = options_.build;
  write(state);
  return false;
}

/// The present build was on trial when another was about to take its place.
bool Updater::is_still_on_trial(const UpdateState& state) const {
  return state.installed_build == options_.build && state.trial->previous != options_.build &&
         state.trial->previous == state.previous_build && installation_.has_previous();
}

UpdateNote Updater::installed_note(const UpdateState& state) const {
  const auto& trial = *state.trial;
  const bool kept = trial.previous != 0 && trial.previous == state.previous_build;
  UpdateNote note{.event = "installed",
                  .build = options_.build,
                  .from = kept ? state.installed_build : trial.previous,
                  .once = true};
  if (!state.last_check) return note;
  try {
    auto release = verified(state.last_check->object);
    if (release.manifest.build == options_.build) note.release = std::move(release);
  } catch (const Error&) {
    note.release.reset();
  }
  return note;
}

// Putting in.

Done Updater::act(const Finding& finding) {
  const auto is_deed = [](Verdict verdict) {
    return verdict == Verdict::install || verdict == Verdict::go_back;
  };
  if (!is_deed(finding.decision.verdict)) return Done::nothing;
  installation_.require_replaceable();
  const auto lock = this->lock();
  if (is_replaced()) return Done::replaced_meanwhile;
  auto state = read_update_state(installation_.state_file());
  if (settle_locked(state)) return Done::went_back;
  const Finding again = decided(finding.release, with_journal(state), finding.wanted);
  if (again.decision.verdict == Verdict::go_back) {
    take_back(again.decision.why, state);
    return Done::went_back;
  }
  if (again.decision.verdict != Verdict::install) return Done::nothing;
  install(again, state);
  return Done::installed;
}

void Updater::install(const Finding& finding, UpdateState& state) const {
  fault_point("update_fetched");
  installation_.clean();
  const auto expected = installation_.identity();
  const auto& manifest = finding.release.manifest;
  const Artifact* artifact = manifest.artifact_for(this_platform());
  ReleaseSource(options_.source).download(*artifact, installation_.part(), hooks_.progress);
  fault_point("update_downloaded");
  installation_.stage(installation_.part());
  try {
    if (hooks_.try_out) hooks_.try_out(finding.release, installation_.staged());
  } catch (const Error& error) {
    // What was downloaded is what was signed: the next attempt need not fetch it again.
    std::error_code ignored;
    std::filesystem::rename(installation_.staged(), installation_.part(), ignored);
    // What was stopped has told nothing of the build.
    if (error.kind() == ErrorKind::transient) throw;
    tell({.event = "refused",
          .build = manifest.build,
          .from = options_.build,
          .release = finding.release,
          .why = error.what(),
          .once = true},
         state);
    throw;
  }
  fault_point("update_preflighted");
  put_in(finding, expected, state);
}

void Updater::put_in(const Finding& finding, const FileIdentity& expected,
                     UpdateState& state) const {
  const auto build = finding.release.manifest.build;
  const UpdateState before = state;
  // What has not proven itself is nothing to go back to.
  const bool unproven = is_on_trial(before) && installation_.has_previous();
  const auto previous = unproven ? before.trial->previous : options_.build;
  state.trial = Trial{.build = build,
                      .previous = previous,
                      .since_us = wall_time_us(),
                      .starts = 0,
                      .channel = finding.release.manifest.channel};
  std::erase_if(state.quarantined, [&](const auto& entry) { return entry.build == build; });
  try {
    write(state);
    fault_point("update_intended");
    rename_over([&] { installation_.put_in(expected, unproven); });
  } catch (const Error&) {
    std::error_code ignored;
    write(before);
    std::filesystem::rename(installation_.staged(), installation_.part(), ignored);
    throw;
  }
  try {
    tell({.event = "installed",
          .build = build,
          .from = options_.build,
          .release = finding.release,
          .why = finding.wanted ? finding.decision.why : ""},
         state);
  } catch (const Error& error) {
    throw after_the_fact(error, build);
  }
  fault_point("update_journaled");
  state.installed_build = build;
  state.previous_build = previous;
  write(state);
  fault_point("update_recorded");
}

// Taking back.

void Updater::roll_back(const std::string& why) {
  if (!installation_.has_previous()) {
    throw Error(ErrorKind::usage,
                fmt::format("there is no build before build {} to go back to", options_.build),
                "An older one is only ever gone back to, never installed.");
  }
  installation_.require_replaceable();
  const auto lock = this->lock();
  if (is_replaced()) {
    throw Error(
        ErrorKind::transient,
        fmt::format("{} was replaced meanwhile by another update", installation_.path().native()),
        "See what is there now: `converge update --status`.");
  }
  auto state = read_update_state(installation_.state_file());
  if (settle_locked(state)) return;
  if (state.previous_build == 0) state.previous_build = remembered().previous_build;
  take_back(why, state);
}

void Updater::take_back(const std::string& why, UpdateState& state) const {
  if (!is_on_trial(state)) {
    state.trial = Trial{.build = options_.build,
                        .previous = state.previous_build,
                        .since_us = wall_time_us(),
                        .starts = 0};
  }
  put_in_quarantine(state, options_.build, why);
  write(state);
  fault_point("update_taking_back");
  rename_over([&] { installation_.put_back(); });
  fault_point("update_taken_back");
  try {
    end_taking_back(state, false);
  } catch (const Error& error) {
    throw after_the_fact(error, state.trial->previous);
  }
}

void Updater::end_taking_back(UpdateState& state, bool once) const {
  const Trial trial = *state.trial;
  const auto why = why_quarantined(state, trial.build);
  if (trial.starts > 0 && !once) tell_trial(state);
  tell({.event = "quarantined", .build = trial.build, .why = why, .once = once}, state);
  fault_point("update_quarantined");
  tell({.event = "rolled_back",
        .build = trial.previous,
        .from = trial.build,
        .why = why,
        .once = once},
       state);
  fault_point("update_rolled_back");
  state.trial.reset();
  state.installed_build = trial.previous;
  state.previous_build = 0;
  write(state);
}

// The trial.

bool Updater::commit_trial() {
  const auto may_stay = [&](const UpdateState& state) {
    return is_on_trial(state) && !is_quarantined(state, options_.build);
  };
  if (!may_stay(read_update_state(installation_.state_file()))) return false;
  const auto lock = this->lock();
  auto state = read_update_state(installation_.state_file());
  if (is_replaced() || !may_stay(state)) return false;
  settle_locked(state);
  const auto previous = state.trial->previous;
  const auto& channel = state.trial->channel;
  Floors& floors = state.floors[channel.empty() ? options_.channel : channel];
  floors.build = std::max(floors.build, options_.build);
  // Told first: a build is committed once too often rather than not at all.
  if (state.trial->starts > 0) tell_trial(state);
  tell({.event = "committed", .build = options_.build, .from = previous, .once = true}, state);
  fault_point("update_committed");
  state.trial.reset();
  write(state);
  return true;
}

bool Updater::is_on_trial(const UpdateState& state) const {
  return state.trial && state.trial->build == options_.build;
}

std::optional<Trial> Updater::begin_trial() {
  if (!is_on_trial(read_update_state(installation_.state_file()))) return std::nullopt;
  const auto lock = this->lock();
  auto state = read_update_state(installation_.state_file());
  if (is_replaced() || !is_on_trial(state)) return std::nullopt;
  if (std::exchange(state.trial->announced, 0) == 0) ++state.trial->starts;
  write(state);
  fault_point("update_start_counted");
  try {
    settle_locked(state);
    if (state.trial) tell_trial(state);
  } catch (const Error& error) {
    throw NotJournaled(error);
  }
  return state.trial;
}

void Updater::tell_trial(const UpdateState& state) const {
  tell({.event = "trial", .build = state.trial->build, .from = state.trial->previous, .once = true},
       state);
}

/// Asked by who is another build than the one at the path.
bool Updater::is_put_in(const UpdateState& state) const {
  const bool is_known = state.installed_build == options_.build;
  return installation_.has_previous() && (is_known || !installation_.has_staged());
}

bool Updater::announce_start() {
  if (!is_on_trial(read_update_state(installation_.state_file()))) return false;
  const auto lock = this->lock();
  auto state = read_update_state(installation_.state_file());
  if (is_replaced() || !is_on_trial(state) || !is_put_in(state)) return false;
  if (is_quarantined(state, options_.build)) return settle_locked(state);
  if (state.trial->starts >= kMostStarts) {
    take_back(started_too_often(), state);
    return true;
  }
  state.trial->announced = ++state.trial->starts;
  write(state);  // Whatever the journal says.
  settle_locked(state);
  return false;
}

void Updater::end_start() {
  const auto lock = this->lock();
  auto state = read_update_state(installation_.state_file());
  if (!is_on_trial(state) || state.trial->starts == 0) return;
  --state.trial->starts;
  write(state);
}

bool Updater::fail_trial(const std::string& why) {
  const auto lock = this->lock();
  auto state = read_update_state(installation_.state_file());
  if (is_replaced() || !is_on_trial(state)) return false;
  take_back(why, state);
  return true;
}

}  // namespace converge::updater
