#pragma once

#include "tests/cli/daemon_fixture.h"
#include "updater/installation.h"
#include "updater/update_state.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace converge::tests {

/// A host where build 101 is installed and its daemon runs, and build 102 may come.
struct TrialHost : Daemon {
  /// `program` in the directory of the binaries is what is installed, as that build.
  explicit TrialHost(const std::string& program = "converge-build-101", std::int64_t build = 101);

  /// Where a program was built.
  static std::filesystem::path built(const std::string& program);

  /// Puts a program, or a script for sh, in as build 102, in the order of an update.
  void put_in(const std::filesystem::path& program) const;
  void put_in_script(const std::string& script) const;
  /// A script that becomes build 102 with that in front of it: `NAME=VALUE`.
  static std::string becomes_new(const std::string& assignments = "");

  /// Makes an account wrong, and nobody is woken.
  void archive_silently(int id) const;

  updater::UpdateState state() const;
  /// Waits until no build is on trial.
  bool trial_ends() const;
  /// Waits until such an event is in the journal; that with an outcome ends a trial.
  bool tells(const std::string& event, std::int64_t build) const;
  std::string events() const;  ///< `trial 102, committed 102`
  /// Whether the path holds that build, byte for byte.
  bool holds(const std::string& program) const;

  /// The process of the build on trial, once the guard has one.
  static std::optional<pid_t> child_of(Service& service);
  static pid_t wait_for_child(Service& service);
  /// The build that a process runs, by its binary; 0: another one.
  bool runs(pid_t process, const std::string& program) const;

  /// Archives one more account and waits until that is set right, as `build` in the journal says.
  void require_passes_by(std::int64_t build);
  /// What a trial must leave behind, however it ended: the service goes on in that build with its
  /// process id, and the journal is whole.
  void require_goes_on_in(Service& service, std::int64_t build);
  /// And what build 102 leaves that was taken back, once and for all.
  void require_taken_back(Service& service, const std::string& why);

  updater::Installation installation;

 private:
  int next_account_ = 100;
};

/// Short, and with a guard that waits no longer than that for a sign of life.
inline constexpr const char* kTrialSettings =
    "status = \"off\"\ngrace = \"3s\"\n[update]\ntrial = \"3s\"\n[database]\nlock_timeout = "
    "\"60s\"\n";

}  // namespace converge::tests
