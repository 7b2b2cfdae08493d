#pragma once

#include "tests/support/temp_dir.h"
#include "tests/unit/http_raw_server.h"
#include "tests/unit/release_fixture.h"

#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <vector>

namespace converge::updater {

inline constexpr std::size_t kSize = 1'000'000;
inline constexpr std::size_t kHalf = kSize / 2;

/// So that the rest is not in the buffers of the system already when the server dies.
inline const std::string kSlowInTheMiddle =
    "limit_rate_after 500000; if ($http_range = '') { set $limit_rate 1k; }";

/// `METHOD TARGET STATUS "RANGE" BYTES` of a request for the artifact, as nginx has logged it.
inline std::string logged(int status, const std::string& range, std::size_t bytes) {
  return "GET /" + kArtifactPath + " " + std::to_string(status) + " \"" + range + "\" " +
         std::to_string(bytes);
}

/// An artifact of `kSize` bytes, and where it is downloaded to.
struct DownloadWorld {
  DownloadWorld() { options.resumes = 0; }

  void download(const std::string& url, const DownloadProgress& progress = {}) const {
    source_at(url, options).download(artifact, part, progress);
  }
  Refusal refusal(const std::string& url, const DownloadProgress& progress = {}) const {
    return refusal_of([&] { download(url, progress); });
  }
  /// Whether it is there and right.
  bool is_fetched() const { return is_there() && tests::read_text(part) == content; }
  bool is_there() const { return std::filesystem::exists(part); }
  void hold(const std::string& bytes) const {
    tests::write_text(part, bytes);
    ::chmod(part.c_str(), 0600);
  }
  /// The requests to a server that gives these answers, one for each connection, and fewer if it
  /// is asked for fewer. What they bring of a download is in `outcome`.
  std::vector<std::string> requests_to(const std::vector<std::string>& answers) {
    std::vector<std::string> requests;
    {
      const http::RawServer server([&](http::RawServer::Client& client, int connection) {
        requests.push_back(client.receive());
        const auto index = static_cast<std::size_t>(connection);
        if (index < answers.size()) client.send(answers[index]);
      });
      outcome = refusal(server.url());
    }
    return requests;
  }

  tests::TempDir directory;
  std::filesystem::path part = directory / ".converge.part";
  std::string content = noise(kSize);
  std::string other = noise(kSize, 2);
  Artifact artifact = artifact_of(content);
  SourceOptions options;
  Refusal outcome;
};

}  // namespace converge::updater
