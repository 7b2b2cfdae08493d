#pragma once

#include "tests/support/command.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace converge::tests {

/// The state machine service (tests/state_machine), a process of its own on the loopback network.
/// It ends with this object, and with the tests however they end.
class StateMachine {
 public:
  struct Counts {
    int requests = 0;
    int effects = 0;
    int duplicates = 0;   ///< Requests with a key whose effect was there already.
    int connections = 0;  ///< Those of this object's own questions included.
  };

  /// `arguments` as `state-machine --help` lists them. Throws when it does not start.
  explicit StateMachine(std::vector<std::string> arguments = {});

  std::uint16_t port() const { return port_; }
  std::string url(const std::string& path = {}) const;  ///< `http://127.0.0.1:PORT/path`.

  /// Orders a fault: `kind=429&count=2&retry_after=1`; kinds are in tests/state_machine/faults.cpp.
  void fault(const std::string& settings);
  void clear_faults();

  std::vector<std::string> effects() const;  ///< JSON, one each, in order.
  std::vector<std::string> log() const;      ///< JSON, one for each request, in order.
  Counts counts() const;
  std::string cluster(const std::string& id) const;  ///< `active`, `deprovisioning`, ...

  /// Kills it.
  void stop();
  /// Starts it again where it was.
  void start();

 private:
  std::string ask(const std::string& method, const std::string& path) const;

  std::vector<std::string> arguments_;
  bool secure_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Command> process_;
};

}  // namespace converge::tests
