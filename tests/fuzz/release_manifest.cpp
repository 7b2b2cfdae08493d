// A manifest is refused by name, or it keeps to its bounds, whatever its signer may have written:
// and it is the same manifest again from the text that would be published of it.

#include "updater/release_manifest.h"

#include "tests/fuzz/target.h"

#include <algorithm>
#include <set>
#include <string>

namespace converge::fuzz {
namespace {

using namespace updater;

void claim_bounds(const ReleaseManifest& manifest) {
  const auto is_build = [](std::int64_t build) { return build >= 1 && build <= kHighestBuild; };
  claim(manifest.product == "converge", "another product", manifest.product);
  claim(is_channel_name(manifest.channel), "a channel that has no name", manifest.channel);
  claim(is_build(manifest.seq) && is_build(manifest.build), "seq or build");
  claim(!manifest.commit.empty() && manifest.commit.size() <= 64, "commit", manifest.commit);
  claim(manifest.built_us >= 0 && manifest.issued_us >= 0 && manifest.rollout.start_us >= 0,
        "a time before 1970");
  claim(manifest.expires_us > manifest.issued_us, "expires before it is issued");
  claim(manifest.min_build >= 0 && manifest.min_build <= manifest.build, "min_build");
  claim(std::all_of(manifest.withdrawn.begin(), manifest.withdrawn.end(), is_build), "withdrawn");
  const auto percent = manifest.rollout.percent_per_hour;
  claim(percent >= 1 && percent <= 100, "percent_per_hour");
  std::set<std::string> platforms;
  for (const Artifact& artifact : manifest.artifacts) {
    claim(platforms.insert(artifact.platform).second, "a platform twice", artifact.platform);
    claim(is_release_path(artifact.path), "path", artifact.path);
    claim(!artifact.path.starts_with('/') &&
              ("/" + artifact.path + "/").find("/../") == std::string::npos,
          "a path that leads elsewhere", artifact.path);
    claim(artifact.size_bytes >= 1 && artifact.size_bytes <= kMostArtifactBytes, "size");
    claim(artifact.sha256.size() == 64 &&
              artifact.sha256.find_first_not_of("0123456789abcdef") == std::string::npos,
          "sha256", artifact.sha256);
  }
  claim(!platforms.empty(), "no artifact");
}

}  // namespace

void release_manifest(std::string_view input) {
  ReleaseManifest manifest;
  if (const auto error = error_of([&] { manifest = parse_release_manifest(input); })) {
    claim(error->kind() == ErrorKind::failure, "refused as another thing", error->what());
    claim(std::string_view(error->what()).starts_with("manifest: "), "no name", error->what());
    return;
  }
  claim(input.size() <= kMostReleaseBytes, "more bytes than a manifest may have");
  claim_bounds(manifest);
  const auto text = manifest_text(manifest);
  // Many withdrawn builds without blanks between them take more room as they are published.
  if (text.size() > kMostReleaseBytes) return;
  const auto again = parse_release_manifest(text);
  claim(again == manifest, "another manifest when it is read again", text);
  claim(manifest_text(again) == text, "another text when it is written again", text);
}

}  // namespace converge::fuzz
