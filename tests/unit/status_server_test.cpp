#include "tests/support/command.h"
#include "tests/unit/status_fixture.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace converge::tests {
namespace {

Poco::JSON::Object::Ptr parse(const std::string& json) {
  return Poco::JSON::Parser().parse(json).extract<Poco::JSON::Object::Ptr>();
}

std::string head_of(const std::string& path, const std::string& host) {
  return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

int status_of(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

/// Connections that are closed at the end.
struct Crowd {
  std::vector<int> descriptors;
  ~Crowd() {
    for (const int descriptor : descriptors) ::close(descriptor);
  }
  void say(const std::string& bytes) const {
    for (const int descriptor : descriptors) {
      ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
  }
};

Crowd crowd_at(const StatusFixture& fixture, int size) {
  Crowd crowd;
  for (int i = 0; i < size; ++i) crowd.descriptors.push_back(fixture.connect());
  return crowd;
}

/// Makes /metrics long.
void add_convergers(StatusFixture& fixture, int count) {
  fixture.change([&](auto& overview) {
    for (int i = 0; i < count; ++i) overview.convergers.push_back(well("c" + std::to_string(i)));
  });
}

int highest_descriptor() {
  int highest = 0;
  for (const auto& open : std::filesystem::directory_iterator("/proc/self/fd")) {
    highest = std::max(highest, std::stoi(open.path().filename()));
  }
  return highest;
}

/// Uses up all descriptors, so that what the server accepts has to come from those that wait.
void answer_from_the_last_descriptor(const StatusFixture& fixture) {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const auto limit = static_cast<rlim_t>(highest_descriptor()) + 1;
  const rlimit few{.rlim_cur = limit, .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  Crowd all;
  for (int next = 0; (next = ::dup(0)) >= 0;) all.descriptors.push_back(next);
  ::close(all.descriptors.back());  // For the client.
  all.descriptors.pop_back();
  const auto answer = fixture.send(head_of("/healthz", "localhost"));
  ::setrlimit(RLIMIT_NOFILE, &before);
  BOOST_TEST(status_of(answer) == 200);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(status_server, StatusFixture)

BOOST_AUTO_TEST_CASE(every_page_is_there) {
  BOOST_TEST(ask("/").headers["content-type"] == "text/html; charset=utf-8");
  BOOST_TEST(ask("/page.css").headers["content-type"] == "text/css; charset=utf-8");
  BOOST_TEST(ask("/page.js").headers["content-type"] == "text/javascript; charset=utf-8");
  BOOST_TEST(ask("/metrics").headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8");
  BOOST_TEST(ask("/healthz").body == "ok\n");
  BOOST_TEST(ask("/readyz").body == "ready\n");
  BOOST_TEST(ask("/api/v1/status").headers["content-type"] == "application/json");
}

BOOST_AUTO_TEST_CASE(head_is_get_without_the_body) {
  const auto get = ask("/api/v1/status");
  const auto head = ask("/api/v1/status", "HEAD");
  BOOST_TEST(head.status == 200);
  BOOST_TEST(head.headers.at("content-length") == get.headers.at("content-length"));
  BOOST_TEST(head.body.empty());
}

BOOST_AUTO_TEST_CASE(nothing_can_be_written) {
  for (const auto* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
    const auto answer = ask("/api/v1/status", method);
    BOOST_TEST(answer.status == 405);
    BOOST_TEST(answer.headers.at("allow") == "GET, HEAD");
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_said_in_json) {
  const auto answer = ask("/api/v2/status");
  BOOST_TEST(answer.status == 404);
  BOOST_TEST(parse(answer.body)->has("error"));
  BOOST_TEST(ask("/../../etc/passwd").status == 404);
}

BOOST_AUTO_TEST_CASE(answers_are_for_this_origin_alone) {
  for (const auto* path : {"/", "/metrics", "/nothing"}) {
    auto headers = ask(path).headers;
    BOOST_TEST(headers["content-security-policy"].starts_with("default-src 'none'; "));
    BOOST_TEST(headers["x-content-type-options"] == "nosniff");
    BOOST_TEST(headers["cache-control"] == "no-store");
    BOOST_TEST(headers["x-frame-options"] == "DENY");
    BOOST_TEST(headers["cross-origin-resource-policy"] == "same-origin");
    BOOST_TEST(headers["referrer-policy"] == "no-referrer");
    BOOST_TEST(!headers.contains("set-cookie"));
    BOOST_TEST(!headers.contains("access-control-allow-origin"));
  }
}

BOOST_AUTO_TEST_CASE(a_page_elsewhere_cannot_pretend_to_be_here) {
  for (const auto* host : {"localhost", "LOCALHOST:80", "127.0.0.1", "127.8.0.1:9187", "[::1]:1"}) {
    BOOST_TEST(status_of(send(head_of("/metrics", host))) == 200, host);
  }
  for (const auto* host : {"evil.example", "evil.example:9187", "localhost.evil.example", "0.0.0.0",
                           "10.0.0.1", "127.0.0.1.evil.example", "localhost:", "[::1]evil", ":1"}) {
    BOOST_TEST(status_of(send(head_of("/metrics", host))) == 421, host);
  }
  BOOST_TEST(status_of(send("GET /metrics HTTP/1.1\r\n\r\n")) == 400);
  BOOST_TEST(status_of(send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n")) ==
             400);
}

BOOST_AUTO_TEST_CASE(a_name_that_is_configured_is_known) {
  start({.address = "127.0.0.1:0", .names = {"bastion.example"}});
  BOOST_TEST(status_of(send(head_of("/metrics", "bastion.example:9187"))) == 200);
  BOOST_TEST(status_of(send(head_of("/metrics", "other.example:9187"))) == 421);
}

BOOST_AUTO_TEST_CASE(an_address_that_others_reach_has_to_be_allowed) {
  const auto error = error_of([&] { start({.address = "0.0.0.0:0"}); });
  BOOST_CHECK(error.kind() == ErrorKind::usage);
  BOOST_TEST(!error.hint().empty());
  start({.address = "0.0.0.0:0", .allow_remote = true});
  BOOST_TEST(status_of(send(head_of("/healthz", "10.1.2.3:9187"))) == 200);
  BOOST_TEST(status_of(send(head_of("/healthz", "evil.example"))) == 421);
}

BOOST_AUTO_TEST_CASE(what_is_no_address_is_refused) {
  for (const auto* address :
       {"", "9187", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:80x", "::1:80",
        "example.com:80", "unix:", "unix:relative"}) {
    const auto error = error_of([&] { start({.address = address}); });
    BOOST_CHECK_MESSAGE(error.kind() == ErrorKind::usage, address);
  }
  const auto taken = daemon::StatusServer(
      {.address = "[::1]:0"}, [] { return daemon::Overview{}; }, metrics);
  const auto error = error_of([&] { start({.address = taken.address()}); });
  BOOST_CHECK(error.kind() == ErrorKind::failure);
}

BOOST_AUTO_TEST_CASE(garbage_is_answered_and_closed) {
  BOOST_TEST(status_of(send("\x16\x03\x01\x02 hello over tls")) == 400);
  BOOST_TEST(status_of(send("GARBAGE\r\n\r\n")) == 400);
  BOOST_TEST(status_of(send("GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n")) == 400);
  BOOST_TEST(status_of(send("GET / HTTP/1.1\r\nno colon here\r\n\r\n")) >= 400);
  BOOST_TEST(status_of(send(std::string(64, '\0') + "\r\n\r\n")) == 400);
  send("\r\n\r\n\r\n\r\n");
  BOOST_TEST(ask("/healthz").status == 200);
}

BOOST_AUTO_TEST_CASE(a_head_without_end_is_refused) {
  const std::string much(9000, 'x');
  BOOST_TEST(status_of(send("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + much)) == 431);
  BOOST_TEST(status_of(send("GET /" + much + " HTTP/1.1\r\n")) == 431);
}

BOOST_AUTO_TEST_CASE(a_body_does_not_break_the_answer) {
  BOOST_TEST(status_of(send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" +
                            std::string(50'000, 'x'))) == 405);
}

BOOST_AUTO_TEST_CASE(who_says_nothing_is_sent_away) {
  start({.address = "127.0.0.1:0", .limits = {.patience = std::chrono::milliseconds(50)}});
  BOOST_TEST(status_of(send("GET / HT")) == 408);
}

BOOST_AUTO_TEST_CASE(slow_clients_keep_nobody_waiting) {
  start({.address = "127.0.0.1:0", .limits = {.patience = std::chrono::minutes(10)}});
  const auto silent = crowd_at(*this, 200);
  const auto slow = crowd_at(*this, 200);
  slow.say("GET /metrics HTTP/1.1\r\nHost: loc");
  BOOST_TEST(ask("/metrics").status == 200);
  slow.say("a");
  BOOST_TEST(ask("/metrics").status == 200);
  // Whoever came first had to go, and not the last ones, who go on.
  slow.say("lhost\r\n\r\n");
  std::string answer(12, '\0');
  ::recv(slow.descriptors.back(), answer.data(), answer.size(), MSG_WAITALL);
  BOOST_TEST(answer == "HTTP/1.1 200");
  BOOST_TEST(::recv(silent.descriptors.front(), answer.data(), 1, 0) == 0);
}

BOOST_AUTO_TEST_CASE(clients_who_do_not_read_keep_nobody_waiting) {
  add_convergers(*this, 150);
  // More than a Unix socket takes by itself; it can be given at least twice as much.
  BOOST_REQUIRE(ask("/metrics").body.size() > 212'992);
  start({.address = "unix:" + (journal.directory / "status.sock").string(),
         .limits = {.sending = std::chrono::minutes(10)}});
  const auto deaf = crowd_at(*this, 8);
  deaf.say(head_of("/metrics", "localhost"));
  BOOST_TEST(ask("/metrics").status == 200);
}

BOOST_AUTO_TEST_CASE(whoever_takes_too_little_of_an_answer_is_given_up) {
  add_convergers(*this, 2000);
  BOOST_REQUIRE(ask("/metrics").body.size() > 3'000'000);  // More than it can be given.
  start({.address = "unix:" + (journal.directory / "status.sock").string(),
         .limits = {.sending = std::chrono::milliseconds(10)}});
  const auto deaf = crowd_at(*this, 8);
  deaf.say(head_of("/metrics", "localhost"));
  BOOST_TEST(ask("/healthz").status == 200);
}

BOOST_AUTO_TEST_CASE(without_descriptors_it_goes_on_when_there_are_some) {
  start({.address = "127.0.0.1:0", .limits = {.patience = std::chrono::minutes(1)}});
  const auto waiting = crowd_at(*this, 100);
  BOOST_REQUIRE(ask("/healthz").status == 200);
  answer_from_the_last_descriptor(*this);
}

BOOST_AUTO_TEST_CASE(a_unix_socket_serves_its_group) {
  const auto path = journal.directory / "status.sock";
  start({.address = "unix:" + path.string()});
  struct stat file {};
  BOOST_REQUIRE(::stat(path.c_str(), &file) == 0);
  BOOST_TEST((file.st_mode & 0777U) == 0660U);
  BOOST_TEST(ask("/healthz").body == "ok\n");
  BOOST_TEST(status_of(send(head_of("/healthz", "anything.example"))) == 200);
  server.reset();
  BOOST_TEST(!std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(a_dead_servers_socket_is_replaced_and_a_live_one_is_not) {
  const auto path = journal.directory / "status.sock";
  const std::string address = "unix:" + path.string();
  BOOST_REQUIRE(in_child(journal.directory.path(), [&] {
    const daemon::StatusServer dies(
        {.address = address}, [] { return daemon::Overview{}; }, metrics);
    _exit(0);
    return true;
  }));
  BOOST_REQUIRE(std::filesystem::exists(path));
  start({.address = address});
  BOOST_TEST(ask("/healthz").body == "ok\n");
  const auto error = error_of([&] {
    daemon::StatusServer(
        {.address = address}, [] { return daemon::Overview{}; }, metrics);
  });
  BOOST_CHECK(error.kind() == ErrorKind::failure);
  BOOST_TEST(ask("/healthz").body == "ok\n");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_socket_is_left_alone) {
  const auto path = journal.directory.write("precious", "text");
  BOOST_CHECK(error_of([&] { start({.address = "unix:" + path.string()}); }).kind() ==
              ErrorKind::usage);
  BOOST_TEST(read_text(path) == "text");
}

BOOST_AUTO_TEST_CASE(readiness_says_what_is_in_the_way) {
  change([](auto& overview) {
    overview.convergers[1].state = "silent";
    overview.convergers[1].why = "its last pass was 40s ago";
  });
  auto answer = ask("/readyz");
  BOOST_TEST(answer.status == 503);
  BOOST_TEST(answer.body == "revoke_keys: its last pass was 40s ago\n");
  change([](auto& overview) { overview.connected = false; });
  answer = ask("/readyz");
  BOOST_TEST(answer.body.starts_with("not connected to prod on db.example.com:5432\n"));
  BOOST_TEST(ask("/healthz").status == 200);
}

BOOST_AUTO_TEST_CASE(a_hold_does_not_make_it_unready) {
  change([](auto& overview) { overview.convergers[0].state = "held"; });
  BOOST_TEST(ask("/readyz").status == 200);
}

BOOST_AUTO_TEST_CASE(status_is_json) {
  change([](auto& overview) {
    auto& one = overview.convergers[0];
    one.state = "held";
    one.why = "612 inconsistencies, 500 allowed";
    one.resolve = "converge release archive_account 9c1f";
    one.hold_digest = "9c1f";
    one.hold_inconsistencies = 612;
    one.hold_allowed = 500;
    one.last_pass_us = 1'000'000;
    one.next_us.reset();
  });
  const auto status = parse(ask("/api/v1/status").body);
  BOOST_TEST(status->getValue<bool>("connected"));
  BOOST_TEST(status->getObject("journal")->getValue<std::string>("file") == journal.file.string());
  const auto one = status->getArray("convergers")->getObject(0);
  BOOST_TEST(one->getValue<std::string>("state") == "held");
  BOOST_TEST(one->getValue<bool>("needs_person"));
  BOOST_TEST(one->getValue<std::string>("digest") == "9c1f");
  BOOST_TEST(one->getValue<std::int64_t>("inconsistencies") == 612);
  BOOST_TEST(one->getValue<std::string>("last_pass") == "1970-01-01T00:00:01.000000Z");
  BOOST_TEST(!one->has("next"));
  BOOST_TEST(!status->getArray("convergers")->getObject(1)->getValue<bool>("needs_person"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace converge::tests
