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

using engine::PassOutcome;
using engine::PassResult;

bool has_failed(const PassResult& result) { return result.outcome == PassOutcome::failed; }

/// A pass that was skipped or interrupted says nothing about the build.
bool has_succeeded(const PassResult& result) {
  return result.outcome == PassOutcome::converged || result.outcome == PassOutcome::unchanged ||
         result.outcome == PassOutcome::held;
}

}  // namespace

RunTrial::RunTrial(const config::Config& config) : config_(config) {
  try {
    if (build_number() == 0) return;
    const auto installation = updater::Installation::of_this_process();
    const auto trial = updater::read_update_state(installation.state_file()).trial;
    if (!trial || trial->build != build_number()) return;
    before_ = remember(config.journal);
    on_trial_ = !before_.service || !is_alive(before_.service->process);
  } catch (const Error&) {
    on_trial_ = false;
  }
}

bool RunTrial::end(const std::vector<PassResult>& results) {
  if (!on_trial_) return true;
  const bool proven = std::any_of(results.begin(), results.end(), has_succeeded);
  const auto was_well = [&](const PassResult& result) {
    const auto last = before_.last_passes.find(result.converger);
    return has_failed(result) && last != before_.last_passes.end() && last->second.failures == 0;
  };
  const bool all_failed =
      !results.empty() && std::all_of(results.begin(), results.end(), has_failed);
  const bool is_new = std::any_of(results.begin(), results.end(), was_well);
  if (!proven && !(all_failed && is_new)) return true;
  try {
    Updating updating(config_, true);
    if (proven) {
      updating.updater().commit_trial();
      refresh_installed(false);
      return true;
    }
    const auto previous = updating.updater().state().trial;
    updating.updater().roll_back(
        fmt::format("all {} passes of its first run failed, and had not before: {}", results.size(),
                    results.front().error ? results.front().error->what() : "no reason was told"));
    print_error(
        Error(ErrorKind::failure,
              fmt::format("build {} was on trial and all passes failed: build {} is put back",
                          build_number(), previous ? previous->previous : 0),
              fmt::format("Run it again. Build {} is quarantined: `converge update --status`.",
                          build_number())));
    return false;
  } catch (const Error& error) {
    print_notice(fmt::format("the trial of build {} goes on: {}", build_number(), error.what()));
    return true;
  }
}

}  // namespace converge::cli
