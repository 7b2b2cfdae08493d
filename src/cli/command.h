#pragma once

#include "src/config/config.h"

#include <CLI/CLI.hpp>

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace converge::cli {

/// Exit statuses. With several that apply, the first of usage, failed, held, locked,
/// inconsistencies.
enum ExitStatus : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kHeld = 3,  ///< Or paused.
  kInconsistencies = 4,
  kLocked = 75,
};

/// What lies beside the command line in the layers, handed in by the program's entry.
struct Services {
  std::function<int(const config::Flags&)> serve;  ///< The daemon; the exit status.
};

/// Options that every command takes, and what every command may use.
struct Common {
  const Services& services;
  config::Flags flags = {};
  std::string output = "short";
  std::string color = "auto";
  bool quiet = false;
  bool verbose = false;

  bool json() const { return output == "json"; }
};

/// A subcommand: `define` adds its options to `app` and returns what runs it; the exit status.
struct Command {
  std::string_view name;
  std::string_view summary;
  std::string_view examples;
  std::function<int()> (*define)(CLI::App& app, const Common& common);
};

/// The table of them all.
std::span<const Command> commands();

std::function<int()> define_run(CLI::App& app, const Common& common);
std::function<int()> define_plan(CLI::App& app, const Common& common);
std::function<int()> define_check(CLI::App& app, const Common& common);
std::function<int()> define_new(CLI::App& app, const Common& common);
std::function<int()> define_test(CLI::App& app, const Common& common);
std::function<int()> define_list(CLI::App& app, const Common& common);
std::function<int()> define_show(CLI::App& app, const Common& common);
std::function<int()> define_status(CLI::App& app, const Common& common);
std::function<int()> define_pause(CLI::App& app, const Common& common);
std::function<int()> define_resume(CLI::App& app, const Common& common);
std::function<int()> define_retry(CLI::App& app, const Common& common);
std::function<int()> define_release(CLI::App& app, const Common& common);
std::function<int()> define_stats(CLI::App& app, const Common& common);
std::function<int()> define_journal(CLI::App& app, const Common& common);
std::function<int()> define_why(CLI::App& app, const Common& common);
std::function<int()> define_publish(CLI::App& app, const Common& common);
std::function<int()> define_update(CLI::App& app, const Common& common);
std::function<int()> define_help(CLI::App& app, const Common& common);
std::function<int()> define_install(CLI::App& app, const Common& common);
std::function<int()> define_uninstall(CLI::App& app, const Common& common);
std::function<int()> define_completion(CLI::App& app, const Common& common);
std::function<int()> define_daemon(CLI::App& app, const Common& common);

/// A subcommand of `journal`, and what runs it when it was given.
struct JournalAction {
  const CLI::App* app;
  std::function<int()> run;
};
JournalAction define_journal_verify(CLI::App& journal, const Common& common);

/// Parses the arguments, dispatches, prints errors; the exit status of the process.
int main(int argc, char** argv, const Services& services);

}  // namespace converge::cli
