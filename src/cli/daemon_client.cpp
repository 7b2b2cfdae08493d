#include "src/cli/daemon_client.h"

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/time_expression.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/StreamSocket.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace converge::cli {
namespace {

using Poco::Net::HTTPRequest;
using Poco::Net::HTTPResponse;

constexpr std::chrono::seconds kPatience{2};
constexpr std::size_t kLongestAnswerBytes = std::size_t{16} * 1024 * 1024;
constexpr std::string_view kUnix = "unix:";

Error no_answer(const std::string& address, const std::string& reason) {
  return {ErrorKind::failure, fmt::format("no answer from {}: {}", address, reason)};
}

Poco::Timespan time_until(Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::microseconds>(deadline - Clock::now()).count();
  if (left <= 0) throw Poco::TimeoutException();
  return {static_cast<Poco::Timespan::TimeDiff>(left)};
}

Poco::Net::StreamSocket connect(const std::string& address, Clock::time_point deadline) {
  using Poco::Net::SocketAddress;
  const auto target =
      address.starts_with(kUnix)
          ? SocketAddress(Poco::Net::AddressFamily::UNIX_LOCAL, address.substr(kUnix.size()))
          : SocketAddress(address);
  Poco::Net::StreamSocket socket;
  socket.connect(target, time_until(deadline));
  socket.setSendTimeout(time_until(deadline));
  socket.setReceiveTimeout(time_until(deadline));
  return socket;
}

/// The socket's deadline moves nearer with each part that comes, so that none can keep us long.
std::string read_body(std::istream& in, Poco::Net::StreamSocket& socket,
                      Clock::time_point deadline) {
  std::string body;
  std::array<char, 16384> part{};
  while (in.read(part.data(), part.size()) || in.gcount() > 0) {
    body.append(part.data(), static_cast<std::size_t>(in.gcount()));
    if (body.size() > kLongestAnswerBytes) throw Poco::DataException("the answer is too long");
    socket.setReceiveTimeout(time_until(deadline));
  }
  return body;
}

std::string get(const std::string& address, const std::string& path) {
  const auto deadline = Clock::now() + kPatience;
  auto socket = connect(address, deadline);
  Poco::Net::HTTPClientSession session(socket);
  session.setTimeout(time_until(deadline));
  HTTPRequest request(HTTPRequest::HTTP_GET, path, Poco::Net::HTTPMessage::HTTP_1_1);
  request.setHost("localhost");  // A name that a server on this host answers to.
  session.sendRequest(request);
  HTTPResponse response;
  auto& in = session.receiveResponse(response);
  if (response.getStatus() != HTTPResponse::HTTP_OK) {
    throw Poco::DataException(
        fmt::format("status {} {}", static_cast<int>(response.getStatus()), response.getReason()));
  }
  return read_body(in, socket, deadline);
}

std::optional<std::int64_t> time_member(const Poco::JSON::Object& object, const std::string& name) {
  const auto time = parse_time(object.optValue<std::string>(name, ""), 0);
  return time ? std::optional(time->first_us) : std::nullopt;
}

LiveConverger read_converger(const Poco::JSON::Object& object) {
  return {.version = object.optValue<std::string>("version", ""),
          .schedule = object.optValue<std::string>("schedule", ""),
          .state = object.optValue<std::string>("state", ""),
          .why = object.optValue<std::string>("why", ""),
          .resolve = object.optValue<std::string>("resolve", ""),
          .quarantined = object.optValue<std::int64_t>("quarantined", 0),
          .owned = object.optValue<bool>("owned", true),
          .running = object.optValue<bool>("running", false),
          .last_outcome = object.optValue<std::string>("last_outcome", ""),
          .last_pass_us = time_member(object, "last_pass"),
          .next_us = time_member(object, "next")};
}

}  // namespace

LiveStatus read_status(const std::string& json) {
  try {
    const auto object = Poco::JSON::Parser().parse(json).extract<Poco::JSON::Object::Ptr>();
    LiveStatus status;
    status.connected = object->optValue<bool>("connected", false);
    status.server = object->optValue<std::string>("server", "");
    status.trouble = object->optValue<std::string>("trouble", "");
    status.workers = object->optValue<std::int64_t>("workers", 0);
    status.busy = object->optValue<std::int64_t>("busy", 0);
    const auto convergers = object->getArray("convergers");
    for (unsigned i = 0; !convergers.isNull() && i < convergers->size(); ++i) {
      const auto one = convergers->getObject(i);
      if (one) status.convergers.emplace(one->getValue<std::string>("name"), read_converger(*one));
    }
    return status;
  } catch (const Poco::Exception& error) {
    throw Error(ErrorKind::failure,
                fmt::format("the answer cannot be read: {}", error.displayText()));
  }
}

LiveStatus ask_daemon(const std::string& address) {
  std::string body;
  try {
    body = get(address, "/api/v1/status");
  } catch (const Poco::TimeoutException&) {
    throw no_answer(address, "it does not come within 2s");
  } catch (const Poco::Exception& error) {
    throw no_answer(address, error.message().empty() ? error.what() : error.message());
  }
  return read_status(body);
}

}  // namespace converge::cli
