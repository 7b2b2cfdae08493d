#include "tests/unit/http_fixture.h"
#include "tests/unit/http_raw_server.h"

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

namespace converge::http {
namespace {

std::string failure_with(const std::string& answer) {
  const RawServer server(answer);
  return failure_of(direct(), post(server.url())).message;
}

HttpResponse response_with(const std::string& answer, const std::string& method = "POST") {
  const RawServer server(answer);
  auto request = post(server.url());
  request.method = method;
  return direct().send(request, kAmple);
}

BOOST_AUTO_TEST_SUITE(http_answer)

BOOST_AUTO_TEST_CASE(answers_are_read_to_their_end) {
  BOOST_TEST(response_with("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").body == "ok");
  BOOST_TEST(response_with("HTTP/1.1 200\nContent-Length: 2, 2\n\nok").body == "ok");
  BOOST_TEST(response_with("HTTP/1.1 204 No Content\r\n\r\n").status == 204);
  BOOST_TEST(response_with("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD").status == 200);
  BOOST_TEST(response_with("HTTP/1.0 200 OK\r\n\r\nok").body == "ok");
  BOOST_TEST(response_with("HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\nok").body == "ok");
  BOOST_TEST(response_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "1;x=y\r\no\r\n01\r\nk\r\n0\r\nTrailer: 1\r\n\r\n")
                 .body == "ok");
}

BOOST_AUTO_TEST_CASE(interim_answers_are_passed_over) {
  const auto response = response_with(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
      "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  BOOST_TEST(response.status == 201);
}

BOOST_AUTO_TEST_CASE(answers_that_break_off_are_errors) {
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::vector<std::pair<std::string, std::string>> answers = {
      {"HTTP/1.1 200 OK\r\nConte", "answer truncated in its head"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", "answer truncated after 2 of 3 bytes"},
      {chunked, "answer truncated after 0 bytes, before the last chunk"},
      {chunked + "4\r\nok", "answer truncated after 2 of 4 bytes"},
      {chunked + "2\r\nok\r\n", "answer truncated after 2 bytes, before the last chunk"},
      {chunked + "2\r\nok\r\n0\r\n", "answer truncated in its head"},
  };
  for (const auto& [answer, message] : answers) BOOST_TEST(failure_with(answer) == message);
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_is_refused) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const std::string& answer :
       {std::string("SSH-2.0-OpenSSH_9.2\r\n\r\n"), std::string("HTTP/2 200\r\n\r\n"),
        std::string("HTTP/1.1 2x0 OK\r\n\r\n"), std::string("HTTP/1.1 700 OK\r\n\r\n"),
        ok + "no colon\r\n\r\n", ok + "Space : 1\r\n\r\n",
        ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
        ok + "Content-Length: -2\r\n\r\nok", ok + "Content-Length: 0x2\r\n\r\nok"}) {
    BOOST_TEST(failure_with(answer).starts_with("not an answer in HTTP/1: "));
  }
  BOOST_TEST(failure_with(ok + "\r\nok") == "an answer that does not say where it ends");
  BOOST_TEST(failure_with(ok + "Transfer-Encoding: gzip, chunked\r\n\r\n") ==
             "an answer in a transfer coding that nobody asked for");
  BOOST_TEST(failure_with(ok + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n") ==
             "an answer in chunks, one of which has no size");
  BOOST_TEST(failure_with(ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n") ==
             "an answer in chunks, one of which is longer than it said");
}

BOOST_AUTO_TEST_CASE(answers_have_a_bound) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string largest(64 * 1024, 'x');
  BOOST_TEST(response_with(ok + "Content-Length: 65536\r\n\r\n" + largest).body == largest);
  const std::string message = "answer larger than 64 KiB";
  BOOST_TEST(failure_with(ok + "Content-Length: 65537\r\n\r\n") == message);
  BOOST_TEST(failure_with(ok + "Content-Length: 99999999999999999999\r\n\r\n") == message);
  BOOST_TEST(failure_with(ok + "Connection: close\r\n\r\nx" + largest) == message);
  const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
  BOOST_TEST(failure_with(chunked + "fffffffffffffffff\r\n") == message);
  BOOST_TEST(failure_with(chunked + "10000\r\n" + largest + "\r\n1\r\n") == message);
  BOOST_TEST(failure_with(chunked + "1;" + largest) == "answer with headers larger than 64 KiB");
}

BOOST_AUTO_TEST_CASE(bytes_after_an_answer_end_its_connection) {
  const RawServer server([](RawServer::Client& peer, int) {
    while (!peer.receive().empty()) {
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Smuggled\r\n\r\n");
    }
  });
  const auto client = direct();
  BOOST_TEST(client.send(post(server.url()), kAmple).status == 200);
  BOOST_TEST(client.send(post(server.url()), kAmple).status == 200);
  BOOST_TEST(server.connections() == 2);
  client.close_idle();
}

BOOST_AUTO_TEST_CASE(urls_that_are_none_are_refused_before_anything_is_sent) {
  for (const std::string url :
       {"ftp://h/", "h/x", "http:///x", "http://u@h/", "http://u:p@h/", "http://h:0/",
        "http://h:65536/", "http://h:8a/", "http://h /", "http://h/\r\nX: 1", "http://h\\@g/",
        "http://[::1/", "http://[h]/", "http://h%2f/", "http://\xc3\xa4/"}) {
    const auto failure = failure_of(direct(), post(url));
    BOOST_TEST(!failure.in_doubt);
    BOOST_TEST((failure.says("URL") && !failure.says("succeeded")), url);
  }
}

BOOST_AUTO_TEST_CASE(requests_that_would_be_two_are_refused) {
  const auto client = direct();
  auto request = post("http://127.0.0.1:1/");
  request.headers.emplace_back("X-Label", "a\r\nX-Injected: 1");
  BOOST_TEST(failure_of(client, request).says("X-Label: a line break"));
  request.headers = {{"X Y", "1"}};
  BOOST_TEST(failure_of(client, request).says("the name of a header is not a word"));
  request.headers = {{"content-length", "1"}};
  BOOST_TEST(failure_of(client, request).says("is not for the request to set"));
  request.headers = {};
  request.method = "GET / HTTP/1.1\r\n";
  BOOST_TEST(failure_of(client, request).says("the method is not a word"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::http
