#pragma once

#include "journal/journal.h"
#include "src/config/config.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace converge::daemon {

/// What a service does besides converging, in a thread of its own: writes down what idle passes
/// left in memory, archives what is too old for the journal, sends the journal's head to the system
/// log, and notes in the journal when the wall clock was set, since its times are of that clock.
class Upkeep {
 public:
  /// `every_second` is called by that thread as well.
  Upkeep(const config::Config& config, journal::Journal& journal,
         std::function<void()> every_second);

 private:
  /// One instant by both.
  struct Clocks {
    std::int64_t wall_us = 0;
    std::int64_t steady_us = 0;  ///< Of the clock that is never set.
  };

  static Clocks read_clocks();
  void run(const std::stop_token& stop);
  void check_clock();
  void archive();
  template <typename Action>
  void try_to(const char* what, const Action& action);

  const config::Config& config_;
  journal::Journal& journal_;
  std::function<void()> every_second_;
  Clocks clocks_;  ///< When they were compared.
  std::mutex mutex_;
  std::condition_variable_any never_;  ///< To sleep on.
  std::jthread thread_;
};

}  // namespace converge::daemon
