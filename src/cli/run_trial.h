#pragma once

#include "journal/reader.h"
#include "src/config/config.h"
#include "src/engine/pass.h"

#include <optional>
#include <vector>

namespace converge::cli {

/// The trial of a new build where no daemon runs: the passes of a `run` decide.
///
/// The first `run` of which a pass does not fail commits it. One of which all fail, though the last
/// passes of what failed had not, puts the build before back, once.
class RunTrial {
 public:
  /// Reads what was before the passes. Throws nothing: who cannot tell changes nothing.
  explicit RunTrial(const config::Config& config);

  /// After the passes. False when the build before was put back, which is told as an error.
  bool end(const std::vector<engine::PassResult>& results);

 private:
  const config::Config& config_;
  bool on_trial_ = false;
  journal::State before_;
};

}  // namespace converge::cli
