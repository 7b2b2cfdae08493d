#include "tests/support/nginx.h"
#include "tests/unit/release_download_fixture.h"
#include "updater/release_source.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace converge::updater {
namespace {

using http::RawServer;
using std::chrono::milliseconds;
using tests::Nginx;
using tests::read_text;

bool asks_for_the_rest_after(const std::string& request, std::size_t size_bytes) {
  return request.find("\r\nRange: bytes=" + std::to_string(size_bytes) + "-\r\n") !=
         std::string::npos;
}

bool asks_for_all(const std::string& request) {
  return !request.empty() && request.find("\r\nRange:") == std::string::npos;
}

BOOST_FIXTURE_TEST_SUITE(release_download, DownloadWorld)

BOOST_AUTO_TEST_CASE(artifact_is_fetched_and_progress_told) {
  const Nginx nginx;
  nginx.serve(kArtifactPath, content);
  std::vector<std::int64_t> told;
  download(nginx.url(), [&](std::int64_t done, std::int64_t total) {
    BOOST_TEST(total == static_cast<std::int64_t>(kSize));
    told.push_back(done);
  });
  BOOST_TEST(is_fetched());
  BOOST_TEST(told.front() == 0);
  BOOST_TEST(told.back() == static_cast<std::int64_t>(kSize));
  BOOST_TEST(std::is_sorted(told.begin(), told.end()));
  BOOST_TEST(nginx.requests(1).front() == logged(200, "-", kSize));
  const auto mode = std::filesystem::status(part).permissions();
  BOOST_TEST((mode == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)));
}

BOOST_AUTO_TEST_CASE(what_is_whole_already_is_not_asked_for) {
  const RawServer server([](RawServer::Client&, int) {});
  hold(content);
  download(server.url());
  BOOST_TEST(is_fetched());
  BOOST_TEST(server.connections() == 0);
}

BOOST_AUTO_TEST_CASE(what_breaks_off_is_resumed_at_once_while_it_brings_something) {
  options.resumes = 2;
  const auto third = kSize / 4;
  const auto requests =
      requests_to({head_of("200 OK", kSize) + content.substr(0, third),
                   range_head(third, kSize - 1, kSize) + content.substr(third, third),
                   range_head(2 * third, kSize - 1, kSize) + content.substr(2 * third)});
  BOOST_TEST(outcome.message == "succeeded");
  BOOST_TEST(is_fetched());
  BOOST_REQUIRE(requests.size() == 3U);
  BOOST_TEST(asks_for_all(requests[0]));
  BOOST_TEST(asks_for_the_rest_after(requests[1], third));
  BOOST_TEST(asks_for_the_rest_after(requests[2], 2 * third));
}

BOOST_AUTO_TEST_CASE(what_breaks_off_too_often_or_brings_nothing_is_left_for_later) {
  options.resumes = 5;
  const auto requests = requests_to(
      {head_of("200 OK", kSize) + content.substr(0, kHalf), range_head(kHalf, kSize - 1, kSize)});
  BOOST_TEST(requests.size() == 2U);
  BOOST_TEST((outcome.kind == ErrorKind::transient));
  BOOST_TEST(std::filesystem::file_size(part) == kHalf);
  options.resumes = 0;
  BOOST_TEST(requests_to({range_head(kHalf, kSize - 1, kSize) + content.substr(kHalf, 9)}).size() ==
             1U);
  BOOST_TEST(std::filesystem::file_size(part) == kHalf + 9);
}

BOOST_AUTO_TEST_CASE(kill_in_the_middle_leaves_what_is_resumed) {
  const Nginx nginx({.server = kSlowInTheMiddle});
  nginx.serve(kArtifactPath, content);
  const auto child = ::fork();
  if (child == 0) {
    try {
      download(nginx.url());
    } catch (...) {
    }
    ::_exit(0);
  }
  const auto grown = [&] { return is_there() && std::filesystem::file_size(part) >= kHalf; };
  while (!grown() && ::waitpid(child, nullptr, WNOHANG) == 0) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const auto held = std::filesystem::file_size(part);
  BOOST_TEST(held < kSize);
  download(nginx.url());
  BOOST_TEST(is_fetched());
  const auto requests = nginx.requests(2);
  const auto rest = logged(206, "bytes=" + std::to_string(held) + "-", kSize - held);
  BOOST_TEST(std::count(requests.begin(), requests.end(), rest) == 1);
}

BOOST_AUTO_TEST_CASE(rest_that_is_not_the_asked_one_starts_over) {
  const auto rest = content.substr(kHalf);
  const auto whole = head_of("200 OK", kSize) + content;
  for (const auto& answer :
       {head_of("416 Range Not Satisfiable", 0), range_head(0, kHalf - 1, kSize) + rest,
        range_head(kHalf, kSize - 1, kSize + 1) + rest, range_head(kHalf, kSize - 2, kSize) + rest,
        range_head(kHalf + 1, kSize - 1, kSize) + rest,
        head_of("206 Partial Content", kHalf) + rest,
        head_of("206 Partial Content", kHalf, "Content-Type: multipart/byteranges; boundary=x\r\n"),
        head_of("206 Partial Content", kSize, "Content-Range: bytes 500000-999999/1000000\r\n") +
            content,
        head_of("206 Partial Content", kHalf, "Content-Range: bytes */1000000\r\n") + rest,
        // As announced, but it is of another content.
        range_head(kHalf, kSize - 1, kSize) + other.substr(kHalf)}) {
    BOOST_TEST_CONTEXT(answer.substr(0, answer.find("\r\n\r\n"))) {
      hold(content.substr(0, kHalf));
      const auto requests = requests_to({answer, whole});
      BOOST_TEST(outcome.message == "succeeded");
      BOOST_TEST(is_fetched());
      BOOST_REQUIRE(requests.size() == 2U);
      BOOST_TEST(asks_for_the_rest_after(requests[0], kHalf));
      BOOST_TEST(asks_for_all(requests[1]));
    }
  }
}

BOOST_AUTO_TEST_CASE(total_may_be_unknown_to_the_server) {
  hold(content.substr(0, kHalf));
  requests_to({head_of("206 Partial Content", kHalf, "Content-Range: bytes 500000-999999/*\r\n") +
               content.substr(kHalf)});
  BOOST_TEST(outcome.message == "succeeded");
  BOOST_TEST(is_fetched());
}

BOOST_AUTO_TEST_CASE(it_starts_over_once_only) {
  hold(content.substr(0, kHalf));
  const auto wrong = range_head(kHalf, kSize - 1, kSize) + other.substr(kHalf);
  auto requests = requests_to({wrong, head_of("200 OK", kSize) + other});
  BOOST_TEST(requests.size() == 2U);
  BOOST_TEST(outcome.says("another SHA-256 than the manifest says"));
  BOOST_TEST((outcome.kind == ErrorKind::failure));
  BOOST_TEST(!is_there());
  hold(content.substr(0, kHalf));
  options.resumes = 3;
  const auto gone = head_of("416 Range Not Satisfiable", 0);
  requests = requests_to({gone, head_of("200 OK", kSize) + content.substr(0, kHalf), gone});
  BOOST_TEST(requests.size() == 3U);
  BOOST_TEST(outcome.says("it changes while it is fetched"));
  BOOST_TEST(!is_there());
}

BOOST_AUTO_TEST_CASE(server_without_ranges_sends_the_whole) {
  const Nginx nginx({.server = "max_ranges 0;"});
  nginx.serve(kArtifactPath, content);
  hold(other.substr(0, kHalf));
  download(nginx.url());
  BOOST_TEST(is_fetched());
  const auto requests = nginx.requests(1);
  BOOST_TEST(requests.size() == 1U);
  BOOST_TEST(requests[0] == logged(200, "bytes=500000-", kSize));
  std::filesystem::remove(part);
  requests_to({range_head(0, kSize - 1, kSize) + content});
  BOOST_TEST(outcome.says("status 206"));  // Nobody has asked for a range.
}

BOOST_AUTO_TEST_CASE(wrong_byte_removes_the_part) {
  const Nginx nginx;
  auto wrong = content;
  wrong[kHalf] = static_cast<char>(wrong[kHalf] ^ 1);
  nginx.serve(kArtifactPath, wrong);
  const auto found = refusal(nginx.url());
  BOOST_TEST(found.message ==
             nginx.url("/" + kArtifactPath) + ": another SHA-256 than the manifest says");
  BOOST_TEST((found.kind == ErrorKind::failure));
  BOOST_TEST(!is_there());
  BOOST_TEST(nginx.requests(1).size() == 1U);
}

BOOST_AUTO_TEST_CASE(other_length_is_refused_by_its_head) {
  const Nginx nginx;
  for (const auto& wrong : {content.substr(1), content + "x", std::string()}) {
    nginx.serve(kArtifactPath, wrong);
    const auto found = refusal(nginx.url());
    BOOST_TEST(found.says(std::to_string(wrong.size()) + " bytes are offered, the manifest says " +
                          std::to_string(kSize)));
    BOOST_TEST((found.kind == ErrorKind::failure));
  }
}

BOOST_AUTO_TEST_CASE(length_that_is_not_announced_is_counted) {
  const std::string open = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
  requests_to({open + content});
  BOOST_TEST(outcome.message == "succeeded");
  BOOST_TEST(is_fetched());
  std::filesystem::remove(part);
  requests_to({open + content.substr(1)});
  BOOST_TEST(outcome.says("ended after 999999 of 1000000 bytes"));
  BOOST_TEST((outcome.kind == ErrorKind::transient));
  std::filesystem::remove(part);
  requests_to({open + content + "x"});
  BOOST_TEST(outcome.says("more than the 1000000 bytes of which the manifest says"));
  BOOST_TEST(!is_there());
}

BOOST_AUTO_TEST_CASE(endless_answers_are_cut_short) {
  for (const bool chunked : {false, true}) {
    RawServer server([&](RawServer::Client& client, int) {
      client.receive();
      client.send(std::string("HTTP/1.1 200 OK\r\n") +
                  (chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Connection: close\r\n\r\n"));
      const std::string bytes(64 * 1024, 'x');
      while (client.send(chunked ? "10000\r\n" + bytes + "\r\n" : bytes)) {
      }
    });
    const auto found = refusal(server.url());
    BOOST_TEST(found.says("more than the 1000000 bytes"));
    BOOST_TEST((found.kind == ErrorKind::failure));
    BOOST_TEST(!is_there());
  }
  requests_to({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" +
               content + content});
  BOOST_TEST(outcome.says("more than the 1000000 bytes"));
}

BOOST_AUTO_TEST_CASE(drip_is_too_slow) {
  options.rate_window = milliseconds(200);
  options.least_bytes_per_second = 1000;
  RawServer server([&](RawServer::Client& client, int) {
    client.receive();
    client.send(head_of("200 OK", kSize));
    while (client.send("x")) std::this_thread::sleep_for(milliseconds(10));
  });
  const auto found = refusal(server.url());
  BOOST_TEST(found.says("too slow: no more than "));
  BOOST_TEST(found.says("within 200ms"));
  BOOST_TEST((found.kind == ErrorKind::transient));
}

BOOST_AUTO_TEST_CASE(head_that_drips_is_too_slow_as_well) {
  options.rate_window = milliseconds(200);
  RawServer server([&](RawServer::Client& client, int) {
    client.receive();
    client.send("HTTP/1.1 200 OK\r\nX: ");
    while (client.send("x")) std::this_thread::sleep_for(milliseconds(10));
  });
  BOOST_TEST(refusal(server.url()).says("too slow"));
}

BOOST_AUTO_TEST_CASE(stall_ends_it) {
  options.http.idle_timeout = milliseconds(50);
  RawServer server([&](RawServer::Client& client, int) {
    client.receive();
    client.send(head_of("200 OK", kSize) + content.substr(0, kHalf));
    client.wait_for_end();
  });
  const auto found = refusal(server.url());
  BOOST_TEST(found.says("stalled for 50ms"));
  BOOST_TEST((found.kind == ErrorKind::transient));
  BOOST_TEST(std::filesystem::file_size(part) == kHalf);
}

BOOST_AUTO_TEST_CASE(redirect_is_followed_with_the_range_and_only_on_the_host) {
  const Nginx nginx({.server = "absolute_redirect off;"
                               "location /far/ { return 302 http://evil.example/; }"
                               "location /old/ { rewrite ^/old/(.*)$ /$1 redirect; }"});
  nginx.serve(kArtifactPath, content);
  hold(content.substr(0, kHalf));
  BOOST_TEST(refusal(nginx.url("/far")).says("redirected to another host"));
  download(nginx.url("/old"));
  BOOST_TEST(is_fetched());
  BOOST_TEST(nginx.requests(3).back() == logged(206, "bytes=500000-", kHalf));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::updater
