#pragma once

#include "journal/journal.h"
#include "src/config/config.h"
#include "src/engine/updating.h"
#include "updater/update.h"

#include <optional>
#include <string>

namespace converge::cli {

/// The updater of the binary that runs, which journals what it does.
class Updating {
 public:
  /// `looking`: what cannot be journaled is told as a notice and stops nothing. Throws
  /// `Error{usage}` for a key that is none, `updater::UpdateBusy` when the binary was replaced
  /// since it started.
  Updating(const config::Config& config, bool looking, updater::DownloadProgress progress = {});

  updater::Updater& updater() { return *updater_; }

 private:
  journal::Journal& journal();
  void note(const updater::UpdateNote& note, const std::map<std::string, updater::Floors>& seen);

  const config::Config& config_;
  const bool looking_;
  std::optional<journal::Journal> journal_;
  std::optional<updater::Updater> updater_;
};

/// Whether a daemon of this journal runs: then it is the one that judges a build on trial.
bool has_daemon(const config::Config& config);

/// Ends the trial of the build that runs by what passes of it said that could not end it
/// themselves, where no daemon is there to do so. Whether the build before was put back. What keeps
/// it from that is told, and left to the next time.
bool end_trial_by_passes(updater::Updater& updater, const config::Config& config);

/// `build 102`, with its channel and when it was signed.
std::string release_text(const updater::ReleaseManifest& manifest);

}  // namespace converge::cli
