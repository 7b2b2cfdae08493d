#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

namespace converge::updater {

/// How a new build is tried before it is put in.
struct Preflight {
  std::filesystem::path staged;
  std::int64_t build = 0;              ///< That it must report.
  std::string object;                  ///< The release that delivered it, on its standard input.
  std::vector<std::string> arguments;  ///< Behind `update --preflight`.
  std::chrono::milliseconds timeout{60'000};
  std::stop_token stop{};  ///< Ends it early.
};

/// What it said of itself.
struct PreflightAnswer {
  std::int64_t build = 0;
  std::vector<std::string> broken;  ///< Definitions that it cannot use.
};

/// Runs `STAGED update --preflight ARGUMENTS...`, which is to verify the release, read the
/// configuration and the definitions, migrate and write the journal that it is given, and print
///
///     {"build":123,"broken":["name"]}
///
/// That one line is what it has to keep to, of whatever build it is. A missing library, another
/// machine's binary and whatever else keeps a program from running is found in this way, and in
/// no other. Throws `Error{failure}` with its output, unless it ends with 0 within the deadline and
/// reports that build; `Error{transient}`, which says nothing of the build, when it is to stop.
/// Then it is killed with its process group, as `run_child` does.
PreflightAnswer preflight(const Preflight& request);

}  // namespace converge::updater
