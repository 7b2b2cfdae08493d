#include "src/daemon/trial_record.h"

#include "journal/journal.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/version.h"
#include "src/engine/updating.h"

#include <exception>
#include <sys/stat.h>

namespace converge::daemon {

namespace {

constexpr std::chrono::seconds kLockPatience{10};

void log_untold(const Error& error) {
  log(LogLevel::error, "an update is not in the journal yet", {{"error", error.what()}});
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
  auto trial = read().trial;
  if (trial && trial->build != build) trial.reset();
  return trial;
}

std::int64_t TrialRecord::begin_start(std::int64_t build) const {
  std::optional<updater::Trial> trial;
  try {
    trial = updater(build, kLockPatience).begin_trial();
  } catch (const updater::NotJournaled& error) {
    log_untold(error);
    trial = open_for(build);
  }
  return trial ? trial->starts : 0;
}

void TrialRecord::end_start(std::int64_t build) const { updater(build, kLockPatience).end_start(); }

void TrialRecord::commit(std::int64_t build) const { updater(build, kLockPatience).commit_trial(); }

void TrialRecord::take_back(std::int64_t build, const std::string& why) const {
  try {
    updater(build, kLockPatience).fail_trial(why);
  } catch (const updater::NotJournaled& error) {
    log_untold(error);
  }
}

bool TrialRecord::must_be_taken_back(std::int64_t build) const {
  const updater::UpdateState state = read();
  return state.trial && state.trial->build == build && is_quarantined(state, build);
}

bool TrialRecord::drop() const {
  auto own = updater(build_number(), std::chrono::milliseconds(0));
  if (!runs_this_process()) return false;
  own.settle();
  return !read().trial;
}

updater::Updater TrialRecord::updater(std::int64_t build,
                                      std::chrono::milliseconds lock_wait) const {
  updater::UpdaterOptions options;
  options.channel = channel_;
  options.build = build;
  options.lock_wait = lock_wait;
  updater::UpdaterHooks hooks;
  hooks.note = [this](const auto& note, const auto& seen) { tell(note, seen); };
  return {installation_, std::move(options), std::move(hooks)};
}

void TrialRecord::tell(const updater::UpdateNote& note,
                       const std::map<std::string, updater::Floors>& seen) const {
  try {
    journal::Journal journal(journal_, "daemon",
                             [](const auto& text) { log(LogLevel::warning, text); });
    journal.append_update(engine::update_event(note), engine::update_seen(seen), note.once);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {  // A path of it that leads nowhere, say.
    throw Error(ErrorKind::failure, error.what());
  }
}

}  // namespace converge::daemon
