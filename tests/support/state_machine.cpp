#include "tests/support/state_machine.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/StreamCopier.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace converge::tests {
namespace {

namespace net = Poco::Net;

/// It is built where the suite's program is.
std::string program() {
  return std::filesystem::read_symlink("/proc/self/exe").replace_filename("state-machine");
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

Poco::JSON::Object::Ptr object_of(const std::string& text) {
  return Poco::JSON::Parser().parse(text).extract<Poco::JSON::Object::Ptr>();
}

std::unique_ptr<net::HTTPClientSession> session_to(std::uint16_t port, bool secure) {
  if (!secure) return std::make_unique<net::HTTPClientSession>("127.0.0.1", port);
  const net::Context::Ptr trusting(
      new net::Context(net::Context::TLS_CLIENT_USE, "", net::Context::VERIFY_NONE));
  return std::make_unique<net::HTTPSClientSession>("127.0.0.1", port, trusting);
}

}  // namespace

StateMachine::StateMachine(std::vector<std::string> arguments)
    : arguments_(std::move(arguments)),
      secure_(std::find(arguments_.begin(), arguments_.end(), "--cert") != arguments_.end()) {
  start();
}

std::string StateMachine::url(const std::string& path) const {
  return (secure_ ? "https" : "http") + std::string("://127.0.0.1:") + std::to_string(port_) + path;
}

void StateMachine::start() {
  std::vector<std::string> command{program(), "--die-with-parent", "--port", std::to_string(port_)};
  command.insert(command.end(), arguments_.begin(), arguments_.end());
  process_ = std::make_unique<Command>(command);
  if (!process_->wait_for_output("\n") || process_->out().empty()) {
    throw std::runtime_error("the state machine service: " + process_->err());
  }
  port_ = static_cast<std::uint16_t>(std::stoi(process_->out()));
}

void StateMachine::stop() {
  process_->kill(SIGKILL);
  process_->wait();
}

std::string StateMachine::ask(const std::string& method, const std::string& path) const {
  const auto session = session_to(port_, secure_);
  net::HTTPRequest request(method, path, net::HTTPMessage::HTTP_1_1);
  request.setContentLength(0);
  session->sendRequest(request);
  net::HTTPResponse response;
  std::string body;
  Poco::StreamCopier::copyToString(session->receiveResponse(response), body);
  if (response.getStatus() != net::HTTPResponse::HTTP_OK) throw std::runtime_error(body);
  return body;
}

void StateMachine::fault(const std::string& settings) { ask("POST", "/faults?" + settings); }

void StateMachine::clear_faults() { ask("DELETE", "/faults"); }

std::vector<std::string> StateMachine::effects() const { return lines_of(ask("GET", "/effects")); }

std::vector<std::string> StateMachine::log() const { return lines_of(ask("GET", "/log")); }

StateMachine::Counts StateMachine::counts() const {
  const auto counts = object_of(ask("GET", "/counts"));
  return {.requests = counts->getValue<int>("requests"),
          .effects = counts->getValue<int>("effects"),
          .duplicates = counts->getValue<int>("duplicates"),
          .connections = counts->getValue<int>("connections")};
}

std::string StateMachine::cluster(const std::string& id) const {
  return object_of(ask("GET", "/clusters/" + id))->getValue<std::string>("state");
}

}  // namespace converge::tests
