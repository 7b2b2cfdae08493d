#define BOOST_TEST_DYN_LINK
#include "src/cli/daemon_client.h"

#include "src/base/clock.h"
#include "src/base/error.h"
#include "tests/support/temp_dir.h"

#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <boost/test/unit_test.hpp>

namespace {

using namespace converge;
using namespace converge::cli;
using namespace converge::tests;
using Poco::Net::HTTPResponse;

constexpr const char* kBody =
    R"({"connected":true,"server":"db","trouble":"","workers":4,"busy":1,"convergers":[)"
    R"({"name":"a","state":"ready","why":"","resolve":"","quarantined":2,"owned":false,)"
    R"("running":true,"last_pass":"2026-11-22T10:00:00.000001Z","last_outcome":"converged",)"
    R"("next":"2026-11-22T10:00:10.000000Z"},{"name":"b","state":"new"}]})";

class Answer : public Poco::Net::HTTPRequestHandler {
 public:
  explicit Answer(int status) : status_(status) {}
  void handleRequest(Poco::Net::HTTPServerRequest& request,
                     Poco::Net::HTTPServerResponse& response) override {
    const bool good = request.getURI() == "/api/v1/status" && request.getHost() == "localhost";
    response.setStatusAndReason(good ? static_cast<HTTPResponse::HTTPStatus>(status_)
                                     : HTTPResponse::HTTP_NOT_FOUND);
    const std::string body = kBody;
    response.sendBuffer(body.data(), body.size());
  }

 private:
  int status_;
};

class Answers : public Poco::Net::HTTPRequestHandlerFactory {
 public:
  explicit Answers(int status) : status_(status) {}
  Poco::Net::HTTPRequestHandler* createRequestHandler(
      const Poco::Net::HTTPServerRequest& /*request*/) override {
    return new Answer(status_);
  }

 private:
  int status_;
};

/// An HTTP server on a socket that listens already.
class Server {
 public:
  explicit Server(const Poco::Net::ServerSocket& socket, int status = 200)
      : server_(new Answers(status), socket, new Poco::Net::HTTPServerParams) {
    server_.start();
  }
  ~Server() { server_.stopAll(true); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  Poco::Net::HTTPServer server_;
};

Poco::Net::ServerSocket loopback() {
  return Poco::Net::ServerSocket(Poco::Net::SocketAddress("127.0.0.1", 0));
}

std::string reason_of(const std::string& address) {
  try {
    ask_daemon(address);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(daemon_client)

BOOST_AUTO_TEST_CASE(status_is_read) {
  const auto status = read_status(kBody);
  BOOST_TEST(status.connected);
  BOOST_TEST(status.server == "db");
  BOOST_TEST(status.workers == 4);
  BOOST_TEST(status.busy == 1);
  BOOST_REQUIRE(status.convergers.size() == 2u);
  const auto& a = status.convergers.at("a");
  BOOST_TEST(a.quarantined == 2);
  BOOST_TEST(!a.owned);
  BOOST_TEST(a.running);
  BOOST_TEST(a.last_outcome == "converged");
  BOOST_TEST(format_utc(*a.last_pass_us) == "2026-11-22T10:00:00.000001Z");
  BOOST_TEST(format_utc(*a.next_us) == "2026-11-22T10:00:10.000000Z");
  const auto& b = status.convergers.at("b");
  BOOST_TEST(b.owned);
  BOOST_TEST(!b.running);
  BOOST_TEST(!b.next_us.has_value());
  for (const auto* bad : {"", "[]", "nonsense", R"({"convergers":[{"state":"ready"}]})"}) {
    BOOST_CHECK_THROW(read_status(bad), Error);
  }
}

BOOST_AUTO_TEST_CASE(daemon_answers_over_tcp) {
  const auto socket = loopback();
  const Server server(socket);
  BOOST_TEST(ask_daemon(socket.address().toString()).busy == 1);
}

BOOST_AUTO_TEST_CASE(daemon_answers_over_a_unix_socket) {
  const TempDir directory;
  const auto path = (directory / "status.sock").string();
  Poco::Net::ServerSocket socket;
  socket.bind(Poco::Net::SocketAddress(Poco::Net::AddressFamily::UNIX_LOCAL, path));
  socket.listen();
  const Server server(socket);
  BOOST_TEST(ask_daemon("unix:" + path).workers == 4);
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_says_why) {
  const TempDir directory;
  BOOST_TEST(contains(reason_of("unix:" + (directory / "none.sock").string()), "no answer from"));
  BOOST_TEST(contains(reason_of("nonsense"), "no answer from nonsense"));
  const auto socket = loopback();
  const Server server(socket, 503);
  BOOST_TEST(contains(reason_of(socket.address().toString()), "status 503"));
}

BOOST_AUTO_TEST_CASE(silence_is_not_waited_for_long) {
  const auto socket = loopback();  // Connections wait here, and nobody takes them.
  BOOST_TEST(contains(reason_of(socket.address().toString()), "does not come within 2s"));
}

BOOST_AUTO_TEST_SUITE_END()
