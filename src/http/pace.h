#pragma once

#include "src/base/clock.h"
#include "src/http/client.h"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace converge::http {

/// Whether an answer comes fast enough. A peer that sends a byte now and then is never idle.
class HttpPace {
 public:
  explicit HttpPace(const HttpBounds& bounds) : bounds_(bounds), since_(Clock::now()) {}

  /// Throws `HttpError{transient}` when a window is over in which too little has come.
  void received(std::size_t bytes);

 private:
  HttpBounds bounds_;
  Clock::time_point since_;
  std::uint64_t bytes_ = 0;  ///< Since then.
};

}  // namespace converge::http
