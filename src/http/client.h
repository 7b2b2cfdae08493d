#pragma once

#include "src/base/error.h"
#include "src/http/head.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace converge::http {

/// An HTTP call that brought no whole answer.
///
/// The message names neither the host nor any other part of the request, since these may hold
/// secrets; the caller puts in front of it what may be shown.
class HttpError : public Error {
 public:
  HttpError(ErrorKind kind, const std::string& message, std::string hint = {})
      : Error(kind, message, std::move(hint)), in_doubt(kind == ErrorKind::in_doubt) {}

  /// Whether the request may have arrived: anything that fails after its first byte was sent.
  /// Never with an unknown host, a refused connection or a failed TLS handshake.
  bool in_doubt;
  /// Whether a kept connection was lost with no byte of an answer, after the request was begun to
  /// be sent over it: most likely closed meanwhile, so that the next attempt may be made at once.
  bool lost_kept_connection = false;
};

/// An answer that broke off after a part of it had come.
class HttpTruncated : public HttpError {
 public:
  using HttpError::HttpError;
};

struct HttpRequest {
  std::string method;
  std::string url;  ///< `http://` or `https://`, without user or password; sent byte for byte.
  /// The client adds Host, Content-Length, User-Agent and Accept where they are missing.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  /// Called now and then while it is sent, with the number of bytes that are left.
  std::function<void(std::size_t left_bytes)> sending{};
  /// Never sent a second time within the call, whatever its method. POST and PATCH never are.
  bool once = false;
  bool fresh_connection = false;  ///< Sent over none that has been kept.
};

struct HttpResponse {
  int status = 0;    ///< Any but 1xx. A redirect is an answer too, and is not followed.
  std::string body;  ///< At most 64 KiB: a larger one is an error.
  std::optional<std::chrono::milliseconds> retry_after{};  ///< As asked, from 0 to 7 days.
};

struct HttpOptions {
  /// PEM file of the authorities to trust instead of the system's.
  std::optional<std::filesystem::path> ca_file{};
  /// `http://[USER:PASSWORD@]HOST[:PORT]`; empty: none. When not given, the variables `http_proxy`,
  /// `https_proxy`, in lower or upper case. `no_proxy` counts in any case.
  std::optional<std::string> proxy{};
  std::chrono::milliseconds connect_timeout{10'000};  ///< With proxy and TLS handshake.
  std::chrono::milliseconds idle_timeout{30'000};     ///< Without a byte in either direction.
};

/// Takes an answer while it comes. What either of these throws ends the call, and is thrown by it.
struct HttpReceiver {
  /// Called once, with the head: of how many bytes the body may be, or nullopt to leave it unread.
  std::function<std::optional<std::uint64_t>(const HttpHead& head)> head;
  /// Called with each piece of the body, in order.
  std::function<void(std::string_view piece)> body;
};

/// How long an answer of any length may take.
struct HttpBounds {
  std::chrono::milliseconds timeout{};  ///< In all.
  std::uint64_t least_bytes = 0;        ///< Must have come in each window.
  std::chrono::milliseconds window{30'000};
};

/// Sends HTTP/1.1 requests, each with a deadline, over connections that are kept for the next one.
///
/// Thread-safe; as many calls at once as there are threads. TLS is 1.2 or newer and always
/// verified, host name included. A kept connection that turns out to be closed before a byte was
/// sent is replaced. When it is lost later, before a byte of the answer has come, the other side
/// may have acted: the request is then sent again, once, if its method is idempotent (RFC 9110,
/// section 9.2.2) and it need not be sent `once`; else the call fails, in doubt, with
/// `lost_kept_connection`.
class HttpClient {
 public:
  /// Reads the environment. Throws `HttpError{usage}` for a proxy that is none.
  explicit HttpClient(HttpOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// One request and its whole answer, within `timeout`. Throws `HttpError`.
  HttpResponse send(const HttpRequest& request, std::chrono::milliseconds timeout) const;

  /// One request without effects, whose answer goes to `receiver`. Throws `HttpError`, which is not
  /// in doubt; `HttpTruncated` when pieces that the receiver was given are a part of the body.
  void receive(const HttpRequest& request, const HttpReceiver& receiver,
               const HttpBounds& bounds) const;

  /// Connections that no call uses are otherwise closed by the first call after their 10 seconds.
  void close_idle() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace converge::http
