#include "src/daemon/notify.h"

#include "tests/support/temp_dir.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace converge::daemon {
namespace {

using std::chrono::microseconds;

/// A service manager's end: a bound datagram socket.
class Supervisor {
 public:
  /// At a path, or after `@` at an abstract name.
  explicit Supervisor(const std::string& name) : file_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), std::begin(address.sun_path));
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    BOOST_REQUIRE(::bind(file_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Supervisor() { ::close(file_); }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// The next datagram that is there, or `(none)`.
  std::string received() const {
    std::array<char, 4096> text{};
    const auto size = ::recv(file_, text.data(), text.size(), MSG_DONTWAIT);
    return size < 0 ? "(none)" : std::string(text.data(), static_cast<std::size_t>(size));
  }

 private:
  int file_;
};

std::optional<microseconds> watchdog(const char* timeout_us, const std::string& process) {
  ::setenv("WATCHDOG_USEC", timeout_us, 1);
  if (!process.empty()) ::setenv("WATCHDOG_PID", process.c_str(), 1);
  return ServiceNotifier().watchdog_interval();
}

BOOST_AUTO_TEST_SUITE(service_notification)

BOOST_AUTO_TEST_CASE(each_state_is_one_datagram) {
  const tests::TempDir directory;
  const Supervisor supervisor((directory / "notify").string());
  const ServiceNotifier service;
  service.ready();
  service.stopping();
  service.alive();
  service.status("12 convergers, 1 held");
  BOOST_TEST(supervisor.received() == "READY=1");
  BOOST_TEST(supervisor.received() == "STOPPING=1");
  BOOST_TEST(supervisor.received() == "WATCHDOG=1");
  BOOST_TEST(supervisor.received() == "STATUS=12 convergers, 1 held");
  BOOST_TEST(supervisor.received() == "(none)");
}

BOOST_AUTO_TEST_CASE(abstract_socket_is_reached) {
  const Supervisor supervisor("@converge-test-" + std::to_string(::getpid()));
  ServiceNotifier().ready();
  BOOST_TEST(supervisor.received() == "READY=1");
}

BOOST_AUTO_TEST_CASE(reload_has_the_time_of_the_clock_that_systemd_compares_with) {
  const auto monotonic_us = [] {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
  };
  const tests::TempDir directory;
  const Supervisor supervisor((directory / "notify").string());
  const auto before = monotonic_us();
  ServiceNotifier().reloading();
  const std::string text = supervisor.received();
  const std::string expected = "RELOADING=1\nMONOTONIC_USEC=";
  BOOST_REQUIRE(text.starts_with(expected));
  BOOST_TEST(std::stoll(text.substr(expected.size())) >= before);
  BOOST_TEST(std::stoll(text.substr(expected.size())) <= monotonic_us());
}

BOOST_AUTO_TEST_CASE(status_stays_one_assignment) {
  const tests::TempDir directory;
  const Supervisor supervisor((directory / "notify").string());
  ServiceNotifier().status("broken\nMAINPID=1");
  BOOST_TEST(supervisor.received() == "STATUS=broken\\nMAINPID=1");
}

BOOST_AUTO_TEST_CASE(children_do_not_inherit_the_variables) {
  const tests::TempDir directory;
  const Supervisor supervisor((directory / "notify").string());
  watchdog("30000000", std::to_string(::getpid()));
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
    BOOST_TEST((std::getenv(name) == nullptr), name);
  }
}

BOOST_AUTO_TEST_CASE(without_a_supervisor_nothing_happens) {
  ServiceNotifier().ready();
  for (const char* name : {"", "@", "relative", "/nonexistent/notify", "vsock:2:1234"}) {
    ::setenv("NOTIFY_SOCKET", name, 1);
    ServiceNotifier().ready();
  }
  ::setenv("NOTIFY_SOCKET", ("/" + std::string(200, 'x')).c_str(), 1);
  ServiceNotifier().ready();
}

BOOST_AUTO_TEST_CASE(supervisor_that_does_not_read_is_not_waited_for) {
  const tests::TempDir directory;
  const Supervisor supervisor((directory / "notify").string());
  const ServiceNotifier service;
  // More than net.unix.max_dgram_qlen lets wait; a sender that blocks would stay here.
  for (int i = 0; i < 5'000; ++i) service.alive();
  BOOST_TEST(supervisor.received() == "WATCHDOG=1");
}

BOOST_AUTO_TEST_CASE(watchdog_is_fed_twice_in_its_time) {
  BOOST_TEST((watchdog("30000000", "") == microseconds(15'000'000)));
  BOOST_TEST((watchdog("30000000", std::to_string(::getpid())) == microseconds(15'000'000)));
}

BOOST_AUTO_TEST_CASE(watchdog_of_another_process_is_not_fed) {
  BOOST_TEST(!watchdog("30000000", "1"));
  BOOST_TEST(!watchdog("30000000", "x"));
  for (const char* nonsense : {"", "0", "-5", "soon", "10s", "99999999999999999999"}) {
    BOOST_TEST(!watchdog(nonsense, ""), nonsense);
  }
  BOOST_TEST(!ServiceNotifier().watchdog_interval());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::daemon
