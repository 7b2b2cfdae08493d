#pragma once

#include "src/base/clock.h"
#include "src/engine/pass_sign.h"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace converge::daemon {

/// What the daemon of a build on trial sees at one moment.
struct ProbationView {
  bool has_database = false;  ///< Otherwise it waits for it.
  bool has_journal = false;
  std::set<std::string> own = {};  ///< Convergers that this host is to run: owned, not paused.
  bool owns_all = false;           ///< Nobody else runs any.
  bool is_running = false;         ///< Some pass runs.
};

/// Where a trial has got to.
struct Judgement {
  enum class Kind { open, waiting, healthy, failing };
  Kind kind = Kind::open;
  std::string why = {};  ///< Failing.

  friend bool operator==(const Judgement&, const Judgement&) = default;
};

/// Judges a build by its passes, from what it is told and the times that it is given. Not
/// thread-safe.
///
/// *Healthy* at once when each converger that this host runs has completed a pass and its last one
/// did not fail. At the end of the trial when no converger has failed in all its passes, and one
/// pass went well or there was none to run here. *Failing* at once when each converger has failed
/// twice and never went well; else at the end. While the database or the journal's disk is away
/// nothing is judged, and what is left of the trial begins anew after it; a pass that still runs at
/// the end is waited for. A converger that failed before the trial cannot fail it.
class Probation {
 public:
  using Time = Clock::time_point;

  /// What is known of a converger from before.
  struct Before {
    bool failed = false;       ///< Its last pass.
    bool quarantined = false;  ///< Some of its subjects kept failing.
  };

  Probation(std::chrono::milliseconds length, std::map<std::string, Before> before, Time now)
      : length_(length), before_(std::move(before)), end_(now + length) {}

  /// A pass has ended.
  void ended(const engine::PassResult& result);
  Judgement judge(const ProbationView& view, Time now);

 private:
  struct Record {
    int well = 0;
    int badly = 0;
    int neither = 0;
    bool last_was_bad = false;
    std::string error = {};
  };

  bool is_excused(const std::string& converger) const;
  Record record_of(const std::string& converger) const;
  Judgement judge_early(const std::set<std::string>& judged, const ProbationView& view,
                        Time now) const;
  Judgement judge_at_end(const std::set<std::string>& judged, const ProbationView& view) const;

  std::chrono::milliseconds length_;
  std::map<std::string, Before> before_;
  Time end_;
  std::optional<Time> able_since_;  ///< Nothing is away.
  std::map<std::string, Record> records_;
};

}  // namespace converge::daemon
