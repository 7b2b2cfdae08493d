#define BOOST_TEST_DYN_LINK
#include "src/cli/daemon_client.h"

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/daemon/status_server.h"
#include "tests/support/temp_dir.h"

#include <Poco/Net/ServerSocket.h>
#include <boost/test/unit_test.hpp>

#include <memory>

namespace {

using namespace converge;
using namespace converge::cli;
using namespace converge::tests;

constexpr const char* kBody =
    R"({"connected":true,"server":"db","trouble":"","workers":4,"busy":1,"convergers":[)"
    R"({"name":"a","state":"ready","why":"","resolve":"","quarantined":2,"owned":false,)"
    R"("running":true,"last_pass":"2026-11-22T10:00:00.000001Z","last_outcome":"converged",)"
    R"("next":"2026-11-22T10:00:10.000000Z"},{"name":"b","state":"new"}]})";

/// A status server as the daemon has it.
struct Server {
  TempDir directory;
  daemon::Metrics metrics;
  std::unique_ptr<daemon::StatusServer> server;

  std::string start(const std::string& address) {
    server = std::make_unique<daemon::StatusServer>(
        daemon::StatusServerOptions{.address = address, .journal = directory / "journal.db"},
        [] {
          daemon::Overview overview;
          overview.connected = true;
          overview.server = "db";
          overview.workers = 4;
          overview.busy = 1;
          auto& one = overview.convergers.emplace_back();
          one.name = "a";
          one.state = "ready";
          one.running = true;
          return overview;
        },
        metrics);
    return server->address();
  }
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

BOOST_FIXTURE_TEST_CASE(daemon_answers_over_tcp, Server) {
  const auto status = ask_daemon(start("127.0.0.1:0"));
  BOOST_TEST(status.connected);
  BOOST_TEST(status.server == "db");
  BOOST_TEST(status.busy == 1);
  BOOST_TEST(status.convergers.at("a").running);
}

BOOST_FIXTURE_TEST_CASE(daemon_answers_over_a_unix_socket, Server) {
  const auto path = (directory / "status.sock").string();
  start("unix:" + path);
  BOOST_TEST(ask_daemon("unix:" + path).workers == 4);
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_says_why) {
  const TempDir directory;
  BOOST_TEST(contains(reason_of("unix:" + (directory / "none.sock").string()), "no answer from"));
  BOOST_TEST(contains(reason_of("nonsense"), "no answer from nonsense"));
}

BOOST_AUTO_TEST_CASE(silence_is_not_waited_for_long) {
  const auto socket = loopback();  // Connections wait here, and nobody takes them.
  BOOST_TEST(contains(reason_of(socket.address().toString()), "does not come within 2s"));
}

BOOST_AUTO_TEST_SUITE_END()
