#pragma once

#include "updater/minisign.h"
#include "updater/release_binary.h"
#include "updater/release_manifest.h"
#include "updater/release_signature.h"
#include "updater/release_store.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::updater {

/// What a person decides about a release. What is not given stays as it was in the channel.
struct ReleaseTerms {
  std::optional<std::chrono::milliseconds> valid_for{};  ///< Of a new release: 90 days.
  std::optional<std::int64_t> min_build{};               ///< Never lower than it was.
  std::optional<int> percent_per_hour{};                 ///< Of a new release: 100.
};

/// A build that is new.
struct NewRelease {
  std::string channel;
  std::int64_t build = 0;
  std::string commit;
  std::int64_t built_us = 0;
  std::vector<ReleaseBinary> binaries;  ///< One for each platform.
  ReleaseTerms terms{};
  bool new_channel = false;  ///< Whether a channel but stable and canary may be begun by it.
};

/// A build of one channel that is to go into another one.
struct Promotion {
  std::string from;
  std::string to;
  std::optional<std::int64_t> build{};  ///< The one that `from` offers, if not given.
  ReleaseTerms terms{};
  bool new_channel = false;
};

/// What a channel offers in the end.
struct Published {
  ReleaseManifest manifest;
  std::string key_id;
  bool changed = false;  ///< False when all had been done before, by an earlier attempt.
};

/// Publishes releases, and changes what channels say of them.
///
/// Each function first reads and decides, then signs, then verifies what it will write as a client
/// does; until then nothing has changed. It writes in an order in which nothing is named before it
/// is there: artifacts and their signatures, which are read back; `builds/N/manifest.CHANNEL`;
/// `channels/CHANNEL`, which is read back with all that it names; `VERSION`. So whatever a
/// crash interrupts, the channel is as it was or as it shall be, and calling it again finishes.
///
/// Every signing has the greatest `seq` of the channel and of the build's earlier attempt, and one.
///
/// Throws `Error`: `usage` and `failure` before anything is changed, when the request is wrong or
/// what is there forbids it; as `ReleaseStore` does; `failure` when what is served is not what was
/// put.
class Publisher {
 public:
  /// `keys` are those that the channels may have been signed with until now, the public one of
  /// `minisign` among them; if empty, that one alone. The others outlive this.
  Publisher(ReleaseStore& store, const Minisign& minisign, std::vector<PublicKey> keys);

  /// A build whose number the place does not know, or knows with the very same bytes.
  Published publish(const NewRelease& release, const StoreProgress& progress);

  /// Offers a build in another channel: the same artifacts, a rollout that begins now.
  Published promote(const Promotion& promotion);

  /// Makes hosts leave a build that was released in that channel. It may be the one that the
  /// channel offers: then nobody installs it, and those who have it go back to the one before.
  Published withdraw(const std::string& channel, std::int64_t build, const ReleaseTerms& terms);

  /// Stops the rollout, or lets it go on where it was.
  Published pause(const std::string& channel, bool paused, const ReleaseTerms& terms);

  /// Signs what the channel says anew, with what is given in `terms`.
  Published resign(const std::string& channel, const ReleaseTerms& terms);

 private:
  struct NewFile {
    Artifact artifact;
    std::string_view bytes;
  };
  using Change = std::function<bool(ReleaseManifest&)>;

  /// What was signed for that channel and lies there, verified; nullopt when nothing does.
  std::optional<SignedRelease> signed_at(const std::string& path, const std::string& channel) const;
  SignedRelease require_channel(const std::string& channel) const;

  Published release(ReleaseManifest next, const std::vector<NewFile>& files,
                    const ReleaseTerms& terms, bool new_channel, const StoreProgress& progress);
  Published renew(const std::string& channel, const ReleaseTerms& terms, const Change& change);

  /// Completes a manifest from what the channel says now. Whether the channel offers it already.
  bool settle(ReleaseManifest& next, const std::optional<SignedRelease>& now,
              const ReleaseTerms& terms) const;
  /// Those that are not there yet.
  std::vector<NewFile> missing(const std::vector<NewFile>& files, std::int64_t build) const;
  void put_files(const std::vector<NewFile>& all, const std::vector<NewFile>& lacking,
                 const ReleaseManifest& manifest, const StoreProgress& progress);
  /// Reads back every artifact of a manifest.
  void require_artifacts(const ReleaseManifest& manifest) const;

  /// The channel object of a manifest, as a client accepts it.
  SignedRelease sign(const ReleaseManifest& manifest) const;
  void replace_channel(const std::optional<SignedRelease>& now, const SignedRelease& next);
  void require_served(const SignedRelease& release) const;

  ReleaseStore& store_;
  const Minisign& minisign_;
  std::vector<PublicKey> own_key_;
  std::vector<PublicKey> keys_;
};

}  // namespace converge::updater
