#pragma once

#include "src/base/clock.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace converge::daemon {

/// What passes are run of: a converger, or one shard of it.
struct Unit {
  std::string converger;
  int shard = 0;
  int shards = 1;

  friend bool operator==(const Unit&, const Unit&) = default;
  friend bool operator<(const Unit& a, const Unit& b) {
    return std::tie(a.converger, a.shard, a.shards) < std::tie(b.converger, b.shard, b.shards);
  }
};

/// When the passes of a unit are due.
struct Timing {
  std::optional<std::chrono::milliseconds> every;  ///< Nullopt: only when it is woken.
  bool narrows = false;      ///< Whether the payload of a wake-up may narrow a pass to a subject.
  std::string version = {};  ///< Of the definition.
  /// It has no interval and listens to nothing: all that is done here is what it owes.
  bool by_hand = false;
};

/// A pass to run now.
struct Job {
  Unit unit;
  std::vector<std::string> subjects = {};       ///< Only these; empty: all.
  std::optional<Clock::time_point> woken = {};  ///< Since when it is to be run at once.
  /// When the first notification came that it answers.
  std::optional<Clock::time_point> notified = {};
  /// Nothing new is looked for: what this host owes is carried out alone.
  bool only_owed = false;
};

/// What a pass that ended asks for.
struct Finish {
  std::optional<std::chrono::milliseconds> again = {};  ///< Some subject is due so soon.
  /// It did not do what it was for: try again after a while that doubles with each in a row, and
  /// answer its wake-ups then. Nobody's fault (another process was at it, a lost connection) is
  /// tried again soon; a failure, not sooner than the definition's interval unless it was woken,
  /// before or since.
  enum class Retry { no, soon, later } retry = Retry::no;
  bool whole = false;        ///< A narrowed pass met what it could not tell: one over all, at once.
  bool carried_out = false;  ///< Something was done, of what was owed if that was what it was for.
};

/// Decides what is run next, from the times of a monotonic clock that it is given. Wake-ups of a
/// unit coalesce; one that comes during its pass is answered by one more. What was woken goes
/// before what is merely due; and so does what is late by a whole period, lest a flood of wake-ups
/// starves it. A unit never runs twice at once, and only while this host owns it, but for what this
/// host owes. Not thread-safe.
class Schedule {
 public:
  using Time = Clock::time_point;

  /// Replaces the units: those that stay keep their times; new ones, and those whose definition has
  /// another version, are due at once when owned, wherever the old version had backed off to.
  void define(const std::map<Unit, Timing>& units, Time now);

  /// Wakes the units of a converger; a payload may be the key of a subject, empty means all.
  void wake(const std::string& converger, const std::string& payload, Time now);
  /// Over all its subjects, at once, even where it backs off.
  void wake_whole(const std::string& converger, Time now);
  /// These, and no others, owe steps outside the database that this host is to carry out. One that
  /// begins to is run for these alone, at once, whether or not this host owns it and whatever its
  /// interval is. A pass that left some says until when, or else the next waits ever longer. To be
  /// called again and again. Whether anything became due.
  bool owe(const std::set<std::string>& convergers, Time now);
  /// Everything is due now, over all its subjects: wake-ups may have been lost.
  void wake_all(Time now);

  /// What this host has become the owner of is due at once; it may be defined later.
  void own(const Unit& unit, bool owned, Time now);
  /// Since when this host owns it; nullopt: it does not.
  std::optional<Time> owned_since(const Unit& unit) const;

  /// The next pass to run, if any is due; it counts as running until `finish`.
  std::optional<Job> take(Time now);
  void finish(const Job& job, const Finish& finish, Time now);

  /// When to ask again: the earliest time at which something not running becomes due.
  std::optional<Time> next() const;
  /// When a unit is due; nullopt when it only waits to be woken.
  std::optional<Time> due(const Unit& unit) const;

 private:
  /// Ownership and a pass that runs are not of the definition: they outlive it, so that one that
  /// comes back finds them.
  struct Entry {
    Timing timing = {};
    std::set<std::string> subjects = {};  ///< Keys of those that wake-ups were for ...
    std::optional<Time> due = {};
    std::optional<Time> woken = {};
    std::optional<Time> notified = {};
    std::optional<Time> owed = {};  ///< When a pass for what is owed alone is due.
    int owed_attempts = 0;          ///< Of these, that did nothing, in a row.
    Time owned_since{};
    Time not_before{};   ///< Backing off.
    int attempts = 0;    ///< That failed in a row.
    bool whole = false;  ///< ... unless one was for all.
    bool defined = false;
    bool owned = false;
    bool running = false;
  };

  static void wake_entry(Entry& entry, const std::string& payload, Time now);
  static void wake_whole_entry(Entry& entry, Time now);
  static void wake_again(Entry& entry, const Job& job);
  template <typename Visit>
  void for_each(const std::string& converger, const Visit& visit);
  static std::optional<Time> whole_at(const Entry& entry);
  static std::optional<Time> ready_at(const Entry& entry);
  static bool is_urgent(const Entry& entry, Time now);
  void finish_owed(Entry& entry, const Finish& finish, Time now);
  std::chrono::milliseconds jittered(std::chrono::milliseconds every);
  std::chrono::milliseconds backoff(Finish::Retry retry, int attempts);

  std::map<Unit, Entry> entries_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace converge::daemon
