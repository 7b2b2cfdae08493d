#include "src/http/client.h"
#include "tests/support/nginx.h"
#include "tests/support/state_machine.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/http_raw_server.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <iterator>
#include <thread>
#include <vector>

namespace converge::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using tests::StateMachine;

BOOST_AUTO_TEST_SUITE(http_client)

BOOST_AUTO_TEST_CASE(sends_a_request_whole_and_returns_the_answer) {
  const StateMachine service;
  const auto client = direct();
  const auto first = client.send(post(service.url("/clusters/7/deprovision?now=%2F")), kAmple);
  BOOST_TEST(first.status == 202);
  BOOST_TEST(first.body == "{\"done\":\"/clusters/7/deprovision?now=%2F\"}\n");
  BOOST_TEST(!first.retry_after);
  BOOST_TEST(client.send(post(service.url("/clusters/7/deprovision?now=%2F")), kAmple).status ==
             200);
  const auto log = service.log();
  BOOST_REQUIRE(log.size() == 2U);
  BOOST_TEST(log[0].find("\"Content-Length\":\"18\"") != std::string::npos);
  BOOST_TEST(log[0].find("\"Idempotency-Key\":\"k1\"") != std::string::npos);
  BOOST_TEST(log[0].find("\"body\":\"{\\\"reason\\\": \\\"test\\\"}\"") != std::string::npos);
  BOOST_TEST(service.counts().effects == 1);
  BOOST_TEST(service.counts().duplicates == 1);
}

BOOST_AUTO_TEST_CASE(caller_is_told_how_far_a_large_request_is) {
  const tests::Nginx nginx({.server = "client_max_body_size 0; dav_methods PUT;"});
  std::vector<std::size_t> left;
  const std::string body(1'000'000, 'x');
  const auto response =
      direct().send({.method = "PUT",
                     .url = nginx.url("/file"),
                     .headers = {},
                     .body = body,
                     .sending = [&](std::size_t bytes) { left.push_back(bytes); }},
                    kAmple);
  BOOST_TEST(response.status == 201);
  BOOST_TEST((tests::read_text(nginx.root() / "file") == body));
  BOOST_TEST(left.size() > 2U);
  BOOST_TEST(std::is_sorted(left.rbegin(), left.rend()));
  BOOST_TEST(left.back() == 0U);
}

BOOST_AUTO_TEST_CASE(fifty_calls_take_one_connection) {
  const StateMachine service;
  const auto client = direct();
  const int before = service.counts().connections;
  for (int call = 0; call < 50; ++call) {
    client.send(post(service.url("/x"), std::to_string(call)), kAmple);
  }
  BOOST_TEST(service.counts().connections - before == 2);  // One is the question itself.
  BOOST_TEST(service.counts().effects == 50);
}

BOOST_AUTO_TEST_CASE(threads_have_connections_of_their_own_and_leave_no_descriptor) {
  const StateMachine service({"--delay", "20"});
  const auto open_now = [] {
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return std::distance(begin(files), end(files));
  };
  const auto before = open_now();
  {
    const auto client = direct();
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&, thread] {
        for (int call = 0; call < 5; ++call) {
          client.send(post(service.url("/x"), std::to_string(10 * thread + call)), kAmple);
        }
      });
    }
    threads.clear();
    BOOST_TEST(service.counts().connections <= 8 + 1);
    client.close_idle();
    BOOST_TEST(open_now() == before);
    client.send(post(service.url("/x"), "last"), kAmple);
  }
  BOOST_TEST(open_now() == before);
  BOOST_TEST(service.counts().effects == 41);
}

BOOST_AUTO_TEST_CASE(kept_connection_that_the_server_has_closed_is_replaced) {
  StateMachine service;
  const auto client = direct();
  client.send(post(service.url("/x"), "1"), kAmple);
  service.stop();
  service.start();
  BOOST_TEST(client.send(post(service.url("/x"), "2"), kAmple).status == 202);
}

HttpRequest put(const std::string& url) {
  auto request = post(url);
  request.method = "PUT";
  return request;
}

// The server closes only when the request has come: whether it has acted is not known.
BOOST_AUTO_TEST_CASE(request_on_a_kept_connection_that_ends_is_not_sent_again) {
  StateMachine service;
  const auto client = direct();
  auto once = put(service.url("/x"));
  once.once = true;
  for (const HttpRequest& request : {post(service.url("/x")), once}) {
    for (const std::string kind : {"reset", "reset_before", "close"}) {
      client.send(post(service.url("/before"), "before"), kAmple);
      const auto sent = service.counts().requests;
      service.fault("kind=" + kind);
      const auto failure = failure_of(client, request);
      BOOST_TEST(failure.in_doubt);
      BOOST_TEST(failure.lost_kept_connection);
      BOOST_TEST(service.counts().requests == sent + 1);
    }
  }
  service.fault("kind=reset");
  const auto first = failure_of(direct(), post(service.url("/x")));
  BOOST_TEST(!first.lost_kept_connection);
}

BOOST_AUTO_TEST_CASE(request_for_a_fresh_connection_is_sent_over_none_that_was_kept) {
  const StateMachine service;
  const auto client = direct();
  auto request = post(service.url("/x"));
  request.fresh_connection = true;
  const int before = service.counts().connections;
  for (int call = 0; call < 3; ++call) client.send(request, kAmple);
  BOOST_TEST(service.counts().connections - before == 3 + 1);
}

BOOST_AUTO_TEST_CASE(idempotent_request_on_a_kept_connection_that_ends_is_sent_once_more) {
  std::vector<std::string> requests;
  {
    RawServer server([&](RawServer::Client& peer, int) {
      requests.push_back(peer.receive());
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      requests.push_back(peer.receive());
    });
    const auto client = direct();
    BOOST_TEST(client.send(put(server.url()), kAmple).body == "ok");
    BOOST_TEST(client.send(put(server.url()), kAmple).body == "ok");
    BOOST_TEST(server.connections() == 2);
    client.close_idle();
  }
  BOOST_REQUIRE(requests.size() == 4U);
  BOOST_TEST(requests[1] == requests[2]);
}

BOOST_AUTO_TEST_CASE(request_that_was_lost_stays_in_doubt_when_it_cannot_be_sent_again) {
  RawServer* self = nullptr;
  RawServer server([&](RawServer::Client& peer, int) {
    peer.receive();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    peer.receive();
    self->refuse_more();
  });
  self = &server;
  const auto client = direct();
  client.send(put(server.url()), kAmple);
  const auto failure = failure_of(client, put(server.url()));
  BOOST_TEST(failure.message == "connection refused");
  BOOST_TEST(failure.in_doubt);
}

BOOST_AUTO_TEST_CASE(redirect_is_an_answer_and_not_followed) {
  StateMachine service;
  service.fault("kind=redirect");
  BOOST_TEST(direct().send(post(service.url("/x")), kAmple).status == 302);
  BOOST_TEST(service.counts().effects == 0);
}

BOOST_AUTO_TEST_CASE(retry_after_is_read_and_bounded) {
  StateMachine service;
  const auto client = direct();
  service.fault("kind=429&retry_after=7");
  service.fault("kind=503&retry_after=999999999999999999999");
  service.fault("kind=503&retry_after=Wed,%2021%20Oct%202015%2007:28:00%20GMT");
  service.fault("kind=500&retry_after=soon");
  const auto first = client.send(post(service.url("/x")), kAmple);
  BOOST_TEST(first.status == 429);
  BOOST_TEST((first.retry_after == seconds{7}));
  BOOST_TEST(
      (client.send(post(service.url("/x")), kAmple).retry_after == std::chrono::hours{7 * 24}));
  BOOST_TEST((client.send(post(service.url("/x")), kAmple).retry_after == seconds{0}));
  BOOST_TEST(!client.send(post(service.url("/x")), kAmple).retry_after);
}

BOOST_AUTO_TEST_CASE(unknown_host_is_told_and_nothing_was_sent) {
  const auto failure = failure_of(direct(), post("http://host.invalid/x"));
  BOOST_TEST(failure.says("the host's name is not found"));
  BOOST_TEST(!failure.in_doubt);
}

BOOST_AUTO_TEST_CASE(refused_connection_is_told_and_nothing_was_sent) {
  StateMachine service;
  service.stop();
  const auto failure = failure_of(direct(), post(service.url("/x")));
  BOOST_TEST(failure.message == "connection refused");
  BOOST_TEST(!failure.in_doubt);
}

BOOST_AUTO_TEST_CASE(reset_leaves_the_request_in_doubt) {
  StateMachine service;
  for (const std::string kind : {"reset", "reset_before", "close"}) {
    service.fault("kind=" + kind);
    const auto failure = failure_of(direct(), post(service.url("/x"), kind));
    BOOST_TEST(failure.in_doubt);
    BOOST_TEST(failure.says(kind == "close" ? "ended without an answer" : "connection reset"));
  }
  BOOST_TEST(service.counts().effects == 2);
}

BOOST_AUTO_TEST_CASE(answer_that_breaks_off_is_an_error) {
  StateMachine service;
  service.fault("kind=truncated");
  const auto by_length = failure_of(direct(), post(service.url("/x")));
  BOOST_TEST(by_length.message == "answer truncated after 10 of 100 bytes");
  BOOST_TEST(by_length.in_doubt);
  service.fault("kind=truncated_chunked");
  const auto by_chunks = failure_of(direct(), post(service.url("/x")));
  BOOST_TEST(by_chunks.message == "answer truncated after 10 bytes, before the last chunk");
}

BOOST_AUTO_TEST_CASE(answer_without_bound_is_an_error) {
  StateMachine service;
  for (const std::string kind : {"endless", "large", "huge_headers"}) {
    service.fault("kind=" + kind);
    const auto failure = failure_of(direct(), post(service.url("/x")));
    BOOST_TEST(failure.in_doubt);
    BOOST_TEST(failure.message == (kind == "huge_headers" ? "answer with headers larger than 64 KiB"
                                                          : "answer larger than 64 KiB"));
  }
}

BOOST_AUTO_TEST_CASE(stalled_server_ends_at_the_timeout) {
  StateMachine service;
  service.fault("kind=stall&count=2");
  const auto total = failure_of(direct(), post(service.url("/x")), milliseconds{80});
  BOOST_TEST(total.message == "no whole answer within 80ms");
  BOOST_TEST(total.in_doubt);
  const auto idle = failure_of(direct({.idle_timeout = milliseconds{70}}), post(service.url("/x")));
  BOOST_TEST(idle.message == "stalled for 70ms");
}

BOOST_AUTO_TEST_CASE(server_that_trickles_ends_at_the_timeout) {
  std::atomic<bool> ended = false;
  RawServer server([&](RawServer::Client& peer, int) {
    peer.receive();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
    while (!ended) {
      peer.send("x");
      std::this_thread::sleep_for(milliseconds{5});
    }
  });
  const auto failure =
      failure_of(direct({.idle_timeout = seconds{5}}), post(server.url()), milliseconds{120});
  ended = true;
  BOOST_TEST(failure.message == "no whole answer within 120ms");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::http
