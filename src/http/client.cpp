#include "src/http/client.h"

#include "src/http/answer.h"
#include "src/http/connection.h"
#include "src/http/message.h"
#include "src/http/pool.h"
#include "src/http/proxy.h"
#include "src/http/tls.h"
#include "src/http/url.h"

#include <mutex>

namespace converge::http {
namespace {

using Connection = std::unique_ptr<HttpConnection>;

void open_tunnel(HttpConnection& connection, const HttpUrl& url, const HttpProxy& proxy,
                 const HttpDeadline& deadline) {
  connection.write(connect_bytes(url, proxy), deadline);
  HttpAnswerReader reader(connection, deadline);
  const auto head = reader.read_head();
  if (head.status / 100 != 2) {
    throw HttpError(
        ErrorKind::failure, "it refuses a tunnel: status " + std::to_string(head.status),
        head.status == 407 ? "It wants a user and password: http://USER:PASSWORD@HOST." : "");
  }
  if (reader.has_rest()) throw HttpError(ErrorKind::failure, "it talks inside of its tunnel");
}

bool is_idempotent(const std::string& method) { return method != "POST" && method != "PATCH"; }

HttpError in_doubt(const HttpError& error) {
  return {ErrorKind::in_doubt, error.what(), error.hint()};
}

}  // namespace

class HttpClient::State {
 public:
  explicit State(HttpOptions options) : options_(std::move(options)), proxies_(options_.proxy) {}

  HttpResponse send(const HttpRequest& request, const HttpDeadline& deadline);

  HttpPool& pool() { return pool_; }
  const HttpOptions& options() const { return options_; }

 private:
  /// Where a request goes, and how.
  struct Way {
    HttpUrl url;
    const HttpProxy* proxy = nullptr;
    std::string place{};  ///< What connections of the same use have in common.
    std::string bytes{};  ///< The request.
    bool is_head;         ///< The method HEAD, whose answers have no body.
    bool resend;          ///< It may be sent a second time.
  };

  Way way_of(const HttpRequest& request) const;
  Connection open(const Way& way, const HttpDeadline& total);
  Connection open_through(const Way& way, const HttpDeadline& deadline) const;
  /// Keeps the connection for others when the answer leaves it good for that.
  HttpResponse exchange(const Way& way, Connection& connection, const HttpDeadline& deadline);
  /// Over a connection that has been kept: nullopt when it turns out to have been closed, and the
  /// request may be sent over another.
  std::optional<HttpResponse> exchange_kept(const Way& way, Connection& connection,
                                            const HttpDeadline& deadline);
  SSL_CTX& tls();

  HttpOptions options_;
  HttpProxies proxies_;
  std::mutex tls_mutex_;
  TlsContext tls_;  ///< Made for the first request that needs it; used by the pool's connections.
  HttpPool pool_;
};

HttpClient::State::Way HttpClient::State::way_of(const HttpRequest& request) const {
  Way way{.url = parse_http_url(request.url),
          .is_head = request.method == "HEAD",
          .resend = !request.once && is_idempotent(request.method)};
  way.proxy = proxies_.for_url(way.url);
  way.place = (way.url.secure ? "https " : "http ") + way.url.host_and_port();
  way.bytes = request_bytes(request, way.url, way.proxy);
  return way;
}

SSL_CTX& HttpClient::State::tls() {
  const std::lock_guard lock(tls_mutex_);
  if (!tls_) tls_ = make_tls_context(options_.ca_file);
  return *tls_;
}

Connection HttpClient::State::open(const Way& way, const HttpDeadline& total) {
  SSL_CTX* const context = way.url.secure ? &tls() : nullptr;
  const auto deadline = total.within(options_.connect_timeout, "connecting");
  auto connection = way.proxy != nullptr
                        ? open_through(way, deadline)
                        : std::make_unique<HttpConnection>(way.url.host, way.url.port, deadline);
  if (context != nullptr) {
    const auto handshake =
        deadline.called("connecting with the TLS handshake", "See whether the port speaks TLS.");
    connection->start_tls(*context, way.url.host, handshake);
  }
  return connection;
}

Connection HttpClient::State::open_through(const Way& way, const HttpDeadline& deadline) const {
  const auto& proxy = *way.proxy;
  try {
    auto connection = std::make_unique<HttpConnection>(proxy.host, proxy.port, deadline);
    if (way.url.secure) open_tunnel(*connection, way.url, proxy, deadline);
    return connection;
  } catch (const HttpError& error) {
    throw HttpError(error.kind(), "proxy " + proxy.name() + ": " + error.what(), error.hint());
  }
}

HttpResponse HttpClient::State::exchange(const Way& way, Connection& connection,
                                         const HttpDeadline& deadline) {
  connection->begin_call();
  connection->write(way.bytes, deadline);
  HttpAnswerReader reader(*connection, deadline);
  const auto head = reader.read_head();
  HttpResponse response{.status = head.status, .body = reader.read_body(head, way.is_head)};
  if (const auto value = head.value("retry-after")) {
    response.retry_after = parse_retry_after(*value);
  }
  if (reader.leaves_usable(head)) pool_.put(way.place, std::move(connection));
  return response;
}

std::optional<HttpResponse> HttpClient::State::exchange_kept(const Way& way, Connection& connection,
                                                             const HttpDeadline& deadline) {
  try {
    return exchange(way, connection, deadline);
  } catch (const ConnectionLost& error) {
    if (connection->bytes_received() > 0) throw;
    if (connection->bytes_sent() == 0 || way.resend) return std::nullopt;
    auto lost = in_doubt(error);
    lost.lost_kept_connection = true;
    throw lost;
  }
}

HttpResponse HttpClient::State::send(const HttpRequest& request, const HttpDeadline& deadline) {
  const Way way = way_of(request);
  bool may_have_arrived = false;
  Connection connection = request.fresh_connection ? nullptr : pool_.take(way.place);
  try {
    if (connection) {
      if (auto response = exchange_kept(way, connection, deadline)) return *std::move(response);
      may_have_arrived = connection->bytes_sent() > 0;
      connection.reset();
    }
    connection = open(way, deadline);
    return exchange(way, connection, deadline);
  } catch (const HttpError& error) {
    if (error.in_doubt) throw;
    if (!may_have_arrived && (!connection || connection->bytes_sent() == 0)) throw;
    throw in_doubt(error);
  }
}

HttpClient::HttpClient(HttpOptions options) : state_(std::make_unique<State>(std::move(options))) {}

HttpClient::~HttpClient() = default;

HttpResponse HttpClient::send(const HttpRequest& request, std::chrono::milliseconds timeout) const {
  return state_->send(request, {timeout, state_->options().idle_timeout});
}

void HttpClient::close_idle() const { state_->pool().clear(); }

}  // namespace converge::http
