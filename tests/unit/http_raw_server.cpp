#include "tests/unit/http_raw_server.h"

#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>

namespace converge::http {
namespace {

std::size_t body_length(const std::string& head) {
  const std::string name = "Content-Length: ";
  const auto at = head.find(name);
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + name.size()));
}

}  // namespace

std::string RawServer::Client::receive() {
  std::array<char, 4096> bytes{};
  for (;;) {
    const auto head_end = rest_.find("\r\n\r\n");
    if (head_end != std::string::npos) {
      const auto size = head_end + 4 + body_length(rest_.substr(0, head_end));
      if (rest_.size() >= size) {
        const auto request = rest_.substr(0, size);
        rest_.erase(0, size);
        return request;
      }
    }
    const auto got = ::recv(socket_.number(), bytes.data(), bytes.size(), 0);
    if (got <= 0) return {};
    rest_.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

bool RawServer::Client::send(const std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto sent =
        ::send(socket_.number(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    done += static_cast<std::size_t>(sent);
  }
  return true;
}

void RawServer::Client::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_.number(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  socket_ = Descriptor();
}

void RawServer::Client::wait_for_end() {
  while (!receive().empty()) {
  }
}

RawServer::RawServer(Script script)
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), script_(std::move(script)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.number(), any, size) != 0 || ::listen(listener_.number(), 16) != 0 ||
      ::getsockname(listener_.number(), any, &size) != 0) {
    throw std::runtime_error("cannot listen on the loopback network");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

RawServer::RawServer(const std::string& answer)
    : RawServer([answer](Client& client, int) {
        if (!client.receive().empty()) client.send(answer);
      }) {}

RawServer::~RawServer() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
    if (current_ >= 0) ::shutdown(current_, SHUT_RDWR);
    ::shutdown(listener_.number(), SHUT_RDWR);
  }
  thread_.join();
}

std::string RawServer::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

void RawServer::refuse_more() { ::shutdown(listener_.number(), SHUT_RDWR); }

int RawServer::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_;
}

void RawServer::serve() {
  for (;;) {
    Client client(::accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC));
    int connection = 0;
    {
      const std::lock_guard lock(mutex_);
      if (ends_ || client.socket() < 0) return;
      current_ = client.socket();
      connection = connections_++;
    }
    script_(client, connection);
    const std::lock_guard lock(mutex_);
    current_ = -1;
  }
}

}  // namespace converge::http
