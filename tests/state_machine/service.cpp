#include "tests/state_machine/service.h"

#include "src/base/json_object.h"
#include "tests/state_machine/wrong_answer.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/StreamCopier.h>
#include <Poco/URI.h>

#include <thread>

namespace converge::state_machine {
namespace {

using Poco::Net::HTTPServerRequest;
using Poco::Net::HTTPServerRequestImpl;
using Poco::Net::HTTPServerResponse;
using Settings = std::map<std::string, std::string>;

struct Answer {
  int status = 200;
  std::string body;
};

std::string headers_of(const HTTPServerRequest& request) {
  JsonObject headers;
  for (const auto& [name, value] : request) headers.add(name, value);
  return headers.text();
}

Order order_of(HTTPServerRequest& request) {
  Order order{.method = request.getMethod(),
              .path = request.getURI(),
              .key = request.get("Idempotency-Key", ""),
              .headers = headers_of(request),
              .body = {}};
  // What a client sends to a proxy names the whole URL.
  if (const auto start = order.path.find("://"); start < order.path.find('/')) {
    order.path.erase(0, order.path.find('/', start + 3));
  }
  // Without either, Poco would read until the client hangs up.
  if (request.hasContentLength() || request.getChunkedTransferEncoding()) {
    Poco::StreamCopier::copyToString(request.stream(), order.body);
  }
  return order;
}

Settings settings_of(const Order& order) {
  Settings settings;
  for (const auto& [name, value] : Poco::URI(order.path).getQueryParameters()) {
    settings[name] = value;
  }
  if (!order.body.empty()) {
    const auto object = Poco::JSON::Parser().parse(order.body).extract<Poco::JSON::Object::Ptr>();
    for (const auto& [name, value] : *object) settings[name] = value.toString();
  }
  return settings;
}

Answer answer_to(const std::string& path, Verdict verdict) {
  switch (verdict) {
    case Verdict::performed:
      return {202, JsonObject().add("done", path).line()};
    case Verdict::duplicate:
      return {200, JsonObject().add("done", path).line()};
    case Verdict::conflict:
      return {409, JsonObject().add("error", "the cluster is not active").line()};
    case Verdict::misused:
      break;
  }
  return {422, JsonObject().add("error", "the key belongs to another path").line()};
}

Answer look(const std::string& path, const Ledger& ledger) {
  constexpr std::string_view clusters = "/clusters/";
  if (!path.starts_with(clusters)) return {404, JsonObject().add("error", "not found").line()};
  const auto id = path.substr(clusters.size());
  return {200, JsonObject().add("id", id).add("state", ledger.cluster_state(id)).line()};
}

class Handler : public Poco::Net::HTTPRequestHandler {
 public:
  explicit Handler(Service& service) : service_(service) {}

  void handleRequest(HTTPServerRequest& request, HTTPServerResponse& response) override {
    const Order order = order_of(request);
    if (const auto answer = answer_about_itself(order)) return send(*answer, response);
    const auto fault = service_.faults.take(order.path);
    if (!fault || strikes_after_the_effect(*fault)) {
      const bool reads = order.method == "GET" || order.method == "HEAD";
      const auto verdict = reads ? Verdict::performed : service_.ledger.perform(order);
      const auto answer =
          reads ? look(order.path, service_.ledger) : answer_to(order.path, verdict);
      service_.ledger.log(order, fault ? fault->kind : std::to_string(answer.status),
                          verdict == Verdict::duplicate);
      if (!fault || !is_of_the_wire(*fault)) return send_late(answer, fault, response);
    } else {
      service_.ledger.log(order, fault->kind, false);
    }
    fail(*fault, request, response);
  }

 private:
  /// Requests that are for the people who use the service in their tests.
  std::optional<Answer> answer_about_itself(const Order& order) {
    const auto path = order.path.substr(0, order.path.find('?'));
    if (path == "/effects") return Answer{200, service_.ledger.effects()};
    if (path == "/log") return Answer{200, service_.ledger.requests()};
    if (path == "/counts") return Answer{200, service_.ledger.counts(service_.connections())};
    if (path != "/faults") return std::nullopt;
    if (order.method == "DELETE") {
      service_.faults.clear();
      return Answer{200, "{}\n"};
    }
    try {
      service_.faults.add(settings_of(order));
    } catch (const std::exception& error) {
      return Answer{400, JsonObject().add("error", error.what()).line()};
    }
    return Answer{200, "{}\n"};
  }

  void send_late(const Answer& answer, const std::optional<Fault>& fault,
                 HTTPServerResponse& response) const {
    if (fault && fault->kind == "slow") {
      service_.faults.delay(fault->delay);
    } else {
      std::this_thread::sleep_for(service_.delay);
    }
    // Answers as if the connection stayed, and ends it.
    if (fault && fault->kind == "drop") response.setKeepAlive(false);
    send(answer, response, fault && fault->kind == "drop");
  }

  static void send(const Answer& answer, HTTPServerResponse& response, bool hides_end = false) {
    response.setStatus(static_cast<HTTPServerResponse::HTTPStatus>(answer.status));
    response.setReason(HTTPServerResponse::getReasonForStatus(response.getStatus()));
    response.setContentType("application/json");
    if (hides_end) response.set("Connection", "keep-alive");
    response.sendBuffer(answer.body.data(), answer.body.size());
  }

  static void fail(const Fault& fault, HTTPServerRequest& request, HTTPServerResponse& response) {
    if (is_of_the_wire(fault)) {
      return answer_wrongly(fault, static_cast<HTTPServerRequestImpl&>(request).detachSocket());
    }
    if (!fault.retry_after.empty()) response.set("Retry-After", fault.retry_after);
    if (fault.kind == "redirect") {
      response.set("Location", "http://elsewhere.invalid/");
      return send({302, "{}\n"}, response);
    }
    send({std::stoi(fault.kind), JsonObject().add("error", "as ordered").line()}, response);
  }

  Service& service_;
};

class Handlers : public Poco::Net::HTTPRequestHandlerFactory {
 public:
  explicit Handlers(Service& service) : service_(service) {}
  Poco::Net::HTTPRequestHandler* createRequestHandler(
      const HTTPServerRequest& /*request*/) override {
    return new Handler(service_);  // NOLINT: Poco deletes it.
  }

 private:
  Service& service_;
};

}  // namespace

Poco::Net::HTTPRequestHandlerFactory::Ptr make_handlers(Service& service) {
  return new Handlers(service);
}

}  // namespace converge::state_machine
