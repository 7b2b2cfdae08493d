#pragma once

#include "src/base/descriptor.h"
#include "src/http/client.h"
#include "src/http/deadline.h"
#include "src/http/tls.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace converge::http {

/// The peer has ended or reset the connection.
class ConnectionLost : public HttpError {
 public:
  using HttpError::HttpError;
};

/// A TCP connection, with TLS or without. One call at a time; each may wait until its deadline.
/// Throws `HttpError`, which is never in doubt: what was sent, `bytes_sent` tells.
class HttpConnection {
 public:
  /// Tries each address of the host in turn.
  HttpConnection(const std::string& host, std::uint16_t port, const HttpDeadline& deadline);

  /// From here on all bytes are encrypted. `context` outlives the connection.
  void start_tls(SSL_CTX& context, const std::string& host, const HttpDeadline& deadline);

  /// Forgets what earlier calls have sent and received.
  void begin_call() { bytes_sent_ = bytes_received_ = 0; }
  void write(std::string_view bytes, const HttpDeadline& deadline);
  /// At least one byte; none at the peer's proper end of the connection.
  std::size_t read(std::span<char> buffer, const HttpDeadline& deadline);

  std::size_t bytes_sent() const { return bytes_sent_; }
  std::size_t bytes_received() const { return bytes_received_; }

  /// Whether nothing has come since the last answer, not even the end.
  bool is_quiet() const;

 private:
  /// Each of these is one attempt: bytes done, or 0 and the event to wait for (0: the end).
  struct Attempt {
    std::size_t bytes = 0;
    short wait_for = 0;
  };
  Attempt try_write(std::string_view bytes);
  Attempt try_read(std::span<char> buffer);
  Attempt tls_result(int result, const char* doing);

  Descriptor socket_;
  TlsSession tls_;  ///< Null without TLS. Uses the socket, so it ends first.
  std::size_t bytes_sent_ = 0;
  std::size_t bytes_received_ = 0;
};

}  // namespace converge::http
