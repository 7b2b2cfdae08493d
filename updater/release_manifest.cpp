#include "updater/release_manifest.h"

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/text.h"
#include "updater/strict_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <set>

namespace converge::updater {
namespace {

constexpr std::string_view kProduct = "converge";
constexpr std::size_t kLongestWord = 64;
constexpr std::size_t kLongestPath = 255;

constexpr std::array<std::string_view, 12> kMembers = {
    "product", "channel", "seq",       "build",     "commit",  "built",
    "issued",  "expires", "min_build", "withdrawn", "rollout", "artifacts"};
constexpr std::array<std::string_view, 3> kRolloutMembers = {"start", "percent_per_hour", "paused"};
constexpr std::array<std::string_view, 4> kArtifactMembers = {"platform", "path", "size", "sha256"};

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

/// `[a-z0-9][a-z0-9MARKS]*`, of a length that fits.
bool is_word(std::string_view text, std::string_view marks) {
  return !text.empty() && text.size() <= kLongestWord && (is_lower(text[0]) || is_digit(text[0])) &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return is_lower(c) || is_digit(c) || marks.find(c) != std::string_view::npos;
         });
}

/// `SYSTEM-MACHINE`, so that a build for a platform of the future does no harm to this one.
bool is_platform(std::string_view text) {
  const auto dash = text.find('-');
  return dash != std::string_view::npos && is_word(text.substr(0, dash), "") &&
         is_word(text.substr(dash + 1), "_") && is_lower(text[0]);
}

bool is_path_segment(std::string_view segment) {
  return !segment.empty() && segment != "." && segment != ".." &&
         std::all_of(segment.begin(), segment.end(), [](char c) {
           return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') ||
                  std::string_view("._+~-").find(c) != std::string_view::npos;
         });
}

/// The number that two or four digits are; -1 for anything else.
int number_of(std::string_view digits) {
  int number = -1;
  if (!std::all_of(digits.begin(), digits.end(), is_digit)) return -1;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

/// `2026-11-22T10:00:00Z` (RFC 3339, in UTC and to the second, and nothing else of it).
std::optional<std::int64_t> parse_second(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-ddTdd:dd:ddZ";
  const bool fits = std::equal(form.begin(), form.end(), text.begin(), text.end(),
                               [](char f, char c) { return f == 'd' ? is_digit(c) : f == c; });
  if (!fits) return std::nullopt;
  using std::chrono::day, std::chrono::month, std::chrono::year;
  const auto part = [&](std::size_t at) { return number_of(text.substr(at, 2)); };
  const std::chrono::year_month_day date(year(number_of(text.substr(0, 4))),
                                         month(static_cast<unsigned>(part(5))),
                                         day(static_cast<unsigned>(part(8))));
  if (!date.ok() || date.year() < year(1970) || part(11) > 23 || part(14) > 59 || part(17) > 59) {
    return std::nullopt;
  }
  const auto time = std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(part(11)) +
                    std::chrono::minutes(part(14)) + std::chrono::seconds(part(17));
  return std::chrono::microseconds(time).count();
}

std::string second_text(std::int64_t time_us) { return format_utc(time_us).substr(0, 19) + "Z"; }

std::int64_t time_in(const StrictObject& object, const std::string& name) {
  const auto text = object.text(name);
  const auto time_us = parse_second(text);
  if (!time_us) object.refuse(name, "is " + text + ", not a time such as 2026-11-22T10:00:00Z");
  return *time_us;
}

template <typename Rule>
std::string text_in(const StrictObject& object, const std::string& name, Rule fits) {
  auto text = object.text(name);
  if (!fits(text)) object.refuse(name, fmt::format("is \"{}\", which it must not be", text));
  return text;
}

std::vector<std::int64_t> withdrawn_in(const StrictObject& object) {
  auto builds = object.integers("withdrawn", 1, kHighestBuild);
  if (std::set<std::int64_t>(builds.begin(), builds.end()).size() != builds.size()) {
    object.refuse("withdrawn", "names a build twice");
  }
  return builds;
}

Rollout rollout_in(const StrictObject& object) {
  object.require_members(kRolloutMembers);
  return {.start_us = time_in(object, "start"),
          .percent_per_hour = static_cast<int>(object.integer("percent_per_hour", 1, 100)),
          .paused = object.flag("paused")};
}

Artifact artifact_in(const StrictObject& object) {
  object.require_members(kArtifactMembers);
  return {.platform = text_in(object, "platform", is_platform),
          .path = text_in(object, "path", is_release_path),
          .size_bytes = object.integer("size", 1, kMostArtifactBytes),
          .sha256 = text_in(object, "sha256", [](std::string_view text) {
            return text.size() == 64 && std::all_of(text.begin(), text.end(), is_hex);
          })};
}

std::vector<Artifact> artifacts_in(const StrictObject& manifest) {
  std::vector<Artifact> artifacts;
  for (const auto& object : manifest.objects("artifacts")) {
    Artifact artifact = artifact_in(object);
    const bool again = std::any_of(artifacts.begin(), artifacts.end(), [&](const Artifact& other) {
      return other.platform == artifact.platform;
    });
    if (again) object.refuse("platform", "is " + artifact.platform + " a second time");
    artifacts.push_back(std::move(artifact));
  }
  if (artifacts.empty()) manifest.refuse("artifacts", "is empty");
  return artifacts;
}

std::string artifact_text(const Artifact& artifact) {
  return fmt::format(R"(    {{
      "platform": {},
      "path": {},
      "size": {},
      "sha256": {}
    }})",
                     json_string(artifact.platform), json_string(artifact.path),
                     artifact.size_bytes, json_string(artifact.sha256));
}

}  // namespace

const Artifact* ReleaseManifest::artifact_for(std::string_view platform) const {
  const auto found =
      std::find_if(artifacts.begin(), artifacts.end(),
                   [&](const Artifact& artifact) { return artifact.platform == platform; });
  return found == artifacts.end() ? nullptr : &*found;
}

ReleaseManifest parse_release_manifest(std::string_view text) {
  if (text.size() > kMostReleaseBytes) {
    throw Error(ErrorKind::failure,
                fmt::format("manifest: {} bytes, more than {}", text.size(), kMostReleaseBytes));
  }
  const auto object = StrictObject::parse(text, "manifest");
  object.require_members(kMembers);
  ReleaseManifest manifest;
  manifest.product = object.text("product");
  if (manifest.product != kProduct) {
    object.refuse("product", fmt::format("is \"{}\", not {}", manifest.product, kProduct));
  }
  manifest.channel = text_in(object, "channel", is_channel_name);
  manifest.seq = object.integer("seq", 1, kHighestBuild);
  manifest.build = object.integer("build", 1, kHighestBuild);
  manifest.commit = text_in(object, "commit", [](auto word) { return is_word(word, ".-"); });
  manifest.built_us = time_in(object, "built");
  manifest.issued_us = time_in(object, "issued");
  manifest.expires_us = time_in(object, "expires");
  if (manifest.expires_us <= manifest.issued_us) object.refuse("expires", "is not after issued");
  manifest.min_build = object.integer("min_build", 0, manifest.build);
  manifest.withdrawn = withdrawn_in(object);
  manifest.rollout = rollout_in(object.object("rollout"));
  manifest.artifacts = artifacts_in(object);
  return manifest;
}

std::string manifest_text(const ReleaseManifest& manifest) {
  std::vector<std::string> artifacts;
  for (const auto& artifact : manifest.artifacts) artifacts.push_back(artifact_text(artifact));
  return fmt::format(
      R"({{
  "product": {},
  "channel": {},
  "seq": {},
  "build": {},
  "commit": {},
  "built": "{}",
  "issued": "{}",
  "expires": "{}",
  "min_build": {},
  "withdrawn": [{}],
  "rollout": {{
    "start": "{}",
    "percent_per_hour": {},
    "paused": {}
  }},
  "artifacts": [
{}
  ]
}}
)",
      json_string(manifest.product), json_string(manifest.channel), manifest.seq, manifest.build,
      json_string(manifest.commit), second_text(manifest.built_us), second_text(manifest.issued_us),
      second_text(manifest.expires_us), manifest.min_build, fmt::join(manifest.withdrawn, ", "),
      second_text(manifest.rollout.start_us), manifest.rollout.percent_per_hour,
      manifest.rollout.paused, fmt::join(artifacts, ",\n"));
}

bool is_channel_name(std::string_view name) { return is_word(name, "-") && is_lower(name[0]); }

bool is_release_path(std::string_view path) {
  if (path.empty() || path.size() > kLongestPath) return false;
  for (;;) {
    const auto slash = path.find('/');
    if (!is_path_segment(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

std::string this_platform() {
#if defined(__x86_64__)
  return "linux-amd64";
#elif defined(__aarch64__)
  return "linux-arm64";
#else
#error "a platform that releases have no name for"
#endif
}

}  // namespace converge::updater
