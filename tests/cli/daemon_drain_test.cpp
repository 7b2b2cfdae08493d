#include "tests/cli/daemon_fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <csignal>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace converge::tests;

/// A server that takes connections and never says anything.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    if (::bind(socket_, generic, size) != 0 || ::listen(socket_, 16) != 0 ||
        ::getsockname(socket_, generic, &size) != 0) {
      throw std::runtime_error("cannot listen");
    }
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { ::close(socket_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;

  std::string url() const { return "postgresql://127.0.0.1:" + std::to_string(port_) + "/any"; }
  /// Waits until somebody has connected.
  bool is_called() const {
    pollfd source{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&source, 1, 120'000) == 1;
  }

 private:
  int socket_;
  int port_ = 0;
};

/// With a pass at its commit, which comes only when `bystander` has ended.
struct DaemonDrain : Daemon {
  DaemonDrain() {
    add_accounts(3);
    guard_commits("new.account_id = 1");
    archive_accounts("id = 1");
  }

  static bool is_stopping(Service& service) {
    return eventually([&] { return service.manager().has_told("STOPPING=1"); });
  }
  static auto count_told(Service& service, const std::string& line) {
    const auto told = service.manager().told();
    return std::count(told.begin(), told.end(), line);
  }

  Bystander bystander{*this, kCommitLock};
};

BOOST_FIXTURE_TEST_SUITE(daemon_drain, DaemonDrain)

BOOST_AUTO_TEST_CASE(no_pass_begins_after_sigterm_whatever_comes_back) {
  define("other",
         "-- every: 50ms\n\n-- find:\nselect id from account where id = 2 and name <> 'seen';\n\n"
         "-- step: see\nupdate account set name = 'seen' from subject "
         "where account.id = subject.id and name <> 'seen' returning subject.id;\n");
  Service service(*this, kPatient);
  const auto seen = [this] { return sql("select name = 'seen' from account where id = 2"); };
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  BOOST_REQUIRE(eventually([&] { return seen() == "t"; }));
  service.signal(SIGTERM);
  BOOST_REQUIRE(is_stopping(service));
  sql("update account set name = 'unseen' where id = 2");
  terminate_sessions("query like '%listen%'");
  BOOST_REQUIRE(service.logs("it is over, converging again"));
  bystander.end();
  BOOST_TEST(service.wait().status == 0);
  BOOST_TEST(seen() == "f");
}

BOOST_AUTO_TEST_CASE(sigterm_while_it_drains_for_a_new_configuration_is_the_first) {
  Service service(*this, kPatient);
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  directory.write("daemon.toml", std::string("[daemon]\nworkers = 1\n") + kPatient);
  service.signal(SIGHUP);
  BOOST_REQUIRE(service.logs("configuration and definitions are read again"));
  service.signal(SIGTERM);
  BOOST_TEST(is_stopping(service));
  BOOST_TEST(service.is_running());
  bystander.end();
  BOOST_TEST(service.wait().status == 0);
  BOOST_TEST(left_to_do() == "0");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(sighup_while_it_drains_reads_the_configuration_once_more) {
  Service service(*this, kPatient);
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  directory.write("daemon.toml", std::string("[daemon]\nworkers = 1\n") + kPatient);
  service.signal(SIGHUP);
  BOOST_REQUIRE(service.logs("configuration and definitions are read again"));
  const auto socket = directory / "status.sock";
  directory.write("daemon.toml", "[daemon]\nstatus = \"unix:" + socket.string() + "\"\n");
  service.signal(SIGHUP);
  BOOST_REQUIRE(eventually([&] { return count_told(service, "RELOADING=1") == 2; }));
  bystander.end();
  BOOST_TEST(eventually([&] { return std::filesystem::exists(socket); }));
  BOOST_TEST(service.stop().status == 0);
}

BOOST_AUTO_TEST_CASE(the_watchdog_is_fed_while_it_drains) {
  Service service(*this, kPatient, {{"WATCHDOG_USEC", "20000"}});
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  service.signal(SIGTERM);
  BOOST_REQUIRE(is_stopping(service));
  const auto fed = count_told(service, "WATCHDOG=1");
  BOOST_TEST(eventually([&] { return count_told(service, "WATCHDOG=1") > fed + 3; }));
  bystander.end();
  BOOST_TEST(service.wait().status == 0);
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_answer_cannot_keep_it_from_being_abandoned) {
  const SilentServer silent;
  environment["CONVERGE_DATABASE"] = silent.url();
  Service service(*this, std::string(kQuiet) + "[database]\nconnect_timeout = \"20s\"\n");
  BOOST_REQUIRE(silent.is_called());
  service.signal(SIGTERM);
  BOOST_REQUIRE(is_stopping(service));
  service.signal(SIGTERM);
  BOOST_TEST(service.wait().status == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
