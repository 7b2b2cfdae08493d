#include "tests/bench/daemon_process.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <ctime>
#include <poll.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace converge::bench {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::minutes kLongestRun{30};

int bound_socket(const std::filesystem::path& path) {
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = path.string();
  std::copy(name.begin(), name.end(), std::begin(address.sun_path));
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot bind " + name);
  }
  return socket;
}

}  // namespace

DaemonProcess::DaemonProcess(const std::string& converge,
                             const std::filesystem::path& configuration)
    : notifications_(bound_socket(directory_ / "notify")),
      command_(std::make_unique<tests::Command>(
          std::vector<std::string>{converge, "--config", configuration.string(), "daemon"},
          tests::CommandOptions{
              .environment = {{"NOTIFY_SOCKET", (directory_ / "notify").string()}},
              .timeout = kLongestRun})) {}

DaemonProcess::~DaemonProcess() { ::close(notifications_); }

void DaemonProcess::wait_until_ready() {
  const auto deadline = steady_clock::now() + kPatience;
  while (steady_clock::now() < deadline && command_->is_running()) {
    pollfd in{.fd = notifications_, .events = POLLIN, .revents = 0};
    if (::poll(&in, 1, 10) <= 0) continue;
    std::array<char, 4096> text{};
    const auto size = ::recv(notifications_, text.data(), text.size(), 0);
    const std::string_view state(text.data(), static_cast<std::size_t>(std::max(size, ssize_t{0})));
    if (state.find("READY=1") != std::string_view::npos) return;
  }
  throw std::runtime_error("the daemon did not get ready: " + command_->err());
}

double DaemonProcess::stop() {
  const auto start = steady_clock::now();
  command_->kill(SIGTERM);
  const auto result = command_->wait();
  const std::chrono::duration<double> took = steady_clock::now() - start;
  if (result.status != 0) {
    throw std::runtime_error(
        fmt::format("the daemon ended with status {}: {}", result.status, result.err));
  }
  return took.count();
}

void DaemonProcess::kill() {
  command_->kill(SIGKILL);
  command_->wait();
}

double DaemonProcess::cpu_seconds() const {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(command_->pid(), &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
    throw std::runtime_error("the daemon has no clock: it has ended");
  }
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double DaemonProcess::resident_mib() const {
  const auto status = tests::read_text(fmt::format("/proc/{}/status", command_->pid()));
  constexpr std::string_view kResident = "VmRSS:";
  const auto place = status.find(kResident);
  if (place == std::string::npos) throw std::runtime_error("the daemon has ended");
  return std::stod(status.substr(place + kResident.size())) / 1024;  // Is in KiB.
}

}  // namespace converge::bench
