#include "src/daemon/on_trial.h"

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/version.h"
#include "updater/installation.h"
#include "updater/update_state.h"

#include <cstdlib>
#include <limits>
#include <map>
#include <string>

namespace converge::daemon {

namespace {

constexpr std::chrono::milliseconds kAgain{500};  // What is told is told as often.

/// Passes since then may be this build's own, in an earlier start of its trial.
std::int64_t first_start_us() {
  try {
    const auto installation = updater::Installation::of_this_process();
    const auto trial = updater::read_update_state(installation.state_file()).trial;
    if (trial && trial->build == build_number() && trial->starts > 1) return trial->since_us;
  } catch (const Error&) {
    // It is run from somewhere else than it is installed.
  }
  return std::numeric_limits<std::int64_t>::max();
}

std::map<std::string, Probation::Before> read_before(const std::filesystem::path& journal) {
  std::map<std::string, Probation::Before> before;
  const std::int64_t until_us = first_start_us();
  try {
    const journal::State state = journal::Reader(journal).state();
    for (const auto& [converger, last] : state.last_passes) {
      if (last.time_us < until_us) before[converger].failed = last.outcome == "failed";
    }
    for (const auto& subject : state.quarantined) {
      if (subject.since_us < until_us) before[subject.converger].quarantined = true;
    }
  } catch (const Error&) {
    // Then nothing is known to have failed before.
  }
  return before;
}

/// What this host is to run, and whether that is all that anybody runs.
void add_own(ProbationView& view, const Passes& passes, const journal::State& state) {
  const auto profiles = passes.profiles();
  const std::int64_t now_us = wall_time_us();
  view.owns_all = true;
  for (const auto& [unit, known] : passes.units()) {
    view.is_running = view.is_running || known.running;
    const auto profile = profiles.find(unit.converger);
    if (profile == profiles.end()) continue;
    const engine::Settings& settings = profile->second.settings;
    const bool by_hand = !settings.every && settings.listen.empty();
    if (by_hand || journal::pause_in_force(state.pauses, unit.converger, now_us)) continue;
    if (known.owned_since) {
      view.own.insert(unit.converger);
    } else {
      view.owns_all = false;
    }
  }
}

}  // namespace

OnTrial::OnTrial(const ServiceNotifier& notifier, std::chrono::milliseconds length,
                 const std::filesystem::path& journal)
    : notifier_(notifier), probation_(length, read_before(journal), Clock::now()) {}

void OnTrial::ended(const engine::PassResult& result) {
  const std::lock_guard lock(mutex_);
  probation_.ended(result);
}

void OnTrial::tick(const Passes& passes, const journal::State& state, bool has_database,
                   bool has_journal) {
  if (notifier_.is_orphaned()) {
    log(LogLevel::error, "the guard of this build on trial is gone; ending");
    std::_Exit(EXIT_FAILURE);
  }
  ProbationView view{.has_database = has_database, .has_journal = has_journal};
  add_own(view, passes, state);
  const std::lock_guard lock(mutex_);
  tell(probation_.judge(view, Clock::now()), has_database);
}

void OnTrial::tell(const Judgement& judgement, bool has_database) {
  const auto now = Clock::now();
  if (judgement == told_ && now - told_at_ < kAgain) return;
  told_ = judgement;
  told_at_ = now;
  switch (judgement.kind) {
    case Judgement::Kind::open:
      break;
    case Judgement::Kind::waiting:
      notifier_.waiting(!has_database);
      break;
    case Judgement::Kind::healthy:
      notifier_.healthy();
      break;
    case Judgement::Kind::failing:
      notifier_.failing(judgement.why);
      break;
  }
}

}  // namespace converge::daemon
