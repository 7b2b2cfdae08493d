#include "tests/state_machine/wrong_answer.h"

#include <Poco/Exception.h>
#include <Poco/Net/SocketImpl.h>

#include <array>
#include <string>

namespace converge::state_machine {
namespace {

using Poco::Net::StreamSocket;

void send(StreamSocket& connection, const std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const int left = static_cast<int>(bytes.size() - done);
    const int sent = connection.sendBytes(bytes.data() + done, left);
    if (sent <= 0) throw Poco::IOException("the client has gone");
    done += static_cast<std::size_t>(sent);
  }
}

/// Closing with a linger of no time sends a reset (socket(7)).
void reset(StreamSocket& connection) { connection.setLinger(true, 0); }

void send_for_ever(StreamSocket& connection) {
  send(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "400\r\n" + std::string(1024, 'x') + "\r\n";
  for (;;) send(connection, chunk);
}

void wait_for_the_end(StreamSocket& connection) {
  connection.setReceiveTimeout({});
  std::array<char, 256> bytes{};
  while (connection.receiveBytes(bytes.data(), static_cast<int>(bytes.size())) > 0) {
  }
}

void strike(const std::string& kind, StreamSocket& connection) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  if (kind == "reset" || kind == "reset_before") reset(connection);
  if (kind == "truncated") send(connection, ok + "Content-Length: 100\r\n\r\n{\"state\": ");
  if (kind == "truncated_chunked") {
    send(connection, ok + "Transfer-Encoding: chunked\r\n\r\na\r\n{\"state\": \r\n");
  }
  if (kind == "large") {
    send(connection, ok + "Content-Length: 1000000\r\n\r\n" + std::string(1'000'000, 'x'));
  }
  if (kind == "huge_headers") send(connection, ok + "X-Huge: " + std::string(1'000'000, 'x'));
  if (kind == "endless") send_for_ever(connection);
  if (kind == "stall") wait_for_the_end(connection);
}

}  // namespace

bool strikes_after_the_effect(const Fault& fault) {
  return is_of_the_wire(fault) ? fault.kind != "reset_before" && fault.kind != "stall"
                               : fault.kind == "slow" || fault.kind == "drop";
}

bool is_of_the_wire(const Fault& fault) {
  const bool has_status = fault.kind[0] >= '0' && fault.kind[0] <= '9';
  return !has_status && fault.kind != "slow" && fault.kind != "drop" && fault.kind != "redirect";
}

void answer_wrongly(const Fault& fault, Poco::Net::StreamSocket connection) {
  try {
    strike(fault.kind, connection);
    if (!fault.kind.starts_with("reset")) connection.shutdown();
  } catch (const Poco::Exception&) {  // The client has had enough.
  }
}

}  // namespace converge::state_machine
