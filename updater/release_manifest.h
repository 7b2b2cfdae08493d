#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace converge::updater {

/// The binary of a build for one platform.
struct Artifact {
  std::string platform;         ///< `linux-amd64`
  std::string path;             ///< Below the base URL: `builds/123/converge-linux-amd64`.
  std::int64_t size_bytes = 0;  ///< 1 byte to 1 GiB.
  std::string sha256;           ///< 64 lower-case hexadecimal digits.

  friend bool operator==(const Artifact&, const Artifact&) = default;
};

/// How fast a build reaches its hosts.
struct Rollout {
  std::int64_t start_us = 0;
  int percent_per_hour = 100;  ///< 1 to 100; 100: all hosts at once.
  bool paused = false;

  friend bool operator==(const Rollout&, const Rollout&) = default;
};

/// What a channel offers. Times are microseconds since 1970-01-01 00:00 UTC, whole seconds of them.
struct ReleaseManifest {
  std::string product;     ///< Always `converge`.
  std::string channel;     ///< `[a-z][a-z0-9-]*`
  std::int64_t seq = 0;    ///< Grows with every signing of the channel.
  std::int64_t build = 0;  ///< Higher is newer.
  std::string commit;      ///< What it was built from; a word.
  std::int64_t built_us = 0;
  std::int64_t issued_us = 0;   ///< When it was signed.
  std::int64_t expires_us = 0;  ///< After `issued_us`.
  std::int64_t min_build = 0;   ///< A lower build must be left even if a person chose it.
  std::vector<std::int64_t>
      withdrawn;  ///< Builds that hosts must leave; `build` may be one of them.
  Rollout rollout;
  std::vector<Artifact> artifacts;  ///< At least one, and one for each platform.

  /// Null when there is none for that platform.
  const Artifact* artifact_for(std::string_view platform) const;

  friend bool operator==(const ReleaseManifest&, const ReleaseManifest&) = default;
};

/// Of a manifest with its signature.
constexpr std::size_t kMostReleaseBytes = 64 * 1024;
/// Of `seq`, and of the numbers of builds, which begin with 1.
constexpr std::int64_t kHighestBuild = 2'147'483'647;
constexpr std::int64_t kMostArtifactBytes = std::int64_t{1024} * 1024 * 1024;

/// Reads a manifest, and nothing that is not exactly one: `StrictObject` says how the text must
/// look; the members are those of the structs above (`built`, `issued`, `expires`, `rollout.start`
/// as `2026-11-22T10:00:00Z`, `size`), all of them, in any order. Does not know which channel is
/// wanted. Throws `Error{failure}`, which names the member.
ReleaseManifest parse_release_manifest(std::string_view text);

/// The text of a manifest, in lines for people, with the line break at its end. What
/// `parse_release_manifest` would refuse is written all the same, and still refused.
std::string manifest_text(const ReleaseManifest& manifest);

/// Whether a channel may be called so.
bool is_channel_name(std::string_view name);

/// Whether a path leads to something below the base URL, written in one way only: segments of
/// letters, digits and `._+~-`, none of them empty, `.` or `..`.
bool is_release_path(std::string_view path);

/// The platform of this binary: `linux-amd64` or `linux-arm64`.
std::string this_platform();

}  // namespace converge::updater
