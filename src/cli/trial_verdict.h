#pragma once

#include "updater/update_state.h"

#include <filesystem>
#include <optional>
#include <string>

namespace converge::cli {

/// What the passes of a `run` said of a build on trial.
struct TrialVerdict {
  bool is_healthy = false;  ///< Else it is failing.
  std::string why;

  friend bool operator==(const TrialVerdict&, const TrialVerdict&) = default;
};

/// What the journal has of it since the trial began, by processes of that very build; nullopt:
/// nothing. Where one pass has gone well, what went badly does not count. Throws `Error` when the
/// journal cannot be read.
std::optional<TrialVerdict> told_verdict(const std::filesystem::path& journal,
                                         const updater::Trial& trial);

/// Tells the journal, for whoever may write beside the binary, unless it says so already. Throws
/// `Error{failure}`.
void tell_verdict(const std::filesystem::path& journal, const updater::Trial& trial,
                  const TrialVerdict& verdict);

}  // namespace converge::cli
