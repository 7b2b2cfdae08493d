#pragma once

#include "src/base/descriptor.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace converge::tests {

/// One message of PostgreSQL's protocol (its manual, chapter 55) on its way through a proxy.
struct WireMessage {
  int number = 0;  ///< Of all that the proxy has seen, from 1.
  bool from_client = false;
  char type = 0;      ///< `Q`, `C`, ...; 0 for the first one of a connection, which has none.
  std::string bytes;  ///< All of it, as sent.

  /// The text of a query or a command tag, or what stands where they would.
  std::string text() const;
  /// `client Q commit`, `server C COMMIT`, `server Z`: enough to tell what is going on.
  std::string place() const;
};

/// What becomes of a message, and of its connection.
enum class WireFault {
  none,
  delayed,             ///< It comes late.
  cut_before,          ///< It is not passed on; both sides are closed.
  torn,                ///< Half of its bytes are passed on, then both sides are closed.
  cut_after,           ///< It is passed on, then both sides are closed.
  reset,               ///< It is passed on, then the client is told that the connection is reset.
  half_closed_before,  ///< The receiver reads the end instead; what it answers still comes back.
  half_closed_after,   ///< The receiver reads it, and then the end.
  black_hole_before,   ///< Nothing is passed on any more, either way, for a while; then a cut.
  black_hole_after,    ///< The same from the next message on.
};

/// Stands between a client and a server's Unix socket, on a port of 127.0.0.1, and reads the
/// boundaries of messages both ways. No TLS: clients have to say `sslmode=disable`.
class Proxy {
 public:
  /// Asked for each message, by one thread at a time, before it is passed on.
  using Judge = std::function<WireFault(const WireMessage&)>;

  /// Throws `std::system_error` when it cannot listen.
  explicit Proxy(const std::filesystem::path& server_socket);
  /// Cuts every connection.
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  /// A libpq connection string.
  std::string url(const std::string& database) const;

  /// Counts messages from 1 again, and asks this one about them; none: all is passed on.
  void judge_by(Judge judge);
  /// To another server; connections that there are stay where they are.
  void lead_to(const std::filesystem::path& server_socket);

  /// How long a black hole lasts, and a delay.
  std::chrono::milliseconds patience{400};

 private:
  class Connection;

  void accept_until_closed();
  WireFault judge(WireMessage& message);

  Descriptor listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> closing_ = false;
  std::mutex mutex_;
  std::filesystem::path server_socket_;
  Judge judge_;
  int messages_ = 0;
  std::jthread acceptor_;
  std::vector<std::jthread> connections_;  ///< The acceptor's own.
};

}  // namespace converge::tests
