#include "tests/support/certificates.h"
#include "tests/support/nginx.h"
#include "tests/unit/release_download_fixture.h"
#include "updater/release_source.h"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace converge::updater {
namespace {

using http::RawServer;
using std::chrono::milliseconds;
using tests::Nginx;

/// What goes wrong on the way of an artifact, by a real nginx that speaks either.
constexpr std::array kSchemes = {"http", "https"};

struct ServedWorld : DownloadWorld {
  Nginx serve_by(const std::string& scheme, const std::string& directives = "") {
    if (scheme == "http") return Nginx({.server = directives});
    certificates.sign("localhost", "localhost");
    options.http.ca_file = certificates.file("authority.pem");
    return Nginx({.certificate = certificates.file("localhost.pem"),
                  .key = certificates.file("localhost.key"),
                  .server = directives});
  }
  /// Passes on what that server sends, as it comes.
  Nginx serve_behind(const std::string& scheme, const RawServer& server) {
    return serve_by(scheme, "location / { proxy_pass " + server.url("") +
                                "; proxy_http_version 1.1; proxy_buffering off; }");
  }

  tests::Certificates certificates;
};

BOOST_FIXTURE_TEST_SUITE(release_served, ServedWorld)

BOOST_DATA_TEST_CASE_F(ServedWorld, reset_in_the_middle_is_resumed_by_the_next_attempt, kSchemes) {
  auto nginx = serve_by(sample, kSlowInTheMiddle);
  nginx.serve(kArtifactPath, content);
  const auto broken = refusal(nginx.url(), [&](std::int64_t done, std::int64_t) {
    if (done >= static_cast<std::int64_t>(kHalf)) nginx.stop();
  });
  BOOST_TEST(broken.says("answer truncated after"));
  BOOST_TEST((broken.kind == ErrorKind::transient));
  const auto held = std::filesystem::file_size(part);
  BOOST_TEST(held >= kHalf);
  BOOST_TEST(held < kSize);
  nginx.start();
  std::vector<std::int64_t> told;
  download(nginx.url(), [&](std::int64_t done, std::int64_t) { told.push_back(done); });
  BOOST_TEST(is_fetched());
  BOOST_TEST(told.front() == static_cast<std::int64_t>(held));
  // The one that was killed with it is in no log.
  const auto requests = nginx.requests(1);
  BOOST_TEST(requests.size() == 1U);
  BOOST_TEST(requests[0] == logged(206, "bytes=" + std::to_string(held) + "-", kSize - held));
}

BOOST_DATA_TEST_CASE_F(ServedWorld, change_between_attempts_starts_over, kSchemes) {
  auto nginx = serve_by(sample);
  nginx.serve(kArtifactPath, other);
  const auto interrupted = refusal(nginx.url(), [&](std::int64_t done, std::int64_t) {
    if (done >= static_cast<std::int64_t>(kHalf)) throw Error(ErrorKind::failure, "enough");
  });
  BOOST_TEST(interrupted.says("enough"));
  const auto held = std::filesystem::file_size(part);
  nginx.serve(kArtifactPath, content);
  std::vector<std::int64_t> told;
  download(nginx.url(), [&](std::int64_t done, std::int64_t) { told.push_back(done); });
  BOOST_TEST(is_fetched());
  BOOST_TEST(std::count(told.begin(), told.end(), 0) > 0);
  const auto requests = nginx.requests(3);
  BOOST_TEST(requests.size() == 3U);
  BOOST_TEST(requests[1] == logged(206, "bytes=" + std::to_string(held) + "-", kSize - held));
  BOOST_TEST(requests[2] == logged(200, "-", kSize));
}

BOOST_DATA_TEST_CASE_F(ServedWorld, statuses_leave_the_part, kSchemes) {
  const auto nginx = serve_by(sample, "location /b500/ { return 500; }");
  hold(content.substr(0, kHalf));
  const auto missing = refusal(nginx.url());
  BOOST_TEST(missing.message == nginx.url("/" + kArtifactPath) + ": status 404");
  BOOST_TEST((missing.kind == ErrorKind::failure));
  const auto broken = refusal(nginx.url("/b500"));
  BOOST_TEST(broken.says("status 500"));
  BOOST_TEST((broken.kind == ErrorKind::transient));
  BOOST_TEST(std::filesystem::file_size(part) == kHalf);
}

BOOST_DATA_TEST_CASE_F(ServedWorld, one_byte_a_second_is_too_slow, kSchemes) {
  options.rate_window = milliseconds(400);
  options.least_bytes_per_second = 1000;
  const auto nginx = serve_by(sample, "limit_rate 1;");
  nginx.serve(kArtifactPath, content);
  const auto found = refusal(nginx.url());
  BOOST_TEST(found.says("too slow: no more than "), found.message);
  BOOST_TEST((found.kind == ErrorKind::transient));
}

BOOST_DATA_TEST_CASE_F(ServedWorld, endless_answers_are_cut_short, kSchemes) {
  RawServer endless([&](RawServer::Client& client, int) {
    client.receive();
    client.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "10000\r\n" + std::string(64 * 1024, 'x') + "\r\n";
    while (client.send(chunk)) {
    }
  });
  const auto nginx = serve_behind(sample, endless);
  const auto found = refusal(nginx.url());
  BOOST_TEST(found.says("more than the 1000000 bytes"), found.message);
  BOOST_TEST((found.kind == ErrorKind::failure));
  BOOST_TEST(!is_there());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::updater
