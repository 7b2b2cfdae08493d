#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace converge::updater {

/// What a channel may not go below: an older manifest is a replay, an older build a step back.
struct Floors {
  std::int64_t seq = 0;    ///< The greatest number of a release manifest that was seen.
  std::int64_t build = 0;  ///< The greatest build that was installed.

  friend bool operator==(const Floors&, const Floors&) = default;
};

/// A build that has been put in, or is about to be, and has not proven itself yet.
///
/// It is written before the path changes. So after a crash the path may still hold `previous`, and
/// whoever finds that drops the trial, under the lock: nobody else ever ends it.
struct Trial {
  std::int64_t build = 0;
  std::int64_t previous = 0;  ///< The build to go back to: the one that it took the place of, or,
                              ///< where that was on trial itself, the one before.
  std::int64_t since_us = 0;
  std::int64_t starts = 0;   ///< How often it was started since.
  std::string channel = {};  ///< That offered it; empty: not known, as to older builds.
  /// `starts` as it was counted by the build before, for a start in which this one has not come to
  /// counting itself (yet); else 0.
  std::int64_t announced = 0;

  friend bool operator==(const Trial&, const Trial&) = default;
};

/// So often a build may be started without an end to its trial.
inline constexpr std::int64_t kMostStarts = 3;

/// A build that failed here, and is not installed again by itself.
struct QuarantinedBuild {
  std::int64_t build = 0;
  std::int64_t since_us = 0;
  std::string why;

  friend bool operator==(const QuarantinedBuild&, const QuarantinedBuild&) = default;
};

/// The last time that a server was asked, and its answer.
struct LastCheck {
  std::int64_t time_us = 0;
  std::string channel;
  std::string url;
  std::string etag;
  std::string last_modified;
  std::string object;  ///< The channel object, to be verified again by whoever uses it.
  std::string error;   ///< Why there was no answer; empty after one.

  friend bool operator==(const LastCheck&, const LastCheck&) = default;
};

/// What an installation remembers of its updates, in a file beside the binary.
struct UpdateState {
  std::map<std::string, Floors> floors;  ///< By channel.
  std::optional<Trial> trial;
  std::vector<QuarantinedBuild> quarantined;
  std::int64_t installed_build = 0;
  std::int64_t previous_build = 0;  ///< Of the binary's `.previous`; 0: none.
  std::optional<LastCheck> last_check;
  /// Why the file was of no use, or empty; never written. The rest is then empty, and who needs the
  /// floors has to take them from the journal.
  std::string trouble;

  friend bool operator==(const UpdateState&, const UpdateState&) = default;
};

bool is_quarantined(const UpdateState& state, std::int64_t build);

/// Why a build is taken back that was started `kMostStarts` times.
std::string started_too_often();

/// Reads the state. A missing file is an empty state; one that cannot be read or is not a state
/// (cut, garbage, a wrong type, over 1 MiB, not a regular file) is an empty one with `trouble`.
/// What a newer build has added is passed over. Throws nothing but for want of memory.
UpdateState read_update_state(const std::filesystem::path& path);

/// Replaces the file (mode 0644) durably: a crash at any instant leaves all of the old state or all
/// of the new one, and perhaps a file `PATH.XXXXXX`, which `Installation::clean` removes. Who
/// changes what was read does so under `Installation::lock`. Throws `Error{failure}`; the old state
/// is then still there, unless the message says that only its durability is in doubt.
void write_update_state(const std::filesystem::path& path, const UpdateState& state);

}  // namespace converge::updater
