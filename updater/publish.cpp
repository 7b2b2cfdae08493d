#include "updater/publish.h"

#include "src/base/clock.h"
#include "src/base/fault.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace converge::updater {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kValidFor = std::chrono::hours(24 * 90);
constexpr int kEverybody = 100;
constexpr std::array<const char*, 2> kPlatforms = {"linux-amd64", "linux-arm64"};

std::string artifact_path(std::int64_t build, std::string_view platform) {
  return fmt::format("builds/{}/converge-{}", build, platform);
}

std::string channel_path(const std::string& channel) { return "channels/" + channel; }

// The copy of the channel object that released a build.
std::string release_path(std::int64_t build, const std::string& channel) {
  return fmt::format("builds/{}/manifest.{}", build, channel);
}

std::int64_t now_us() { return wall_time_us() / 1'000'000 * 1'000'000; }

std::int64_t microseconds(milliseconds duration) {
  return std::chrono::microseconds(duration).count() / 1'000'000 * 1'000'000;
}

[[noreturn]] void refuse(const std::string& why, const std::string& hint) {
  throw Error(ErrorKind::failure, why, hint);
}

bool is_withdrawn(const ReleaseManifest& manifest, std::int64_t build) {
  return std::find(manifest.withdrawn.begin(), manifest.withdrawn.end(), build) !=
         manifest.withdrawn.end();
}

void require_not_withdrawn(const ReleaseManifest& manifest, std::int64_t build) {
  if (!is_withdrawn(manifest, build)) return;
  refuse(fmt::format("build {} was withdrawn from {}", build, manifest.channel),
         "Publish a new build with a higher number.");
}

void set_floor(ReleaseManifest& manifest, std::int64_t before, const ReleaseTerms& terms) {
  manifest.min_build = terms.min_build.value_or(before);
  if (manifest.min_build < before) {
    refuse(fmt::format("min_build {} is lower than the {} of {}", manifest.min_build, before,
                       manifest.channel),
           "Hosts have left the builds below it already.");
  }
  if (manifest.min_build > manifest.build) {
    refuse(fmt::format("min_build {} is higher than the build that {} offers, {}",
                       manifest.min_build, manifest.channel, manifest.build),
           "Every host would have to leave what it is offered.");
  }
}

// A repeated attempt must not change what was signed without saying so.
void require_same_terms(const ReleaseManifest& now, const ReleaseTerms& terms) {
  const auto compare = [&](const char* name, std::int64_t is, std::int64_t wanted) {
    if (is == wanted) return;
    refuse(fmt::format("{} offers build {} already, with {} {} and not {}", now.channel, now.build,
                       name, is, wanted),
           "`converge publish resign` changes that.");
  };
  compare("min_build", now.min_build, terms.min_build.value_or(now.min_build));
  compare("percent_per_hour", now.rollout.percent_per_hour,
          terms.percent_per_hour.value_or(now.rollout.percent_per_hour));
}

void require_may_begin(const std::string& channel, bool new_channel) {
  if (new_channel || channel == "stable" || channel == "canary") return;
  const std::array<std::string, 2> usual = {"stable", "canary"};
  const auto near = nearest(channel, usual);
  throw Error(ErrorKind::usage, fmt::format("there is no channel {} yet", channel),
              (near ? fmt::format("Did you mean {}? ", *near) : std::string()) +
                  "--new-channel begins one.");
}

}  // namespace

Publisher::Publisher(ReleaseStore& store, const Minisign& minisign, std::vector<PublicKey> keys)
    : store_(store),
      minisign_(minisign),
      own_key_({PublicKey::parse(minisign.public_key())}),
      keys_(std::move(keys)) {
  if (keys_.empty()) keys_ = own_key_;
  if (std::find(keys_.begin(), keys_.end(), own_key_.front()) != keys_.end()) return;
  throw Error(ErrorKind::usage,
              fmt::format("the secret key belongs to none of the public keys given: its own is {}",
                          own_key_.front().text()),
              "Hosts that trust only those would refuse the release.");
}

std::optional<SignedRelease> Publisher::signed_at(const std::string& path,
                                                  const std::string& channel) const {
  const auto object = store_.read(path);
  if (!object) return std::nullopt;
  try {
    return verify_release(*object, keys_, channel);
  } catch (const Error& error) {
    const std::string own = "An older key that it was signed with is named with --public-key.";
    throw Error(error.kind(), fmt::format("{}: {}", store_.name_of(path), error.what()),
                error.hint().empty() ? own : error.hint() + " " + own);
  }
}

SignedRelease Publisher::require_channel(const std::string& channel) const {
  if (auto release = signed_at(channel_path(channel), channel)) return *std::move(release);
  const std::array<std::string, 2> usual = {"stable", "canary"};
  const auto near = nearest(channel, usual);
  throw Error(ErrorKind::usage,
              fmt::format("there is no channel {}: {} is missing", channel,
                          store_.name_of(channel_path(channel))),
              near && *near != channel ? fmt::format("Did you mean {}?", *near)
                                       : "`converge publish` begins one with its first build.");
}

Published Publisher::publish(const NewRelease& release, const StoreProgress& progress) {
  ReleaseManifest next;
  next.product = "converge";
  next.channel = release.channel;
  next.build = release.build;
  next.commit = release.commit;
  next.built_us = release.built_us;
  std::vector<NewFile> files;
  for (const auto& binary : release.binaries) {
    files.push_back({.artifact = {.platform = binary.platform,
                                  .path = artifact_path(release.build, binary.platform),
                                  .size_bytes = static_cast<std::int64_t>(binary.bytes.size()),
                                  .sha256 = binary.sha256},
                     .bytes = binary.bytes});
  }
  std::sort(files.begin(), files.end(), [](const NewFile& one, const NewFile& other) {
    return one.artifact.platform < other.artifact.platform;
  });
  for (const auto& file : files) next.artifacts.push_back(file.artifact);
  return this->release(std::move(next), files, release.terms, release.new_channel, progress);
}

Published Publisher::promote(const Promotion& promotion) {
  if (promotion.from == promotion.to) {
    throw Error(ErrorKind::usage, fmt::format("{} cannot be promoted to itself", promotion.to),
                "`converge publish resign` signs it anew.");
  }
  const auto source = require_channel(promotion.from);
  auto next = source.manifest;
  if (promotion.build && *promotion.build != next.build) {
    const auto path = release_path(*promotion.build, promotion.from);
    const auto earlier = signed_at(path, promotion.from);
    if (!earlier || earlier->manifest.build != *promotion.build) {
      refuse(fmt::format("build {} was never released to {}: {} is missing", *promotion.build,
                         promotion.from, store_.name_of(path)),
             "Leave --build out to promote what it offers.");
    }
    next = earlier->manifest;
  }
  require_not_withdrawn(source.manifest, next.build);
  next.channel = promotion.to;
  return release(std::move(next), {}, promotion.terms, promotion.new_channel, {});
}

bool Publisher::settle(ReleaseManifest& next, const std::optional<SignedRelease>& now,
                       const ReleaseTerms& terms) const {
  if (now) {
    const auto& offered = now->manifest;
    require_not_withdrawn(offered, next.build);
    if (next.build < offered.build) {
      refuse(fmt::format("build {} is lower than the build that {} offers, {}", next.build,
                         next.channel, offered.build),
             "Hosts never go to a lower number. Withdraw the bad build, or publish a higher one.");
    }
    if (next.build == offered.build) {
      if (next.artifacts != offered.artifacts) {
        refuse(fmt::format("{} offers build {} already, with other artifacts", next.channel,
                           next.build),
               "A number is never used twice: take the next one.");
      }
      require_same_terms(offered, terms);
      next = offered;
      return true;
    }
    next.withdrawn = offered.withdrawn;
  } else {
    next.withdrawn.clear();
  }
  const auto earlier = signed_at(release_path(next.build, next.channel), next.channel);
  next.seq = std::max(now ? now->manifest.seq : 0, earlier ? earlier->manifest.seq : 0) + 1;
  next.issued_us = now_us();
  next.expires_us = next.issued_us + microseconds(terms.valid_for.value_or(kValidFor));
  set_floor(next, now ? now->manifest.min_build : 0, terms);
  next.rollout = {.start_us = next.issued_us,
                  .percent_per_hour = terms.percent_per_hour.value_or(kEverybody),
                  .paused = false};
  return false;
}

std::vector<Publisher::NewFile> Publisher::missing(const std::vector<NewFile>& files,
                                                   std::int64_t build) const {
  std::vector<NewFile> lacking;
  for (const char* platform : kPlatforms) {
    const auto path = artifact_path(build, platform);
    const auto file = std::find_if(files.begin(), files.end(), [&](const NewFile& each) {
      return each.artifact.platform == platform;
    });
    if (file == files.end()) {
      if (!store_.has(path)) continue;
      refuse(fmt::format("{} is there already, and no binary for {} is given", store_.name_of(path),
                         platform),
             "Give the binaries of the first attempt, or take the next number.");
    }
    const auto match = store_.compare(file->artifact);
    if (match == ReleaseStore::Match::different) {
      refuse(fmt::format("{} is there already, with other bytes than {} of sha256 {}",
                         store_.name_of(path), counted(file->artifact.size_bytes, "byte"),
                         file->artifact.sha256),
             "A number is never used twice: take the next one.");
    }
    if (match == ReleaseStore::Match::absent) lacking.push_back(*file);
  }
  return lacking;
}

void Publisher::put_files(const std::vector<NewFile>& all, const std::vector<NewFile>& lacking,
                          const ReleaseManifest& manifest, const StoreProgress& progress) {
  std::vector<std::string> signatures;
  std::int64_t total = 0;
  for (const auto& file : all) {
    const auto name = "converge-" + file.artifact.platform;
    signatures.push_back(minisign_.sign(
        file.bytes, name,
        fmt::format("file:{} build:{} commit:{}", name, manifest.build, manifest.commit)));
  }
  for (const auto& file : lacking) total += file.artifact.size_bytes;
  std::int64_t done = 0;
  for (const auto& file : lacking) {
    store_.add(file.artifact.path, file.bytes, [&](std::int64_t part, std::int64_t /*size*/) {
      if (progress) progress(done + part, total);
    });
    done += file.artifact.size_bytes;
    fault_point("publish_artifact");
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto path = all[i].artifact.path + ".minisig";
    if (store_.read(path) != signatures[i]) store_.put(path, signatures[i]);
    fault_point("publish_signature");
  }
}

void Publisher::require_artifacts(const ReleaseManifest& manifest) const {
  for (const auto& artifact : manifest.artifacts) {
    const auto match = store_.compare(artifact);
    if (match == ReleaseStore::Match::same) continue;
    refuse(fmt::format("{} {}", store_.name_of(artifact.path),
                       match == ReleaseStore::Match::absent ? "is missing"
                                                            : "has not the bytes that were signed"),
           "Look at the disk, and at what serves it.");
  }
}

SignedRelease Publisher::sign(const ReleaseManifest& manifest) const {
  const auto text = manifest_text(manifest);
  const auto signature =
      minisign_.sign(text, manifest.channel,
                     fmt::format("file:{} seq:{} build:{}", channel_path(manifest.channel),
                                 manifest.seq, manifest.build));
  return verify_release(text + signature, own_key_, manifest.channel);
}

void Publisher::replace_channel(const std::optional<SignedRelease>& now,
                                const SignedRelease& next) {
  const auto path = channel_path(next.manifest.channel);
  const auto there = store_.read(path);
  if (there.has_value() != now.has_value() || (now && *there != now->text)) {
    throw Error(ErrorKind::transient,
                fmt::format("{} was changed by somebody else meanwhile", store_.name_of(path)),
                "Try again, one after the other.");
  }
  store_.put(path, next.text);
}

void Publisher::require_served(const SignedRelease& release) const {
  const auto& channel = release.manifest.channel;
  const auto served = signed_at(channel_path(channel), channel);
  if (served && served->text == release.text) return;
  refuse(fmt::format("{} does not have what was put there", store_.name_of(channel_path(channel))),
         "A cache in front of the server must not keep channel objects.");
}

Published Publisher::release(ReleaseManifest next, const std::vector<NewFile>& files,
                             const ReleaseTerms& terms, bool new_channel,
                             const StoreProgress& progress) {
  const auto channel = next.channel;
  const auto build = next.build;
  const auto now = signed_at(channel_path(channel), channel);
  if (!now) require_may_begin(channel, new_channel);
  const bool repeated = settle(next, now, terms);
  const auto lacking = files.empty() ? files : missing(files, build);
  if (files.empty()) require_artifacts(next);
  const auto signed_release = repeated ? *now : sign(next);

  if (!files.empty()) put_files(files, lacking, signed_release.manifest, progress);
  require_artifacts(signed_release.manifest);
  fault_point("publish_artifacts");
  const auto copy = release_path(build, channel);
  if (!repeated || !store_.has(copy)) store_.put(copy, signed_release.text);
  fault_point("publish_copy");
  if (!repeated) replace_channel(now, signed_release);
  fault_point("publish_channel");
  require_served(signed_release);
  require_artifacts(signed_release.manifest);
  fault_point("publish_verified");
  const auto version = fmt::format("{}\n", build);
  const bool hinted = store_.read("VERSION") == version;
  if (!hinted) store_.put("VERSION", version);
  return {.manifest = signed_release.manifest,
          .key_id = signed_release.key_id,
          .changed = !repeated || !lacking.empty() || !hinted};
}

Published Publisher::renew(const std::string& channel, const ReleaseTerms& terms,
                           const Change& change) {
  const auto now = require_channel(channel);
  auto next = now.manifest;
  next.issued_us = now_us();
  next.expires_us =
      next.issued_us + (terms.valid_for ? microseconds(*terms.valid_for)
                                        : now.manifest.expires_us - now.manifest.issued_us);
  // While it is paused, a rollout does not grow older.
  if (next.rollout.paused) next.rollout.start_us += next.issued_us - now.manifest.issued_us;
  if (!change(next)) {
    return {.manifest = now.manifest, .key_id = now.key_id, .changed = false};
  }
  set_floor(next, now.manifest.min_build, terms);
  next.rollout.percent_per_hour = terms.percent_per_hour.value_or(next.rollout.percent_per_hour);
  next.seq = now.manifest.seq + 1;
  const auto signed_release = sign(next);
  fault_point("publish_signed");
  replace_channel(now, signed_release);
  fault_point("publish_channel");
  require_served(signed_release);
  return {.manifest = signed_release.manifest, .key_id = signed_release.key_id, .changed = true};
}

Published Publisher::withdraw(const std::string& channel, std::int64_t build,
                              const ReleaseTerms& terms) {
  return renew(channel, terms, [&](ReleaseManifest& next) {
    if (is_withdrawn(next, build)) return false;
    if (build != next.build && !store_.has(release_path(build, channel))) {
      refuse(fmt::format("build {} was never released to {}: {} is missing", build, channel,
                         store_.name_of(release_path(build, channel))),
             "Only what hosts may have can be withdrawn.");
    }
    next.withdrawn.push_back(build);
    std::sort(next.withdrawn.begin(), next.withdrawn.end());
    return true;
  });
}

Published Publisher::pause(const std::string& channel, bool paused, const ReleaseTerms& terms) {
  return renew(channel, terms, [&](ReleaseManifest& next) {
    return std::exchange(next.rollout.paused, paused) != paused;
  });
}

Published Publisher::resign(const std::string& channel, const ReleaseTerms& terms) {
  return renew(channel, terms, [](ReleaseManifest&) { return true; });
}

}  // namespace converge::updater
