#pragma once

#include "src/postgres/session.h"

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace converge::postgres {

/// Sessions that hold a lock, on any host.
struct LockHolders {
  int exclusive = 0;
  int shared = 0;
};

/// Session-level advisory locks, by name, all held by one connection: they are gone with it.
///
/// They live in the space of two-integer keys under one class of our own, so that they meet no lock
/// of an application that keeps to its own class. Two names whose hashes meet share a lock, which
/// costs them a wait and nothing else. A name that is held here already is not given again: the
/// threads of a process exclude each other as processes do. Thread-safe; nobody waits for another's
/// wait.
///
/// Everything throws `Error{transient}` when the connection is lost, and so every lock with it:
/// then only new locks over a new session are of use.
class AdvisoryLocks {
 public:
  explicit AdvisoryLocks(Session& session) : session_(session) {}

  /// Takes the lock, asking for it so long at most; false when somebody else has it.
  bool acquire(const std::string& name, std::chrono::milliseconds wait);
  /// The same for a lock that many may share, unless somebody has it exclusively.
  bool acquire_shared(const std::string& name, std::chrono::milliseconds wait);
  /// Takes those that are free, in one round trip.
  std::vector<bool> acquire_many(const std::vector<std::string>& names);

  /// Gives back what was acquired, either way; does nothing for a name that is not held here.
  void release(const std::string& name) { release_many({name}); }
  void release_many(const std::vector<std::string>& names);

  /// The sessions that have the lock at present, this one among them.
  LockHolders count_holders(const std::string& name);

  /// Throws when the connection is lost; without a round trip.
  void check();

 private:
  enum class Mode { exclusive, shared };

  bool acquire(const std::string& name, Mode mode, std::chrono::milliseconds wait);
  std::vector<bool> try_acquire(const std::vector<std::string>& names, Mode mode);

  std::mutex mutex_;
  Session& session_;
  std::map<std::string, Mode> held_;
};

/// Locks that are given back at the end.
class HeldLocks {
 public:
  explicit HeldLocks(AdvisoryLocks& locks) : locks_(locks) {}
  ~HeldLocks();
  HeldLocks(const HeldLocks&) = delete;
  HeldLocks& operator=(const HeldLocks&) = delete;

  /// As `AdvisoryLocks::acquire`.
  bool add(const std::string& name, std::chrono::milliseconds wait);
  /// As `AdvisoryLocks::acquire_many`.
  std::vector<bool> add_many(const std::vector<std::string>& names);

 private:
  AdvisoryLocks& locks_;
  std::vector<std::string> names_;
};

}  // namespace converge::postgres
