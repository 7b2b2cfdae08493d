#pragma once

#include "src/base/clock.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace converge::daemon {

/// Something that takes a while to make, made anew at most every two seconds, and less often when
/// making it takes long: it never takes more than a twentieth of a core. Thread-safe.
class Cached {
 public:
  using Make = std::function<std::vector<std::string>()>;
  explicit Cached(Make make) : make_(std::move(make)) {}

  /// What was made last, while another thread makes it anew. Throws `Error{transient}` when that is
  /// the first time, and what making it throws.
  std::vector<std::string> get();

 private:
  Make make_;
  std::mutex making_;  ///< Held by the one thread that makes it.
  std::mutex mutex_;   ///< Of what follows.
  std::vector<std::string> made_;
  bool is_made_ = false;
  Clock::time_point next_;  ///< Not made anew before.
};

/// What the page shows of the journal, as JSON. It is read when somebody asks and then kept for a
/// while, so that many who look cost no more than one. Thread-safe; throws `Error` when the journal
/// cannot be read.
class JournalView {
 public:
  explicit JournalView(std::filesystem::path journal);

  /// The newest inconsistencies that were journaled, newest first; at most 100.
  std::string corrections(std::size_t count);

  /// Per converger, corrections and failures in the 5-minute stretches of the last six hours.
  std::string history();

 private:
  std::filesystem::path file_;
  Cached corrections_;  ///< Each of them.
  Cached history_;      ///< One text.
};

}  // namespace converge::daemon
