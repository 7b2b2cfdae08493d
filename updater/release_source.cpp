#include "updater/release_source.h"

#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/http/url.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace converge::updater {
namespace {

using http::HttpBounds;
using http::HttpHead;
using http::HttpReceiver;
using std::chrono::milliseconds;

constexpr int kOk = 200;
constexpr int kUnchanged = 304;
constexpr std::size_t kLongestValidator = 512;
constexpr std::array<int, 5> kRedirects = {301, 302, 303, 307, 308};

std::string checked_base(std::string url) {
  try {
    http::parse_http_url(url);
  } catch (const Error& error) {
    throw error.within("update server");
  }
  if (url.find_first_of("?#") != std::string::npos) {
    throw Error(ErrorKind::usage, "update server: the URL has a query or a fragment");
  }
  while (url.ends_with('/')) url.pop_back();
  return url;
}

void require_path(const std::string& path) {
  if (!is_release_path(path)) {
    throw Error(ErrorKind::usage, fmt::format("\"{}\" is no path of a release", printable(path)));
  }
}

/// What can be sent back as it is; what cannot is forgotten.
std::string validator_in(const HttpHead& head, std::string_view name) {
  const auto value = head.value(name).value_or("");
  const bool plain =
      value.size() <= kLongestValidator &&
      std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return plain ? value : "";
}

bool has_scheme(std::string_view location) {
  const auto end = location.find_first_of(":/?#");
  return end != std::string_view::npos && location[end] == ':';
}

/// An absolute URL.
std::string resolved(const http::HttpUrl& from, const std::string& location) {
  const std::string scheme = from.secure ? "https:" : "http:";
  if (has_scheme(location)) return location;
  if (location.starts_with("//")) return scheme + location;
  const auto server = scheme + "//" + from.authority;
  if (location.starts_with('/')) return server + location;
  const auto path = from.target.substr(0, from.target.find('?'));
  if (location.starts_with('?')) return server + path + location;
  return server + path.substr(0, path.rfind('/') + 1) + location;
}

http::HttpUrl target_of(const std::string& url) {
  try {
    return http::parse_http_url(url);
  } catch (const Error& error) {
    throw Error(ErrorKind::failure, fmt::format("redirected to what is no URL: {}", error.what()));
  }
}

}  // namespace

std::string redirected(const std::string& url, const std::string& location) {
  const auto from = http::parse_http_url(url);
  auto absolute = resolved(from, location);
  const auto to = target_of(absolute);
  if (to.secure != from.secure || to.host != from.host || to.port != from.port) {
    throw Error(ErrorKind::failure,
                fmt::format("redirected to another host: {}://{}", to.secure ? "https" : "http",
                            to.host_and_port()),
                "Configure the URL of that host, if releases are to come from there.");
  }
  return absolute;
}

ReleaseSource::ReleaseSource(SourceOptions options)
    : options_(std::move(options)), client_(options_.http) {
  options_.url = checked_base(options_.url);
}

void ReleaseSource::get(const std::string& path, const Headers& headers,
                        const HttpReceiver& receiver, HttpBounds bounds) {
  auto url = options_.url + "/" + path;
  const auto end = Clock::now() + bounds.timeout;
  try {
    for (int redirects = 0;; ++redirects) {
      std::optional<std::string> location;
      const HttpReceiver following{
          .head = [&](const HttpHead& head) -> std::optional<std::uint64_t> {
            if (std::find(kRedirects.begin(), kRedirects.end(), head.status) == kRedirects.end()) {
              return receiver.head(head);
            }
            location = head.value("location");
            if (!location) throw status_trouble(head.status);
            return std::nullopt;
          },
          .body = receiver.body};
      bounds.timeout = std::chrono::ceil<milliseconds>(end - Clock::now());
      client_.receive({.method = "GET", .url = url, .headers = headers, .body = {}}, following,
                      bounds);
      if (!location) return;
      if (redirects == kMostRedirects) {
        throw Error(ErrorKind::failure, fmt::format("more than {} redirects", kMostRedirects));
      }
      url = redirected(url, *location);
    }
  } catch (const http::HttpTruncated& error) {  // Stays what it is: it can be resumed.
    throw http::HttpTruncated(error.kind(), fmt::format("{}: {}", url, error.what()), error.hint());
  } catch (const Error& error) {
    throw error.within(url);
  }
}

ChannelAnswer ReleaseSource::channel(const std::string& name, const Validators& validators,
                                     milliseconds budget) {
  if (!is_channel_name(name)) {
    throw Error(ErrorKind::usage, fmt::format("\"{}\" is no name of a channel", printable(name)));
  }
  Headers headers{{"Accept-Encoding", "identity"}, {"Cache-Control", "no-cache"}};
  if (!validators.etag.empty()) headers.emplace_back("If-None-Match", validators.etag);
  if (!validators.last_modified.empty()) {
    headers.emplace_back("If-Modified-Since", validators.last_modified);
  }
  const bool conditional = headers.size() > 2;
  ChannelAnswer answer;
  const HttpReceiver receiver{.head = [&](const HttpHead& head) -> std::optional<std::uint64_t> {
                                answer.unchanged = conditional && head.status == kUnchanged;
                                if (!answer.unchanged && head.status != kOk)
                                  throw status_trouble(head.status);
                                require_plain_coding(head);
                                answer.etag = validator_in(head, "etag");
                                answer.last_modified = validator_in(head, "last-modified");
                                return kMostReleaseBytes;
                              },
                              .body = [&](std::string_view piece) { answer.object.append(piece); }};
  get("channels/" + name, headers, receiver, {.timeout = budget});
  if (answer.unchanged) {
    if (answer.etag.empty()) answer.etag = validators.etag;
    if (answer.last_modified.empty()) answer.last_modified = validators.last_modified;
  }
  return answer;
}

std::string ReleaseSource::object_at(const std::string& path, std::size_t limit_bytes,
                                     milliseconds budget) {
  require_path(path);
  std::string object;
  const HttpReceiver receiver{.head = [&](const HttpHead& head) -> std::optional<std::uint64_t> {
                                if (head.status != kOk) throw status_trouble(head.status);
                                require_plain_coding(head);
                                return limit_bytes;
                              },
                              .body = [&](std::string_view piece) { object.append(piece); }};
  get(path, {{"Accept-Encoding", "identity"}}, receiver, {.timeout = budget});
  return object;
}

void ReleaseSource::download(const Artifact& artifact, const std::filesystem::path& part,
                             const DownloadProgress& progress) {
  require_path(artifact.path);
  PartFile file(part, artifact.size_bytes);
  fetch(artifact, file, progress);
  file.sync();
}

/// Until the part has the artifact's digest.
void ReleaseSource::fetch(const Artifact& artifact, PartFile& part,
                          const DownloadProgress& progress) {
  part.reserve();
  Download download(artifact, part, progress);
  bool is_old = part.is_whole();
  download.report();
  for (bool again = false;; again = true) {
    fetch_rest(artifact, part, download);
    if (part.is_whole() && hex(part.digest()) == artifact.sha256) return;
    if (again || !(is_old || download.is_pieced() || download.is_stale())) {
      part.remove();
      throw Error(ErrorKind::failure,
                  fmt::format("{}/{}: {}", options_.url, artifact.path,
                              download.is_stale() ? "it changes while it is fetched"
                                                  : "another SHA-256 than the manifest says"),
                  "Publish the build anew, under a number of its own, if its file was changed.");
    }
    is_old = false;
    download.start_over();
  }
}

/// Until the part is whole, or was found stale.
void ReleaseSource::fetch_rest(const Artifact& artifact, PartFile& part, Download& download) {
  const auto rate = static_cast<std::uint64_t>(options_.least_bytes_per_second);
  const auto size = static_cast<std::uint64_t>(artifact.size_bytes);
  const HttpBounds bounds{
      .timeout =
          options_.rate_window + std::chrono::seconds(size / std::max<std::uint64_t>(rate, 1)),
      .least_bytes = rate * static_cast<std::uint64_t>(options_.rate_window.count()) / 1000,
      .window = options_.rate_window};
  const HttpReceiver receiver{.head = [&](const HttpHead& head) { return download.begin(head); },
                              .body = [&](std::string_view piece) { download.take(piece); }};
  int resumes = options_.resumes;
  while (!part.is_whole() && !download.is_stale()) {
    const auto before = part.size_bytes();
    try {
      get(artifact.path, download.headers(), receiver, bounds);
    } catch (const http::HttpTruncated&) {
      if (resumes-- == 0 || part.size_bytes() <= before) throw;
      continue;
    }
    if (!part.is_whole() && !download.is_stale()) {
      throw Error(ErrorKind::transient,
                  fmt::format("{}/{}: ended after {} of {} bytes", options_.url, artifact.path,
                              part.size_bytes(), part.whole_bytes()));
    }
  }
}

}  // namespace converge::updater
