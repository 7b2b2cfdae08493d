#include "src/cli/published_text.h"

#include "src/base/clock.h"
#include "src/base/json_object.h"
#include "src/base/text.h"
#include "src/cli/output.h"

#include <fmt/core.h>

namespace converge::cli {
namespace {

std::string time_text(std::int64_t time_us) { return format_utc(time_us).substr(0, 19) + "Z"; }

template <typename Items, typename Text>
std::string json_array(const Items& items, Text text) {
  std::string array = "[";
  for (const auto& item : items) {
    if (array.size() > 1) array += ",";
    array += text(item);
  }
  return array + "]";
}

}  // namespace

std::string published_json(const std::string& action, const std::string& place,
                           const updater::Published& published) {
  const auto& manifest = published.manifest;
  const auto artifact_text = [](const updater::Artifact& artifact) {
    return JsonObject()
        .add("platform", artifact.platform)
        .add("path", artifact.path)
        .add("size", artifact.size_bytes)
        .add("sha256", artifact.sha256)
        .text();
  };
  const auto rollout = JsonObject()
                           .add("start", time_text(manifest.rollout.start_us))
                           .add("percent_per_hour", manifest.rollout.percent_per_hour)
                           .add("paused", manifest.rollout.paused)
                           .text();
  return JsonObject()
      .add("action", action)
      .add("place", place)
      .add("changed", published.changed)
      .add("channel", manifest.channel)
      .add("seq", manifest.seq)
      .add("build", manifest.build)
      .add("commit", manifest.commit)
      .add("built", time_text(manifest.built_us))
      .add("issued", time_text(manifest.issued_us))
      .add("expires", time_text(manifest.expires_us))
      .add("min_build", manifest.min_build)
      .add_raw("withdrawn", json_array(manifest.withdrawn,
                                       [](std::int64_t build) { return std::to_string(build); }))
      .add_raw("rollout", rollout)
      .add_raw("artifacts", json_array(manifest.artifacts, artifact_text))
      .add("key", published.key_id)
      .line();
}

std::string published_text(const updater::Published& published) {
  const auto& manifest = published.manifest;
  std::string text =
      fmt::format("{}  build {}, seq {}, expires {}{}\n", styled(Style::strong, manifest.channel),
                  manifest.build, manifest.seq, format_local(manifest.expires_us),
                  published.changed ? "" : "  (was so already)");
  if (manifest.rollout.paused) text += "  the rollout is paused\n";
  if (!manifest.rollout.paused && manifest.rollout.percent_per_hour < 100) {
    text += fmt::format("  to {} % of the hosts more each hour since {}\n",
                        manifest.rollout.percent_per_hour, format_local(manifest.rollout.start_us));
  }
  if (manifest.min_build > 0) text += fmt::format("  min_build {}\n", manifest.min_build);
  for (const auto build : manifest.withdrawn) text += fmt::format("  withdrawn: build {}\n", build);
  for (const auto& artifact : manifest.artifacts) {
    text += fmt::format("  {}  {}  sha256 {}\n", artifact.path,
                        counted(artifact.size_bytes, "byte"), artifact.sha256);
  }
  return text;
}

}  // namespace converge::cli
