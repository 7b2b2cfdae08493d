#pragma once

#include "journal/reader.h"
#include "src/cli/trial_verdict.h"
#include "src/config/config.h"
#include "src/engine/pass_sign.h"
#include "updater/update_state.h"

#include <optional>
#include <vector>

namespace converge::cli {

/// The trial of a new build where no daemon runs: the passes of a `run` decide.
///
/// The first `run` of which a pass goes well commits it. One of which all go badly, though what
/// they were of had not failed before the trial, puts the build before back, once. A pass that a
/// server that is away or a lock kept from its end says neither. Where this user may not do that,
/// the journal is told, and `converge update` does it.
class RunTrial {
 public:
  /// Reads what was before the passes. Throws nothing: who cannot tell changes nothing.
  explicit RunTrial(const config::Config& config);

  /// After the passes. False when the build before was put back, which is told as an error.
  bool end(const std::vector<engine::PassResult>& results);

 private:
  engine::PassSign sign_of(const engine::PassResult& result) const;
  bool had_not_failed(const std::string& converger) const;
  bool is_failing(const std::vector<engine::PassResult>& results) const;
  std::optional<TrialVerdict> judged(const std::vector<engine::PassResult>& results) const;
  void leave(const TrialVerdict& verdict) const;

  const config::Config& config_;
  std::optional<updater::Trial> trial_;  ///< Of this build, where this process is to judge it.
  journal::State before_;
};

}  // namespace converge::cli
