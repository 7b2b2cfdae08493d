#pragma once

#include "src/postgres/session.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace converge::postgres {

/// Session-level advisory locks, by name, all held by one connection: they are gone with it.
///
/// They live in the space of two-integer keys under one class of our own, so that they meet no lock
/// of an application that keeps to its own class. Two names whose hashes meet share a lock, which
/// costs them a wait and nothing else. Not for use by two threads at once.
class AdvisoryLocks {
 public:
  explicit AdvisoryLocks(Session& session) : session_(session) {}

  /// Takes the lock, waiting for it so long at most; false when another session has it.
  bool acquire(const std::string& name, std::chrono::milliseconds wait);
  void release(const std::string& name);

  /// Throws when the connection is lost, and so every lock with it; without a round trip.
  void check() { session_.check_alive(); }

 private:
  Session& session_;
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

 private:
  AdvisoryLocks& locks_;
  std::vector<std::string> names_;
};

}  // namespace converge::postgres
