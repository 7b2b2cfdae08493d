#include "src/http/connection.h"

#include "src/base/text.h"
#include "src/http/connect.h"
#include "src/http/tls_trouble.h"

#include <openssl/err.h>

#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

namespace converge::http {
namespace {

bool is_temporary(int error) { return error == EAGAIN || error == EINTR; }

[[noreturn]] void throw_lost(const std::string& reason) {
  throw ConnectionLost(ErrorKind::transient, reason);
}

}  // namespace

HttpConnection::HttpConnection(const std::string& host, std::uint16_t port,
                               const HttpDeadline& deadline)
    : socket_(connect_to(host, port, deadline)) {}

void HttpConnection::start_tls(SSL_CTX& context, const std::string& host,
                               const HttpDeadline& deadline) {
  tls_ = http::start_tls(context, socket_.number(), host, deadline);
}

void HttpConnection::write(std::string_view bytes, const HttpDeadline& deadline) {
  while (!bytes.empty()) {
    const auto attempt = try_write(bytes);
    if (attempt.bytes == 0) deadline.wait(socket_.number(), attempt.wait_for);
    bytes_sent_ += attempt.bytes;
    bytes.remove_prefix(attempt.bytes);
  }
}

std::size_t HttpConnection::read(std::span<char> buffer, const HttpDeadline& deadline) {
  for (;;) {
    const auto attempt = try_read(buffer);
    bytes_received_ += attempt.bytes;
    if (attempt.bytes > 0 || attempt.wait_for == 0) return attempt.bytes;
    deadline.wait(socket_.number(), attempt.wait_for);
  }
}

bool HttpConnection::is_quiet() const {
  pollfd polled{.fd = socket_.number(), .events = POLLIN, .revents = 0};
  return poll(&polled, 1, 0) == 0;
}

HttpConnection::Attempt HttpConnection::try_write(std::string_view bytes) {
  if (tls_) {
    ERR_clear_error();
    std::size_t done = 0;
    const int result = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &done);
    return result == 1 ? Attempt{.bytes = done} : tls_result(result, "sending");
  }
  const auto done = send(socket_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (done >= 0) return {.bytes = static_cast<std::size_t>(done)};
  if (!is_temporary(errno)) throw_lost("sending: " + system_reason(errno));
  return {.wait_for = POLLOUT};
}

HttpConnection::Attempt HttpConnection::try_read(std::span<char> buffer) {
  if (tls_) {
    ERR_clear_error();
    std::size_t done = 0;
    const int result = SSL_read_ex(tls_.get(), buffer.data(), buffer.size(), &done);
    return result == 1 ? Attempt{.bytes = done} : tls_result(result, "receiving");
  }
  const auto done = recv(socket_.number(), buffer.data(), buffer.size(), 0);
  if (done >= 0) return {.bytes = static_cast<std::size_t>(done)};
  if (!is_temporary(errno)) throw_lost("receiving: " + system_reason(errno));
  return {.wait_for = POLLIN};
}

HttpConnection::Attempt HttpConnection::tls_result(int result, const char* doing) {
  const int system_error = errno;
  const int error = SSL_get_error(tls_.get(), result);
  if (error == SSL_ERROR_WANT_READ) return {.wait_for = POLLIN};
  if (error == SSL_ERROR_WANT_WRITE) return {.wait_for = POLLOUT};
  if (error == SSL_ERROR_ZERO_RETURN) return {};
  if (error == SSL_ERROR_SYSCALL && system_error != 0) {
    throw_lost(std::string(doing) + ": " + system_reason(system_error));
  }
  throw_lost(std::string(doing) + ": TLS: " + tls_reason());
}

}  // namespace converge::http
