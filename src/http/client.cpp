#include "src/http/client.h"

#include "src/http/answer.h"
#include "src/http/connection.h"
#include "src/http/message.h"
#include "src/http/pace.h"
#include "src/http/pool.h"
#include "src/http/proxy.h"
#include "src/http/tls.h"
#include "src/http/url.h"

#include <mutex>

namespace converge::http {
namespace {

using Connection = std::unique_ptr<HttpConnection>;

// Of a request, between two reports of how far it is.
constexpr std::size_t kPieceBytes = 256 * 1024;

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
  void receive(const HttpRequest& request, const HttpReceiver& receiver, const HttpBounds& bounds);

  HttpPool& pool() { return pool_; }
  const HttpOptions& options() const { return options_; }

 private:
  /// Where a request goes, and how.
  struct Way {
    HttpUrl url;
    const HttpProxy* proxy = nullptr;
    std::string place{};  ///< What connections of the same use have in common.
    std::string bytes{};  ///< The request.
    std::function<void(std::size_t)> sending{};
    bool is_head;  ///< The method HEAD, whose answers have no body.
    bool resend;   ///< It may be sent a second time.
    bool fresh_connection = false;
  };
  /// What a connection is used for: one request and its answer.
  using Exchange = std::function<void(Connection& connection)>;

  Way way_of(const HttpRequest& request) const;
  static void write_request(const Way& way, HttpConnection& connection,
                            const HttpDeadline& deadline);
  Connection open(const Way& way, const HttpDeadline& total);
  Connection open_through(const Way& way, const HttpDeadline& deadline) const;
  /// These keep the connection for others when the answer leaves it good for that.
  HttpResponse exchange(const Way& way, Connection& connection, const HttpDeadline& deadline);
  void exchange(const Way& way, Connection& connection, const HttpDeadline& deadline,
                const HttpReceiver& receiver, HttpPace& pace);
  /// Over a connection that has been kept, or a new one. What fails when the request may have
  /// arrived `may_be_in_doubt`.
  void call(const Way& way, const HttpDeadline& deadline, bool may_be_in_doubt,
            const Exchange& exchange);
  /// Whether it was done; not, when the connection, which has been kept, turns out to be closed,
  /// and the request may be sent over another.
  static bool done_over_kept(const Way& way, Connection& connection, const Exchange& exchange);
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
  way.sending = request.sending;
  way.fresh_connection = request.fresh_connection;
  return way;
}

void HttpClient::State::write_request(const Way& way, HttpConnection& connection,
                                      const HttpDeadline& deadline) {
  for (std::string_view rest = way.bytes; !rest.empty();) {
    const auto piece = rest.substr(0, kPieceBytes);
    connection.write(piece, deadline);
    rest.remove_prefix(piece.size());
    if (way.sending) way.sending(rest.size());
  }
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
  write_request(way, *connection, deadline);
  HttpAnswerReader reader(*connection, deadline);
  const auto head = reader.read_head();
  HttpResponse response{.status = head.status, .body = reader.read_body(head, way.is_head)};
  if (const auto value = head.value("retry-after")) {
    response.retry_after = parse_retry_after(*value);
  }
  if (reader.leaves_usable(head)) pool_.put(way.place, std::move(connection));
  return response;
}

void HttpClient::State::exchange(const Way& way, Connection& connection,
                                 const HttpDeadline& deadline, const HttpReceiver& receiver,
                                 HttpPace& pace) {
  connection->begin_call();
  write_request(way, *connection, deadline);
  HttpAnswerReader reader(*connection, deadline, &pace);
  const auto head = reader.read_head();
  const auto limit_bytes = receiver.head(head);
  if (!limit_bytes) return;
  reader.read_body(head, way.is_head, *limit_bytes, receiver.body);
  if (reader.leaves_usable(head)) pool_.put(way.place, std::move(connection));
}

bool HttpClient::State::done_over_kept(const Way& way, Connection& connection,
                                       const Exchange& exchange) {
  try {
    exchange(connection);
    return true;
  } catch (const ConnectionLost& error) {
    if (connection->bytes_received() > 0) throw;
    if (connection->bytes_sent() == 0 || way.resend) return false;
    auto lost = in_doubt(error);
    lost.lost_kept_connection = true;
    throw lost;
  }
}

void HttpClient::State::call(const Way& way, const HttpDeadline& deadline, bool may_be_in_doubt,
                             const Exchange& exchange) {
  bool may_have_arrived = false;
  Connection connection = way.fresh_connection ? nullptr : pool_.take(way.place);
  try {
    if (connection) {
      if (done_over_kept(way, connection, exchange)) return;
      may_have_arrived = connection->bytes_sent() > 0;
      connection.reset();
    }
    connection = open(way, deadline);
    exchange(connection);
  } catch (const HttpError& error) {
    if (error.in_doubt) throw;
    may_have_arrived = may_have_arrived || (connection && connection->bytes_sent() > 0);
    if (!may_be_in_doubt || !may_have_arrived) throw;
    throw in_doubt(error);
  }
}

HttpResponse HttpClient::State::send(const HttpRequest& request, const HttpDeadline& deadline) {
  const Way way = way_of(request);
  HttpResponse response;
  call(way, deadline, true,
       [&](Connection& connection) { response = exchange(way, connection, deadline); });
  return response;
}

void HttpClient::State::receive(const HttpRequest& request, const HttpReceiver& receiver,
                                const HttpBounds& bounds) {
  const Way way = way_of(request);
  const HttpDeadline deadline(bounds.timeout, options_.idle_timeout);
  HttpPace pace(bounds);
  call(way, deadline, false,
       [&](Connection& connection) { exchange(way, connection, deadline, receiver, pace); });
}

HttpClient::HttpClient(HttpOptions options) : state_(std::make_unique<State>(std::move(options))) {}

HttpClient::~HttpClient() = default;

HttpResponse HttpClient::send(const HttpRequest& request, std::chrono::milliseconds timeout) const {
  return state_->send(request, {timeout, state_->options().idle_timeout});
}

void HttpClient::receive(const HttpRequest& request, const HttpReceiver& receiver,
                         const HttpBounds& bounds) const {
  state_->receive(request, receiver, bounds);
}

void HttpClient::close_idle() const { state_->pool().clear(); }

}  // namespace converge::http
