#pragma once

#include "src/base/descriptor.h"

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace converge::http {

/// A peer that answers with exactly the bytes that it is given, for what no proper server says. It
/// listens on the loopback network and serves one connection after the other.
class RawServer {
 public:
  /// One connection of a client.
  class Client {
   public:
    explicit Client(int socket) : socket_(socket) {}
    /// The head of a request, and its body of the announced length; empty at the end.
    std::string receive();
    /// Whether the client still takes them.
    bool send(const std::string& bytes);
    void reset();
    /// Until the client hangs up.
    void wait_for_end();
    int socket() const { return socket_.number(); }

   private:
    Descriptor socket_;
    std::string rest_;
  };
  using Script = std::function<void(Client& client, int connection)>;

  /// Calls `script` for each connection, which are counted from 0, and then closes it.
  explicit RawServer(Script script);
  /// One answer for each connection, after its request.
  explicit RawServer(const std::string& answer);
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(const std::string& path = "/") const;
  int connections() const;
  /// From now on connections are refused.
  void refuse_more();

 private:
  void serve();

  Descriptor listener_;
  std::uint16_t port_ = 0;
  Script script_;
  mutable std::mutex mutex_;
  int current_ = -1;  ///< The socket that is being served, to be shut down at the end.
  bool ends_ = false;
  int connections_ = 0;
  std::thread thread_;
};

}  // namespace converge::http
