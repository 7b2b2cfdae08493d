#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace converge::state_machine {

/// What a request asks for.
struct Order {
  std::string method;
  std::string path;     ///< With its query.
  std::string key;      ///< Idempotency-Key; empty: none, and each request is one of its own.
  std::string headers;  ///< A JSON object.
  std::string body;
};

/// What became of it.
enum class Verdict {
  performed,
  duplicate,  ///< Its key has been seen: nothing was done again.
  conflict,   ///< The cluster is not active any more.
  misused,    ///< Its key belongs to another path.
};

/// Everything that the service has done and heard. Thread-safe.
class Ledger {
 public:
  /// A cluster is `deprovisioning` for as long as `work`. The effects in `file`, if given, are
  /// read, and new ones appended to it.
  Ledger(std::chrono::milliseconds work, const std::optional<std::filesystem::path>& file);

  Verdict perform(const Order& order);
  /// `result` is the status, or the name of the fault.
  void log(const Order& order, const std::string& result, bool duplicate);

  std::string cluster_state(const std::string& id) const;
  std::string effects() const;                ///< JSON lines, in order.
  std::string requests() const;               ///< JSON lines, in order.
  std::string counts(int connections) const;  ///< A JSON object.

 private:
  struct Effect {
    std::string key;
    std::string method;
    std::string path;
    std::string body;
    std::size_t requests = 1;  ///< Received with its key.
    std::chrono::system_clock::time_point time;
  };

  void read(const std::filesystem::path& file);
  void add(Effect effect);

  const std::chrono::milliseconds work_;
  std::ofstream file_;
  mutable std::mutex mutex_;
  std::vector<Effect> effects_;
  std::map<std::string, std::size_t> by_key_;
  std::map<std::string, std::size_t> deprovisions_;  ///< By the cluster's id.
  std::vector<std::string> requests_;
  std::size_t duplicates_ = 0;
};

}  // namespace converge::state_machine
