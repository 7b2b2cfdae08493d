#pragma once

#include "src/base/clock.h"
#include "src/base/descriptor.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <thread>

namespace converge::daemon {

/// Accepts connections and lets them in only when the whole head of a request has arrived.
///
/// Poco's HTTP server gives a connection a thread as soon as it is accepted, so a few clients who
/// send nothing would keep all of its threads. Here they wait in one epoll(7) set that costs a file
/// descriptor each, until a deadline. When too many wait, the one that came first goes: whoever has
/// something to say has said it by then.
class Gatekeeper {
 public:
  struct Limits {
    std::size_t waiting = 256;  ///< Connections without a request; at most so many.
    std::size_t head_bytes = 8192;
    std::chrono::milliseconds patience{5000};  ///< From the connection to the end of the head.
    std::chrono::milliseconds sending{2000};   ///< For the client to take some of the answer.
  };

  /// Gets a connection that never makes a reader wait: what has arrived is all there is to read.
  /// Called by the gatekeeper's thread.
  using Admit = std::function<void(Descriptor connection)>;

  /// Accepts from the listening, non-blocking socket, which outlives this object.
  Gatekeeper(int listening, Limits limits, Admit admit);
  /// Closes all that wait.
  ~Gatekeeper();
  Gatekeeper(const Gatekeeper&) = delete;
  Gatekeeper& operator=(const Gatekeeper&) = delete;

 private:
  struct Waiting {
    Descriptor connection;
    Clock::time_point deadline;
  };
  using Place = std::map<std::uint64_t, Waiting>::iterator;

  void run();
  void accept_some();
  void take_in(Descriptor connection);
  void look_at(Place place, bool ended);
  void admit(Place place);
  void expire();
  int milliseconds_to_wait() const;
  void watch(int descriptor, std::uint32_t events, std::uint64_t number);

  int listening_;
  Limits limits_;
  Admit admit_;
  Descriptor epoll_;
  Descriptor stop_;                           ///< An eventfd.
  std::map<std::uint64_t, Waiting> waiting_;  ///< By their number, in the order they came.
  std::uint64_t last_number_;
  std::thread thread_;
};

}  // namespace converge::daemon
