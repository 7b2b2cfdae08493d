#pragma once

#include "updater/update.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace converge::daemon {

/// The trial of the build that is installed, as its guard sees it: what `updater::Updater` does,
/// where a journal that cannot be written, which is logged, keeps nobody from counting and from
/// going back. What it has not been told then, the state keeps until it is: see `drop`. Where
/// somebody else has the lock of the installation for ten seconds, `Error{transient}` is thrown and
/// nothing is changed.
class TrialRecord {
 public:
  TrialRecord(updater::Installation installation, std::filesystem::path journal,
              std::string channel)
      : installation_(std::move(installation)),
        journal_(std::move(journal)),
        channel_(std::move(channel)) {}

  const updater::Installation& installation() const { return installation_; }
  updater::UpdateState read() const;
  /// Whether the path leads to the very file that this process runs.
  bool runs_this_process() const;
  /// The trial of exactly this build, if it is open.
  std::optional<updater::Trial> open_for(std::int64_t build) const;

  /// Counts one more start of the build, durably, and journals it; how many that makes.
  std::int64_t begin_start(std::int64_t build) const;
  /// Takes one back that a person ended.
  void end_start(std::int64_t build) const;

  /// The build has proven itself: it stays, and no lower one is installed again. Nothing happens
  /// where the trial was ended by somebody else. Throws `Error`, and the trial goes on, where the
  /// journal cannot be told.
  void commit(std::int64_t build) const;
  /// The build has failed: it is quarantined, and the one before is put back. Killed anywhere, the
  /// path holds one of them, and who starts next ends this (`must_be_taken_back`) or `drop`s what
  /// is left of it. Nothing happens where the trial was ended by somebody else. Throws `Error` when
  /// the build before cannot be put back; the other one is quarantined then, and its trial open.
  void take_back(std::int64_t build, const std::string& why) const;
  /// Whether a build whose trial is open has failed already.
  bool must_be_taken_back(std::int64_t build) const;
  /// Forgets the trial of a build that the path does not hold: a crash came before the swap, or
  /// after it was taken back, which is journaled first. Nothing happens where this process does not
  /// run what the path holds, or where another update is at work. Whether no trial is left. Throws
  /// `Error` where the journal cannot be told.
  bool drop() const;

 private:
  updater::Updater updater(std::int64_t build, std::chrono::milliseconds lock_wait) const;
  void tell(const updater::UpdateNote& note,
            const std::map<std::string, updater::Floors>& seen) const;

  updater::Installation installation_;
  std::filesystem::path journal_;
  std::string channel_;
};

}  // namespace converge::daemon
