#include "src/daemon/status_server.h"

#include "src/base/error.h"
#include "src/daemon/host_header.h"
#include "src/daemon/listening_socket.h"
#include "src/daemon/site.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServerConnectionFactory.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <Poco/Net/TCPServerDispatcher.h>
#include <Poco/NumberParser.h>
#include <Poco/String.h>
#include <Poco/ThreadPool.h>
#include <Poco/URI.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace converge::daemon {
namespace {

using Poco::Net::HTTPResponse;
using Poco::Net::HTTPServerRequest;
using Poco::Net::HTTPServerResponse;

constexpr int kThreads = 4;
constexpr int kQueued = 256;

struct Header {
  const char* name;
  const char* value;
};

/// What a browser is told to do with the answers: run and show nothing but what is from here.
constexpr std::array kHeaders = {
    Header{"Content-Security-Policy",
           "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
           " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    Header{"X-Content-Type-Options", "nosniff"},
    Header{"X-Frame-Options", "DENY"},
    Header{"Referrer-Policy", "no-referrer"},
    Header{"Cross-Origin-Resource-Policy", "same-origin"},
    Header{"Cache-Control", "no-store"},
};

struct Context {
  Site site;
  std::vector<std::string> names;
  bool is_unix = false;
  bool is_local = true;
};

/// The `n` of a query.
std::optional<std::size_t> count_of(const Poco::URI& uri) {
  for (const auto& [name, value] : uri.getQueryParameters()) {
    unsigned number = 0;
    if (name == "n" && Poco::NumberParser::tryParseUnsigned(value, number)) return number;
  }
  return std::nullopt;
}

std::optional<Answer> refusal(const HTTPServerRequest& request, const Context& context) {
  const auto hosts = std::count_if(request.begin(), request.end(), [](const auto& header) {
    return Poco::icompare(header.first, "Host") == 0;
  });
  if (context.is_unix) return std::nullopt;
  if (hosts != 1) return error_answer(400, "a request names its host once");
  if (!is_expected_host(request.getHost(), context.is_local, context.names)) {
    return error_answer(421, "this server does not go by that name");
  }
  return std::nullopt;
}

Answer answer_to(const HTTPServerRequest& request, Context& context) {
  if (auto refused = refusal(request, context)) return *std::move(refused);
  const auto& method = request.getMethod();
  try {
    const Poco::URI uri(request.getURI());
    auto found = context.site.at(uri.getPath(), count_of(uri));
    if (!found) return error_answer(404, "there is nothing here");
    if (method != "GET" && method != "HEAD") return error_answer(405, "this can only be read");
    return *std::move(found);
  } catch (const Poco::SyntaxException&) {
    return error_answer(400, "that is no address");
  } catch (const Error& error) {
    return error_answer(503, error.what());
  }
}

class Exchange : public Poco::Net::HTTPRequestHandler {
 public:
  explicit Exchange(Context& context) : context_(context) {}

  void handleRequest(HTTPServerRequest& request, HTTPServerResponse& response) override {
    const auto answer = answer_to(request, context_);
    response.setStatusAndReason(static_cast<HTTPResponse::HTTPStatus>(answer.status));
    for (const auto& [name, value] : kHeaders) response.set(name, value);
    if (answer.status == 405) response.set("Allow", "GET, HEAD");
    response.setContentType(answer.type);
    response.sendBuffer(answer.body.data(), answer.body.size());
  }

 private:
  Context& context_;
};

class Exchanges : public Poco::Net::HTTPRequestHandlerFactory {
 public:
  explicit Exchanges(Context& context) : context_(context) {}
  Poco::Net::HTTPRequestHandler* createRequestHandler(const HTTPServerRequest& /*of*/) override {
    return new Exchange(context_);
  }

 private:
  Context& context_;
};

/// One request for each connection, so that none waits for a second one.
Poco::Net::HTTPServerParams::Ptr server_parameters() {
  Poco::Net::HTTPServerParams::Ptr parameters = new Poco::Net::HTTPServerParams;
  parameters->setKeepAlive(false);
  parameters->setMaxThreads(kThreads);
  parameters->setMaxQueued(kQueued);
  return parameters;
}

}  // namespace

class StatusServer::Implementation {
 public:
  Implementation(const StatusServerOptions& options, std::function<Overview()> overview,
                 Metrics& metrics)
      : socket_(options.address, options.allow_remote),
        context_{Site(std::move(overview), metrics, options.journal), options.names,
                 socket_.is_unix(), socket_.is_local()},
        threads_("status", 1, kThreads),
        dispatcher_(start(context_, threads_)),
        gatekeeper_(socket_.descriptor(), options.limits, [this](Descriptor connection) {
          dispatcher_->enqueue(
              Poco::Net::StreamSocket(new Poco::Net::StreamSocketImpl(connection.release())));
        }) {}

  const std::string& address() const { return socket_.address(); }

 private:
  /// Stops what it is, before the threads that it runs on are waited for.
  struct Stop {
    void operator()(Poco::Net::TCPServerDispatcher* dispatcher) const {
      dispatcher->stop();
      dispatcher->release();
    }
  };
  using Dispatcher = std::unique_ptr<Poco::Net::TCPServerDispatcher, Stop>;

  static Dispatcher start(Context& context, Poco::ThreadPool& threads) {
    const auto parameters = server_parameters();
    return Dispatcher(new Poco::Net::TCPServerDispatcher(
        new Poco::Net::HTTPServerConnectionFactory(parameters, new Exchanges(context)), threads,
        parameters));
  }

  ListeningSocket socket_;
  Context context_;
  Poco::ThreadPool threads_;
  Dispatcher dispatcher_;
  Gatekeeper gatekeeper_;
};

StatusServer::StatusServer(const StatusServerOptions& options, std::function<Overview()> overview,
                           Metrics& metrics)
    : implementation_(std::make_unique<Implementation>(options, std::move(overview), metrics)) {}

StatusServer::~StatusServer() = default;

const std::string& StatusServer::address() const { return implementation_->address(); }

}  // namespace converge::daemon
