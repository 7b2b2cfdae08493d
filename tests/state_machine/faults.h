#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace converge::state_machine {

/// Something that the service does wrong on demand.
struct Fault {
  std::string kind;
  long count = 1;           ///< Requests that it still strikes; below 0: all of them.
  long every = 1;           ///< It strikes each n-th request of those that it may strike.
  std::string path;         ///< It strikes only paths that begin so.
  std::string retry_after;  ///< For an answer with a status; empty: none.
  std::chrono::milliseconds delay{1000};  ///< Of `slow`, at most: till the faults are cleared.
};

/// The faults that wait for their requests. Thread-safe.
class Faults {
 public:
  /// From the names and values of a query or of a JSON object. Throws `std::invalid_argument`.
  void add(const std::map<std::string, std::string>& settings);
  void clear();
  /// The one that strikes a request for this path: the oldest that may.
  std::optional<Fault> take(const std::string& path);
  /// Waits as long as that, or until all faults are cleared.
  void delay(std::chrono::milliseconds duration);

 private:
  struct Waiting {
    Fault fault;
    long seen = 0;
  };

  std::mutex mutex_;
  std::condition_variable cleared_;
  long clears_ = 0;
  std::vector<Waiting> waiting_;
};

}  // namespace converge::state_machine
