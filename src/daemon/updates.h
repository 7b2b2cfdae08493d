#pragma once

#include "journal/journal.h"
#include "src/base/error.h"
#include "src/config/config.h"
#include "updater/installation.h"
#include "updater/update.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace converge::daemon {

/// How long until the next check at this wall time: each host has its own instant within each
/// period, `delay` after its beginning, so that hosts that started together do not ask together.
std::chrono::milliseconds until_check(std::int64_t now_us, std::chrono::milliseconds period,
                                      std::chrono::milliseconds delay);

/// `[update] auto = true`: asks the server once in each period, in a thread of its own, and puts in
/// or takes back what it says. The daemon then sees that another build is installed.
///
/// A server that does not answer is told of when that begins and when it is over. The end of the
/// object ends a download, or the try of a new build; what was fetched is gone on with.
class Updates {
 public:
  /// What it works with; outlives it. `broken` gives the definitions that this build cannot use.
  struct Parts {
    const config::Config& config;
    journal::Journal& journal;
    updater::Installation installation;
    std::function<std::vector<std::string>()> broken;
  };

  /// Throws `Error{usage}` where there is no server to ask, or no key to trust.
  explicit Updates(Parts parts);

 private:
  void run(const std::stop_token& stop);
  void update(const std::stop_token& stop);
  bool is_installed() const;
  void act(updater::Updater& updater);
  void tell(const std::string& what);
  void tell_trouble(const Error& error);

  Parts parts_;
  std::chrono::milliseconds delay_{0};  ///< Of this host, within each period.
  std::string trouble_;                 ///< As it was told; empty: there is none.
  std::string told_;                    ///< What was last found.
  std::mutex mutex_;
  std::condition_variable_any never_;  ///< To sleep on.
  std::jthread thread_;
};

}  // namespace converge::daemon
