#pragma once

#include "src/base/clock.h"
#include "src/base/error.h"

#include <array>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace converge::daemon {

/// Why nothing can be converged now. Each is logged when it begins, when its reason changes, and
/// when it is over. Thread-safe.
class Troubles {
 public:
  enum class Cause { database, journal };

  /// `tell` is called with all causes there are whenever one begins or ends, one call after the
  /// other: what it was told last is how things are. It must not call back.
  using Tell = std::function<void(const std::set<Cause>& causes)>;
  explicit Troubles(Tell tell) : tell_(std::move(tell)) {}

  void begin(Cause cause, const Error& error);
  /// One that is no news: what the service has not got yet when it starts.
  void begin_quietly(Cause cause, const std::string& text);
  /// Whether there was one.
  bool end(Cause cause);

  bool has(Cause cause) const;
  /// For people; empty when there is none.
  std::string text() const;

 private:
  struct Trouble {
    std::string text;
    Clock::time_point since;
    bool is_news = true;
  };

  void tell() const;

  Tell tell_;
  mutable std::mutex mutex_;
  std::array<std::optional<Trouble>, 2> troubles_;  ///< By cause.
};

}  // namespace converge::daemon
