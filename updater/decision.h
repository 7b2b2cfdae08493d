#pragma once

#include "updater/release_manifest.h"
#include "updater/update_state.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::updater {

/// What is to be done about a release manifest.
enum class Verdict {
  nothing_newer,  ///< The present build is what this host should run, or nothing better is there.
  install,        ///< Install the manifest's build.
  go_back,        ///< The present build is withdrawn: put the previous one back.
  wait_for_rollout,  ///< This host's bucket is not open yet.
  wait_for_trial,    ///< A build that was put in has not proven itself yet.
  paused,            ///< The rollout is paused.
  quarantined,       ///< The build failed on this host.
  no_artifact,       ///< There is no binary of the build for this platform.
  floor_refused,     ///< Older than what was seen or installed: a replay, or a mistake.
  not_released,      ///< The present build is a developer's, and never updates by itself.
  not_offered,       ///< Not the build, or not the channel, that was asked for.
};

/// `nothing_newer`, `install`, ...
std::string_view name_of(Verdict verdict);

/// All that a decision depends on besides the manifest.
struct Situation {
  std::int64_t build = 0;          ///< Of the binary at the path; 0: a developer's.
  std::int64_t build_time_us = 0;  ///< When it was built; 0: not known.
  std::string channel;             ///< That this host follows.
  std::string platform;
  Floors floors;  ///< Of that channel.
  std::vector<QuarantinedBuild> quarantined;
  std::int64_t previous_build = 0;  ///< That is beside the binary; 0: none.
  std::optional<Trial> trial;
  bool trial_is_overdue = false;  ///< Nobody is there to end it, and it took its time.
  int bucket = 0;                 ///< `host_bucket`
  std::int64_t now_us = 0;
  std::optional<std::int64_t> wanted;  ///< The build that a person asked for (`--to`).
  bool forced = false;                 ///< A person asked for whatever the channel offers.
};

/// What is to be done, about which build, and why.
struct Decision {
  Verdict verdict = Verdict::nothing_newer;
  std::int64_t build = 0;  ///< To install, to go back to, or that the verdict is about.
  std::string why;         ///< One sentence for people, as messages are: lower case, no full stop.
  std::optional<std::int64_t> opens_us;  ///< `wait_for_rollout`: when this host's bucket opens.
  std::vector<std::string> warnings;     ///< Sentences of the same kind, whatever the verdict.
};

/// Decides, from these values alone; throws nothing. The first of these that applies:
///
/// 1. The manifest is of another channel, or not of the build that a person wants: `not_offered`.
/// 2. Its seq is below the floor: `floor_refused`. The same seq is fine.
/// 3. A developer's build, and no person asked: `not_released`.
/// 4. Another build than the present one is on trial: `wait_for_trial`, even for a person.
/// 5. The present build is withdrawn: `go_back`, if the previous build is neither withdrawn nor
///    quarantined nor below `min_build`. Otherwise as below, but whatever the bucket and the floor
///    of builds. A pause and a trial of the present build do not stop it from going back.
/// 6. The build offered is the present one, or older, or withdrawn, or below `min_build`:
///    `nothing_newer`; `floor_refused` if it is older than the floor, or than the present one and a
///    person wants it: a lower build is never installed, only gone back to; `not_offered` if a
///    person wants what is withdrawn or below `min_build`.
/// 7. `no_artifact`.
/// 8. Then, unless a person wants this very build: `quarantined`, `wait_for_trial` (of the present
///    build, unless it is overdue; `forced` skips it), `paused`, and
///    `wait_for_rollout`, which does not hold who is below `min_build`.
/// 9. `install`.
///
/// A manifest that has expired only warns. Where the clock is before the present build's own time,
/// it is the clock that is wrong: expiry is not looked at, and a warning says so.
Decision decide(const ReleaseManifest& manifest, const Situation& situation);

}  // namespace converge::updater
