#pragma once

#include "src/http/client.h"
#include "updater/download.h"
#include "updater/release_manifest.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace converge::updater {

struct SourceOptions {
  std::string url;  ///< The base URL, with a slash at its end or without.
  http::HttpOptions http{};
  /// A download that brings less, over a window of that length, is given up.
  std::int64_t least_bytes_per_second = 1024;
  std::chrono::milliseconds rate_window{30'000};
  /// How often one that breaks off is resumed at once, if it has brought anything.
  int resumes = 3;
};

/// What a server said of an object that it gave; empty where it said nothing.
struct Validators {
  std::string etag{};
  std::string last_modified{};
};

struct ChannelAnswer {
  bool unchanged = false;  ///< It is still what the validators were given with.
  std::string object{};    ///< Unless unchanged; to be verified.
  std::string etag{};
  std::string last_modified{};
};

/// What a base URL offers: any static server of HTTP or HTTPS.
///
/// Nothing that comes from it is trusted: it is bounded in size and time, and what it means has to
/// be verified by the caller (`verify_release`), or is verified by its digest. A redirect is
/// followed to the same scheme, host and port alone, five times at most.
///
/// Errors name the URL. `transient`: it may work later (no connection, a status of 429 or 5xx, an
/// answer that breaks off, stalls or is too slow); `failure`: it would fail again; `usage`: the
/// options are wrong. Not for use by two threads at once.
class ReleaseSource {
 public:
  static constexpr int kMostRedirects = 5;

  /// Throws `Error{usage}` for a URL or a proxy that is none. Connects to nothing.
  explicit ReleaseSource(SourceOptions options);

  /// The object of a channel, if it is another than the validators tell of. One request.
  ChannelAnswer channel(const std::string& name, const Validators& validators,
                        std::chrono::milliseconds budget);

  /// A small object, such as `builds/123/manifest.stable`; larger than that is an error.
  std::string object_at(const std::string& path, std::size_t limit_bytes,
                        std::chrono::milliseconds budget);

  /// Fetches an artifact into the file `part`. When this returns, the file is on disk and its bytes
  /// have the artifact's size and SHA-256; until then it is a beginning at best.
  ///
  /// What `part` holds is resumed. Whether it is of the same content, the digest tells: what was
  /// made of more than one answer and is wrong is thrown away and fetched whole, once; so is what
  /// the server says does not fit (416, or another Content-Range than was asked for). A wrong
  /// digest of one answer, or after that, removes the part and throws. Space for all of it is
  /// reserved before the first request. After any other error, and after a crash, the part stays to
  /// be resumed; bytes behind the announced length remove it.
  ///
  /// The file that comes of it has mode 0600. The caller has the lock that keeps others from it.
  void download(const Artifact& artifact, const std::filesystem::path& part,
                const DownloadProgress& progress);

 private:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  void get(const std::string& path, const Headers& headers, const http::HttpReceiver& receiver,
           http::HttpBounds bounds);
  void fetch(const Artifact& artifact, PartFile& part, const DownloadProgress& progress);
  void fetch_rest(const Artifact& artifact, PartFile& part, Download& download);

  SourceOptions options_;
  http::HttpClient client_;
};

/// Where a redirect of `url` leads (RFC 3986, section 5.2; dots are left to the server). Throws
/// `Error{failure}` when that is another scheme, host or port.
std::string redirected(const std::string& url, const std::string& location);

}  // namespace converge::updater
