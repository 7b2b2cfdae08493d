#include "tests/unit/status_fixture.h"

#include "src/base/clock.h"

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/StreamCopier.h>
#include <Poco/String.h>

#include <array>
#include <stdexcept>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace converge::tests {
namespace {

constexpr std::chrono::seconds kPatience{60};

Poco::Net::SocketAddress socket_address(const std::string& address) {
  using Poco::Net::SocketAddress;
  if (!address.starts_with("unix:")) return SocketAddress(address);
  return {SocketAddress::UNIX_LOCAL, address.substr(5)};
}

}  // namespace

daemon::ConvergerOverview well(const std::string& name) {
  daemon::ConvergerOverview one;
  one.name = name;
  one.version = "0f3c";
  one.schedule = "every 10s";
  one.every = std::chrono::seconds(10);
  one.state = "ready";
  one.last_pass_us = wall_time_us() - 3'000'000;
  one.last_completed_us = one.last_pass_us;
  one.last_outcome = "unchanged";
  one.next_us = wall_time_us() + 7'000'000;
  return one;
}

StatusFixture::StatusFixture() {
  overview_.connected = true;
  overview_.server = "prod on db.example.com:5432";
  overview_.now_us = wall_time_us();
  overview_.since_us = overview_.now_us - 3'600'000'000;
  overview_.workers = 4;
  overview_.connections = 4;
  overview_.host = "bastion";
  overview_.actor = "daemon";
  overview_.journal = journal.file;
  overview_.convergers = {well("archive_account"), well("revoke_keys")};
  start({.address = "127.0.0.1:0"});
}

void StatusFixture::start(daemon::StatusServerOptions options) {
  options.journal = journal.file;
  server.reset();
  server = std::make_unique<daemon::StatusServer>(
      options,
      [this] {
        const std::lock_guard lock(mutex_);
        return overview_;
      },
      metrics);
}

void StatusFixture::change(const std::function<void(daemon::Overview&)>& how) {
  const std::lock_guard lock(mutex_);
  how(overview_);
}

HttpAnswer StatusFixture::ask(const std::string& path, const std::string& method) const {
  Poco::Net::StreamSocket socket(socket_address(address()));
  // Of the socket, because the session's own is for connections that it makes.
  socket.setReceiveTimeout(Poco::Timespan(kPatience.count(), 0));
  Poco::Net::HTTPClientSession session(socket);
  Poco::Net::HTTPRequest request(method, path, Poco::Net::HTTPMessage::HTTP_1_1);
  request.setHost(address().starts_with("unix:") ? "localhost" : address());
  session.sendRequest(request);
  Poco::Net::HTTPResponse response;
  HttpAnswer answer;
  Poco::StreamCopier::copyToString(session.receiveResponse(response), answer.body);
  answer.status = response.getStatus();
  for (const auto& [name, value] : response) answer.headers[Poco::toLower(name)] = value;
  return answer;
}

int StatusFixture::connect() const {
  const auto where = socket_address(address());
  const int descriptor = ::socket(where.af(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0 || ::connect(descriptor, where.addr(), where.length()) != 0) {
    throw std::runtime_error("cannot connect to " + address());
  }
  const timeval limit{.tv_sec = kPatience.count(), .tv_usec = 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return descriptor;
}

std::string StatusFixture::send(const std::string& bytes) const {
  const int descriptor = connect();
  ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  std::string answer;
  std::array<char, 4096> some{};
  ssize_t size = 0;
  while ((size = ::recv(descriptor, some.data(), some.size(), 0)) > 0) {
    answer.append(some.data(), static_cast<std::size_t>(size));
  }
  ::close(descriptor);
  if (size < 0) answer += "(connection broken)";
  return answer;
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = Clock::now() + kPatience;
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace converge::tests
