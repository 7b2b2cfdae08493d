#include "updater/decision.h"

#include "src/base/clock.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

namespace converge::updater {
namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;
constexpr int kEverybody = 100;  // Percent.

// To the second, as people read it.
std::string time_text(std::int64_t time_us) {
  const auto text = format_utc(time_us);
  const auto dot = text.find('.');
  return dot == std::string::npos ? text : text.substr(0, dot) + "Z";
}

std::vector<std::string> warnings_about(const ReleaseManifest& manifest,
                                        const Situation& situation) {
  if (situation.now_us < situation.build_time_us) {
    return {
        fmt::format("the clock says {}, which is before this build was made ({}), so whether the "
                    "release manifest "
                    "has expired was not looked at",
                    time_text(situation.now_us), time_text(situation.build_time_us))};
  }
  if (situation.now_us <= manifest.expires_us) return {};
  return {
      fmt::format("the release manifest of channel {} expired at {}, and nobody has signed another",
                  manifest.channel, time_text(manifest.expires_us))};
}

// The first microsecond at which more percent of the hosts are let in than this host's bucket says.
std::int64_t opening_us(const Rollout& rollout, int bucket) {
  if (rollout.percent_per_hour >= kEverybody) return rollout.start_us;
  return rollout.start_us + bucket * kHourUs / std::max(rollout.percent_per_hour, 1) + 1;
}

class Judge {
 public:
  Judge(const ReleaseManifest& manifest, const Situation& situation)
      : manifest_(manifest),
        situation_(situation),
        build_(manifest.build),
        present_(situation.build),
        wanted_(situation.wanted.has_value()) {}

  Decision decide() const {
    for (const auto rule : {&Judge::offer, &Judge::replay, &Judge::release, &Judge::foreign_trial,
                            &Judge::withdrawal, &Judge::direction, &Judge::artifact,
                            &Judge::quarantine, &Judge::own_trial, &Judge::rollout}) {
      if (auto decision = (this->*rule)()) return *std::move(decision);
    }
    return made(Verdict::install, build_, reason_to_install());
  }

 private:
  using Answer = std::optional<Decision>;

  Answer offer() const;
  Answer replay() const;
  Answer release() const;
  Answer foreign_trial() const;
  Answer withdrawal() const;
  Answer direction() const;
  Answer artifact() const;
  Answer quarantine() const;
  Answer own_trial() const;
  Answer rollout() const;

  static Decision made(Verdict verdict, std::int64_t build, std::string why) {
    return {
        .verdict = verdict, .build = build, .why = std::move(why), .opens_us = {}, .warnings = {}};
  }
  Answer unfit() const;
  std::string reason_to_install() const;
  bool is_withdrawn(std::int64_t build) const {
    const auto& list = manifest_.withdrawn;
    return std::find(list.begin(), list.end(), build) != list.end();
  }
  bool must_leave() const { return is_withdrawn(present_) || present_ < manifest_.min_build; }
  const QuarantinedBuild* quarantine_of(std::int64_t build) const {
    const auto& list = situation_.quarantined;
    const auto found = std::find_if(list.begin(), list.end(),
                                    [&](const auto& entry) { return entry.build == build; });
    return found == list.end() ? nullptr : &*found;
  }

  const ReleaseManifest& manifest_;
  const Situation& situation_;
  std::int64_t build_;
  std::int64_t present_;
  bool wanted_;
};

Judge::Answer Judge::offer() const {
  if (manifest_.channel != situation_.channel) {
    return made(Verdict::not_offered, build_,
                fmt::format("the release manifest is of channel {}, and this host follows {}",
                            manifest_.channel, situation_.channel));
  }
  if (wanted_ && *situation_.wanted != build_) {
    return made(Verdict::not_offered, *situation_.wanted,
                fmt::format("build {} was asked for, and the release manifest offers build {}",
                            *situation_.wanted, build_));
  }
  return std::nullopt;
}

Judge::Answer Judge::replay() const {
  if (manifest_.seq >= situation_.floors.seq) return std::nullopt;
  return made(Verdict::floor_refused, build_,
              fmt::format("the release manifest of channel {} has the number {}, and number {} was "
                          "seen before: somebody sends an old one",
                          manifest_.channel, manifest_.seq, situation_.floors.seq));
}

Judge::Answer Judge::release() const {
  if (present_ > 0 || wanted_ || situation_.forced) return std::nullopt;
  return made(Verdict::not_released, present_,
              "this build was not released, and does not update itself unless it is told to");
}

Judge::Answer Judge::foreign_trial() const {
  if (!situation_.trial || situation_.trial->build == present_) return std::nullopt;
  return made(Verdict::wait_for_trial, situation_.trial->build,
              fmt::format("build {} is on trial since {}", situation_.trial->build,
                          time_text(situation_.trial->since_us)));
}

Judge::Answer Judge::withdrawal() const {
  const auto previous = situation_.previous_build;
  if (wanted_ || !is_withdrawn(present_) || previous <= 0 || is_withdrawn(previous) ||
      quarantine_of(previous) != nullptr || previous < manifest_.min_build) {
    return std::nullopt;
  }
  return made(
      Verdict::go_back, previous,
      fmt::format("build {} is withdrawn, and build {} is the one before it", present_, previous));
}

// What no host may install.
Judge::Answer Judge::unfit() const {
  const bool withdrawn = is_withdrawn(build_);
  if (!withdrawn && build_ >= manifest_.min_build) return std::nullopt;
  return made(wanted_ ? Verdict::not_offered : Verdict::nothing_newer, build_,
              withdrawn
                  ? fmt::format("build {}, the one offered, is withdrawn", build_)
                  : fmt::format("build {}, the one offered, is below {}, the least that hosts "
                                "may run",
                                build_, manifest_.min_build));
}

Judge::Answer Judge::direction() const {
  if (build_ == present_) {
    if (auto decision = unfit(); decision && !wanted_) {
      decision->why += ", and there is nothing to leave it for";
      return decision;
    }
    return made(
        Verdict::nothing_newer, present_,
        wanted_ ? fmt::format("build {} is installed already", present_)
                : fmt::format("build {} is the newest of channel {}", present_, manifest_.channel));
  }
  if (build_ < situation_.floors.build && !is_withdrawn(present_)) {
    return made(
        Verdict::floor_refused, build_,
        fmt::format("channel {} offers build {}, and build {} was installed from it: a lower "
                    "one is never installed",
                    manifest_.channel, build_, situation_.floors.build));
  }
  if (build_ > present_) return unfit();
  if (wanted_) {
    return made(Verdict::floor_refused, build_,
                fmt::format("build {} is lower than build {}, and a lower one is never installed",
                            build_, present_));
  }
  return made(
      Verdict::nothing_newer, present_,
      fmt::format("build {} is {}, and channel {} offers no newer one than {}", present_,
                  is_withdrawn(present_) ? "withdrawn" : "newer", manifest_.channel, build_));
}

Judge::Answer Judge::artifact() const {
  if (manifest_.artifact_for(situation_.platform) != nullptr) return std::nullopt;
  std::vector<std::string> platforms;
  for (const auto& artifact : manifest_.artifacts) platforms.push_back(artifact.platform);
  return made(Verdict::no_artifact, build_,
              fmt::format("build {} is not made for {}, only for: {}", build_, situation_.platform,
                          fmt::join(platforms, ", ")));
}

Judge::Answer Judge::quarantine() const {
  const auto* entry = quarantine_of(build_);
  if (wanted_ || entry == nullptr) return std::nullopt;
  return made(Verdict::quarantined, build_,
              fmt::format("build {} is quarantined on this host since {}: {}", build_,
                          time_text(entry->since_us), entry->why));
}

Judge::Answer Judge::own_trial() const {
  if (wanted_ || situation_.forced || !situation_.trial || situation_.trial_is_overdue) {
    return std::nullopt;
  }
  return made(Verdict::wait_for_trial, present_,
              fmt::format("build {} is on trial since {}, and build {} waits for its end", present_,
                          time_text(situation_.trial->since_us), build_));
}

Judge::Answer Judge::rollout() const {
  if (wanted_) return std::nullopt;
  const auto& rollout = manifest_.rollout;
  if (rollout.paused) {
    return made(Verdict::paused, build_, fmt::format("the rollout of build {} is paused", build_));
  }
  const auto opens_us = opening_us(rollout, situation_.bucket);
  if (must_leave() || situation_.now_us >= opens_us) return std::nullopt;
  auto decision =
      made(Verdict::wait_for_rollout, build_,
           fmt::format("build {} comes to this host at {}", build_, time_text(opens_us)));
  decision.opens_us = opens_us;
  return decision;
}

std::string Judge::reason_to_install() const {
  if (wanted_) return fmt::format("build {} was asked for", build_);
  if (is_withdrawn(present_)) {
    return fmt::format("build {} is withdrawn, and build {} is newer", present_, build_);
  }
  if (must_leave()) {
    return fmt::format("build {} is below {}, the least that hosts may run", present_,
                       manifest_.min_build);
  }
  return fmt::format("build {} is newer than build {}", build_, present_);
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  constexpr std::array<std::string_view, 11> kNames = {
      "nothing_newer",  "install",      "go_back",     "wait_for_rollout",
      "wait_for_trial", "paused",       "quarantined", "no_artifact",
      "floor_refused",  "not_released", "not_offered"};
  return kNames.at(static_cast<std::size_t>(verdict));
}

Decision decide(const ReleaseManifest& manifest, const Situation& situation) {
  auto decision = Judge(manifest, situation).decide();
  decision.warnings = warnings_about(manifest, situation);
  return decision;
}

}  // namespace converge::updater
