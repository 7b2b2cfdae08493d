#pragma once

#include "src/base/error.h"
#include "updater/release_manifest.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace converge::updater {

/// Another process publishes to the same place at this moment.
class StoreBusy : public Error {
 public:
  using Error::Error;
};

/// Bytes done of all there are to do.
using StoreProgress = std::function<void(std::int64_t done, std::int64_t total)>;

/// The place that releases are published to and served from: a directory, or a server.
///
/// Paths are relative to it, such as `builds/123/converge-linux-amd64`. Each function throws
/// `Error` that names the place: `usage` when it is not there or not to be written, `transient` or
/// `in_doubt` when the network is at fault, `failure` otherwise.
class ReleaseStore {
 public:
  enum class Match { absent, same, different };

  ReleaseStore() = default;
  virtual ~ReleaseStore() = default;
  ReleaseStore(const ReleaseStore&) = delete;
  ReleaseStore& operator=(const ReleaseStore&) = delete;

  /// What lies at a path, at most 64 KiB; nullopt when nothing does.
  virtual std::optional<std::string> read(const std::string& path) const = 0;

  /// Whether anything lies at a path.
  virtual bool has(const std::string& path) const = 0;

  /// Reads the whole of an artifact, and compares size and digest.
  virtual Match compare(const Artifact& artifact) const = 0;

  /// Puts bytes at a path, in place of what is there. Whoever reads it meanwhile gets the bytes
  /// before or these, whole; what is put later is never there without what was put earlier, even
  /// after a crash.
  virtual void put(const std::string& path, std::string_view bytes) = 0;

  /// The same at a path where nothing is yet; refused where a server sees that something is.
  virtual void add(const std::string& path, std::string_view bytes,
                   const StoreProgress& progress) = 0;

  /// The place and a path in it, for messages.
  virtual std::string name_of(const std::string& path) const = 0;
};

/// How a server is spoken to.
struct StoreOptions {
  std::optional<std::filesystem::path> ca_file{};  ///< Instead of the system's authorities.
  std::optional<std::string> authorization{};      ///< Of each request that writes: `Bearer ...`.
};

/// A directory, whose lock is held until the object ends.
///
/// Every file is written under a name that begins with a dot, flushed to disk, renamed, and the
/// directory flushed. A process killed in between leaves such a name, which the next one reuses.
/// Files are readable by everybody, since a server of another user's has to serve them.
///
/// Throws `Error{usage}` when there is no such directory, `StoreBusy` while another process has
/// the lock.
std::unique_ptr<ReleaseStore> open_directory_store(const std::filesystem::path& directory);

/// A server that takes PUT, such as nginx with `dav_methods PUT` and `create_full_put_path on`.
///
/// `add` says `If-None-Match: *`; a server that does not know it takes the bytes anyway, and what
/// was there is only found by `compare` before. There is no lock.
std::unique_ptr<ReleaseStore> open_http_store(const std::string& url, const StoreOptions& options);

/// By what the place looks like.
std::unique_ptr<ReleaseStore> open_release_store(const std::string& place,
                                                 const StoreOptions& options);

}  // namespace converge::updater
