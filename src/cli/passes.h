#pragma once

#include "convergers/registry.h"
#include "src/cli/command.h"
#include "src/config/config.h"
#include "src/engine/pass.h"

#include <optional>
#include <string>
#include <vector>

namespace converge::cli {

/// What `run` and `plan` are asked to do.
struct PassRequest {
  std::vector<std::string> names;
  std::optional<std::string> subject;
  std::chrono::milliseconds wait{0};
  bool exit_code = false;
  bool plan = false;
  bool yes = false;           ///< A person is not asked.
  bool update_check = false;  ///< Look for a newer build beside the passes.
};

/// Adds the options of `run` and `plan` to a command. `request` outlives it.
void add_pass_options(CLI::App& app, PassRequest& request);

/// Executes the passes one after the other and prints each result; the exit status. SIGINT and
/// SIGTERM let the chunks in flight end; a second one ends the process.
int execute_passes(const PassRequest& request, const Common& common);

/// The convergers that a `run` without names is for: those whose last pass is long enough ago,
/// and that nobody paused.
/// A tenth of the interval, ten seconds at most, is forgiven: else cron's own jitter would make a
/// converger that is due every minute miss every other one.
std::vector<std::string> due(const convergers::Registry& registry, const config::Config& config,
                             std::int64_t now_us);

/// The exit status of several passes and broken files.
int exit_status(const std::vector<engine::PassResult>& results, bool broken, bool exit_code);

}  // namespace converge::cli
