#pragma once

#include "src/base/clock.h"
#include "src/base/error.h"

#include <array>
#include <mutex>
#include <optional>
#include <string>

namespace converge::daemon {

/// Why nothing can be converged now. Each is logged when it begins, when its reason changes, and
/// when it is over. Thread-safe.
class Troubles {
 public:
  enum class Cause { database, journal };

  void begin(Cause cause, const Error& error);
  /// One that is no news: what the service has not got yet when it starts.
  void begin_quietly(Cause cause, const std::string& text);
  /// Whether there was one.
  bool end(Cause cause);

  bool has(Cause cause) const;
  bool none() const;
  /// For people; empty when there is none.
  std::string text() const;

 private:
  struct Trouble {
    std::string text;
    Clock::time_point since;
    bool is_news = true;
  };

  mutable std::mutex mutex_;
  std::array<std::optional<Trouble>, 2> troubles_;  ///< By cause.
};

}  // namespace converge::daemon
