#pragma once

#include "src/http/client.h"
#include "updater/part_file.h"
#include "updater/release_manifest.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace converge::updater {

/// Told how much there is of how much: first what was there before, then after each piece that has
/// come. It may be less than before, when the download starts over. May throw, which ends the
/// download and leaves the part to be resumed. Empty: nobody is told.
using DownloadProgress = std::function<void(std::int64_t done_bytes, std::int64_t total_bytes)>;

/// What a server says to a request for an artifact, or for the rest of one, made into a part.
class Download {
 public:
  /// All outlive this.
  Download(const Artifact& artifact, PartFile& part, const DownloadProgress& progress)
      : artifact_(artifact), part_(part), progress_(progress) {}

  /// What asks for what the part lacks.
  std::vector<std::pair<std::string, std::string>> headers() const;

  /// For `HttpReceiver`. A server that knows nothing of ranges sends the whole, and the part begins
  /// anew. Throws `Error` for an answer that is not the artifact.
  std::optional<std::uint64_t> begin(const http::HttpHead& head);
  void take(std::string_view piece);

  /// Whether the server has said that what the part holds is no beginning of what it has.
  bool is_stale() const { return stale_; }
  /// Whether the part is made of more than one answer.
  bool is_pieced() const { return pieced_; }
  /// Empties the part.
  void start_over();
  void report() const;

 private:
  bool fits(const http::HttpHead& head) const;

  const Artifact& artifact_;
  PartFile& part_;
  const DownloadProgress& progress_;
  bool stale_ = false;
  bool pieced_ = false;
};

/// What is wrong with an answer of a status that nobody wants.
Error status_trouble(int status);

/// Refuses an answer in a coding, such as gzip, that nobody asked for.
void require_plain_coding(const http::HttpHead& head);

}  // namespace converge::updater
