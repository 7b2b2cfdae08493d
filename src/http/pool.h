#pragma once

#include "src/base/clock.h"
#include "src/http/connection.h"

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace converge::http {

/// Connections that wait for their next request, by where they lead. Thread-safe.
class HttpPool {
 public:
  static constexpr std::chrono::seconds kLongestIdle{10};
  static constexpr std::size_t kMostPerPlace = 64;

  /// The one that came last, of those that are still good; null when there is none. Closes all that
  /// have waited too long, wherever they lead.
  std::unique_ptr<HttpConnection> take(const std::string& place);
  void put(const std::string& place, std::unique_ptr<HttpConnection> connection);
  void clear();

 private:
  struct Idle {
    std::unique_ptr<HttpConnection> connection;
    Clock::time_point since;
  };

  void close_old();

  std::mutex mutex_;
  std::map<std::string, std::deque<Idle>> idle_;  ///< Each with the oldest in front.
};

}  // namespace converge::http
