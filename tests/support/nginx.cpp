#include "tests/support/nginx.h"

#include "src/base/descriptor.h"

#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <netinet/in.h>
#include <sstream>
#include <stdexcept>
#include <sys/socket.h>
#include <thread>

namespace converge::tests {
namespace {

constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::milliseconds kPollInterval{2};
constexpr int kPortsToTry = 20;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// One that is free now.
std::uint16_t free_port() {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto address = loopback(0);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.number(), any, size) != 0 || ::getsockname(socket.number(), any, &size) != 0) {
    throw std::runtime_error("no free port on the loopback network");
  }
  return ntohs(address.sin_port);
}

bool answers(std::uint16_t port) {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto address = loopback(port);
  return ::connect(socket.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

Nginx::Nginx(NginxOptions options) : options_(std::move(options)) {
  directory_.write("root/index.html", "nginx\n");
  for (int attempt = 0; attempt < kPortsToTry; ++attempt) {
    port_ = free_port();
    if (try_start()) return;
  }
  throw std::runtime_error("nginx: " + process_->err());
}

std::string Nginx::url(const std::string& path) const {
  const std::string host =
      options_.certificate.empty() ? "http://127.0.0.1:" : "https://localhost:";
  return host + std::to_string(port_) + path;
}

std::vector<std::string> Nginx::requests(std::size_t count) const {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    std::vector<std::string> lines;
    std::istringstream log(read_text(directory_ / "access.log"));
    for (std::string line; std::getline(log, line);) lines.push_back(line);
    if (lines.size() >= count) return lines;
    if (std::chrono::steady_clock::now() > end) {
      throw std::runtime_error("nginx has logged no more than " + std::to_string(lines.size()) +
                               " requests");
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

void Nginx::stop() {
  process_->kill(SIGKILL);
  process_->wait();
}

void Nginx::start() {
  if (!try_start()) throw std::runtime_error("nginx: " + process_->err());
}

std::string Nginx::configuration() const {
  const bool secure = !options_.certificate.empty();
  std::ostringstream text;
  text << "daemon off; master_process off; pid nginx.pid; error_log stderr;\n"
       << "events { worker_connections 256; }\n"
       << "http {\n"
       << "log_format short '$request_method $request_uri $status \"$http_range\" "
          "$body_bytes_sent';\n"
       << "access_log access.log short;\n";
  for (const auto* const what : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    text << what << "_temp_path temp_" << what << ";\n";
  }
  text << "server {\n"
       << "listen 127.0.0.1:" << port_ << (secure ? " ssl;\n" : ";\n") << "root root;\n";
  if (secure) {
    text << "ssl_certificate " << options_.certificate << ";\n"
         << "ssl_certificate_key " << options_.key << ";\n";
  }
  text << options_.server << "\n}\n}\n";
  return text.str();
}

bool Nginx::try_start() {
  const auto file = directory_.write("nginx.conf", configuration());
  const auto prefix = directory_.path().string() + "/";
  const auto running = directory_ / "nginx.pid";
  std::filesystem::remove(running);
  process_ = std::make_unique<Command>(std::vector<std::string>{
      "setpriv", "--pdeathsig", "KILL", "nginx", "-p", prefix, "-c", file, "-e", "stderr"});
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (process_->is_running() && std::chrono::steady_clock::now() < end) {
    // It writes the file when it listens: had another program the port, it would end instead.
    if (std::filesystem::exists(running) && answers(port_)) return true;
    std::this_thread::sleep_for(kPollInterval);
  }
  if (process_->err().find("Address already in use") == std::string::npos) {
    throw std::runtime_error("nginx: " + process_->err());
  }
  return false;
}

}  // namespace converge::tests
