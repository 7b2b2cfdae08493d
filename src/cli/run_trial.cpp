#include "src/cli/run_trial.h"

#include "src/base/process.h"
#include "src/base/version.h"
#include "src/cli/history.h"
#include "src/cli/output.h"
#include "src/cli/refresh.h"
#include "src/cli/updating.h"

#include <fmt/core.h>

#include <algorithm>

namespace converge::cli {

namespace {

using engine::PassResult;
using engine::PassSign;

/// Whether the build before is back, even if the journal cannot be told yet.
bool fail_trial(updater::Updater& updater, const std::string& why) {
  try {
    return updater.fail_trial(why);
  } catch (const updater::NotJournaled& error) {
    print_notice(error.what());
    return true;
  }
}

std::string told_failure(const PassResult& result) {
  return result.error ? result.error->what() : "each subject failed";
}

}  // namespace

RunTrial::RunTrial(const config::Config& config) : config_(config) {
  try {
    if (build_number() == 0) return;
    const auto installation = updater::Installation::of_this_process();
    const auto trial = updater::read_update_state(installation.state_file()).trial;
    if (!trial || trial->build != build_number()) return;
    before_ = remember(config.journal);
    if (!before_.service || !is_alive(before_.service->process)) trial_ = trial;
  } catch (const Error&) {
    trial_.reset();
  }
}

/// Subjects that kept failing before the trial are tried again now and then, and fail again.
PassSign RunTrial::sign_of(const PassResult& result) const {
  const auto sign = engine::sign_of(result);
  if (sign != PassSign::badly || result.error) return sign;
  const bool may_fail =
      std::any_of(before_.quarantined.begin(), before_.quarantined.end(), [&](const auto& subject) {
        return subject.converger == result.converger && subject.since_us < trial_->since_us;
      });
  return may_fail ? PassSign::neither : PassSign::badly;
}

/// An earlier `run` of the trial may have told nothing of the build and yet be a failure since.
bool RunTrial::had_not_failed(const std::string& converger) const {
  const auto last = before_.last_passes.find(converger);
  if (last == before_.last_passes.end() || last->second.completed_us == 0) return false;
  bool failed = false;
  journal::Reader(config_.journal)
      .newest({.convergers = {converger},
               .kinds = {journal::Kind::pass},
               .outcomes = {journal::Outcome::failed},
               .since_us = last->second.completed_us + 1,
               .until_us = trial_->since_us,
               .newest = 1},
              [&](const auto&) { failed = true; });
  return !failed;
}

bool RunTrial::is_failing(const std::vector<PassResult>& results) const {
  const bool all_badly =
      !results.empty() && std::all_of(results.begin(), results.end(), [&](const auto& result) {
        return sign_of(result) == PassSign::badly;
      });
  return all_badly && std::any_of(results.begin(), results.end(), [&](const auto& result) {
           return had_not_failed(result.converger);
         });
}

std::optional<TrialVerdict> RunTrial::judged(const std::vector<PassResult>& results) const {
  const auto well = std::find_if(results.begin(), results.end(), [&](const auto& result) {
    return sign_of(result) == PassSign::well;
  });
  if (well != results.end()) {
    return TrialVerdict{.is_healthy = true,
                        .why = fmt::format("a pass of {} went well", well->converger)};
  }
  if (!is_failing(results)) return std::nullopt;
  return TrialVerdict{.why = fmt::format("all {} passes of a run failed, and had not before: {}",
                                         results.size(), told_failure(results.front()))};
}

bool RunTrial::end(const std::vector<PassResult>& results) {
  if (!trial_) return true;
  std::optional<TrialVerdict> verdict;
  try {
    verdict = judged(results);
    if (!verdict) return true;
    Updating updating(config_, false);
    if (verdict->is_healthy) {
      updating.updater().commit_trial();
      refresh_installed(false);
      return true;
    }
    // Another `run` may have ended the trial meanwhile.
    if (!fail_trial(updating.updater(), verdict->why)) return true;
    print_error(
        Error(ErrorKind::failure,
              fmt::format("build {} was on trial and all passes failed: build {} is put back",
                          build_number(), trial_->previous),
              fmt::format("Run it again. Build {} is quarantined: `converge update --status`.",
                          build_number())));
    return false;
  } catch (const Error& error) {
    print_notice(fmt::format("the trial of build {} goes on: {}", build_number(), error.what()));
    if (verdict) leave(*verdict);
    return true;
  }
}

/// Who runs passes need not be who may write beside the binary: `converge update` goes by it.
void RunTrial::leave(const TrialVerdict& verdict) const {
  try {
    tell_verdict(config_.journal, *trial_, verdict);
  } catch (const Error& error) {
    print_notice(fmt::format("not journaled: {}", error.what()));
  }
}

}  // namespace converge::cli
