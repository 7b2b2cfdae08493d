#include "src/base/digest.h"
#include "src/base/text.h"
#include "src/http/client.h"
#include "updater/release_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace converge::updater {
namespace {

using std::chrono::milliseconds;

// What is read must be what is there, and not what a cache remembers.
const std::vector<std::pair<std::string, std::string>> kFresh = {{"Cache-Control", "no-cache"}};

// Of one request. A connection on which nothing moves ends far sooner.
constexpr milliseconds kSmallFile = std::chrono::minutes(1);
constexpr milliseconds kArtifact = std::chrono::hours(1);

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

// Why a server did not take a file, for the person who configures it.
std::string hint_for(int status) {
  switch (status) {
    case 401:
    case 403:
      return "Who may write there? --authorization-file names a file with the value of the header.";
    case 404:
    case 405:
    case 501:
      return "It must take PUT there: nginx does with `dav_methods PUT`.";
    case 409:
      return "It must make directories: nginx does with `create_full_put_path on`.";
    case 413:
      return "It must take larger files: nginx does with `client_max_body_size 1g`.";
    case 500:
      return "Its log tells why. nginx makes directories with `create_full_put_path on`.";
    default:
      return {};
  }
}

bool is_absent(int status) { return status == 404 || status == 410; }

ErrorKind kind_of(int status) {
  return status / 100 == 5 && status != 501 ? ErrorKind::transient : ErrorKind::failure;
}

class HttpStore : public ReleaseStore {
 public:
  HttpStore(const std::string& url, const StoreOptions& options)
      : url_(without_slash(url)), options_(options), client_({.ca_file = options.ca_file}) {}

  std::optional<std::string> read(const std::string& path) const override;
  bool has(const std::string& path) const override;
  Match compare(const Artifact& artifact) const override;
  void put(const std::string& path, std::string_view bytes) override { write(path, bytes, {}, {}); }
  void add(const std::string& path, std::string_view bytes,
           const StoreProgress& progress) override {
    write(path, bytes, {{"If-None-Match", "*"}}, progress);
  }
  std::string name_of(const std::string& path) const override { return url_ + "/" + path; }

 private:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  http::HttpResponse send(const std::string& path, const http::HttpRequest& request,
                          milliseconds timeout) const;
  void write(const std::string& path, std::string_view bytes, Headers headers,
             const StoreProgress& progress);
  [[noreturn]] void throw_unread(const std::string& path, int status) const {
    const bool closed = status == 401 || status == 403;
    throw Error(kind_of(status), fmt::format("{} cannot be read: status {}", name_of(path), status),
                closed ? "Hosts read there without a password, and so does this." : "");
  }

  std::string url_;
  StoreOptions options_;
  http::HttpClient client_;
};

http::HttpResponse HttpStore::send(const std::string& path, const http::HttpRequest& request,
                                   milliseconds timeout) const {
  try {
    return client_.send(request, timeout);
  } catch (const http::HttpError& error) {
    throw error.within(name_of(path));
  }
}

bool HttpStore::has(const std::string& path) const {
  const auto response = send(
      path, {.method = "HEAD", .url = name_of(path), .headers = kFresh, .body = {}}, kSmallFile);
  if (!is_absent(response.status) && response.status != 200) throw_unread(path, response.status);
  return response.status == 200;
}

std::optional<std::string> HttpStore::read(const std::string& path) const {
  auto response = send(path, {.method = "GET", .url = name_of(path), .headers = kFresh, .body = {}},
                       kSmallFile);
  if (is_absent(response.status)) return std::nullopt;
  if (response.status != 200) throw_unread(path, response.status);
  return std::move(response.body);
}

ReleaseStore::Match HttpStore::compare(const Artifact& artifact) const {
  const auto size = static_cast<std::uint64_t>(artifact.size_bytes);
  int status = 0;
  Sha256 digest;
  std::uint64_t received = 0;
  const auto on_head = [&](const http::HttpHead& head) -> std::optional<std::uint64_t> {
    status = head.status;
    if (status != 200) return std::nullopt;
    return kMostArtifactBytes;
  };
  const auto on_body = [&](std::string_view piece) {
    received += piece.size();
    digest.update(piece);
  };
  try {
    client_.receive({.method = "GET", .url = name_of(artifact.path), .headers = kFresh, .body = {}},
                    {.head = on_head, .body = on_body}, {.timeout = kArtifact});
  } catch (const http::HttpError& error) {
    throw error.within(name_of(artifact.path));
  }
  if (is_absent(status)) return Match::absent;
  if (status != 200) throw_unread(artifact.path, status);
  return received == size && hex(digest.finish()) == artifact.sha256 ? Match::same
                                                                     : Match::different;
}

void HttpStore::write(const std::string& path, std::string_view bytes, Headers headers,
                      const StoreProgress& progress) {
  if (options_.authorization) headers.emplace_back("Authorization", *options_.authorization);
  headers.emplace_back("Content-Type", "application/octet-stream");
  const auto size = static_cast<std::int64_t>(bytes.size());
  http::HttpRequest request{.method = "PUT",
                            .url = name_of(path),
                            .headers = std::move(headers),
                            .body = std::string(bytes)};
  if (progress) {
    request.sending = [&](std::size_t left) {
      progress(std::max<std::int64_t>(0, size - static_cast<std::int64_t>(left)), size);
    };
  }
  const auto response = send(path, request, kArtifact);
  if (response.status / 100 == 2) return;
  const bool exists = response.status == 412;
  throw Error(kind_of(response.status),
              exists ? fmt::format("{} is there already", name_of(path))
                     : fmt::format("{} cannot be put: status {}", name_of(path), response.status),
              hint_for(response.status));
}

}  // namespace

std::unique_ptr<ReleaseStore> open_http_store(const std::string& url, const StoreOptions& options) {
  return std::make_unique<HttpStore>(url, options);
}

}  // namespace converge::updater
