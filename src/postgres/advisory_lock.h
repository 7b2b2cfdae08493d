#pragma once

#include "src/postgres/session.h"

#include <chrono>
#include <cstdint>
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
/// of an application that keeps to its own class; variants, under a class for each name. Two names
/// whose hashes meet share a lock, which costs them a wait and nothing else. A name that is held
/// here already is given again only to share: the threads of a process exclude each other as
/// processes do. Thread-safe; nobody waits for another's wait.
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
  /// Shares a lock that comes in variants: false while anybody has another variant of it. Two that
  /// ask at once for different ones may both be refused. To be given back by `variant_name`.
  bool acquire_variant(const std::string& name, int variant);
  static std::string variant_name(const std::string& name, int variant);

  /// A statement for that session that takes the lock until its transaction ends, and fails when
  /// somebody has it, this object included. Prepared there, outside a transaction, as planning it
  /// takes the server longer than running it.
  static std::string take_for_transaction(Session& session, const std::string& name);

  /// Gives back what was acquired, either way, once for each time that it was; does nothing for a
  /// name that is not held here.
  void release(const std::string& name) { release_many({name}); }
  void release_many(const std::vector<std::string>& names);

  /// The sessions that have the lock at present, this one among them.
  LockHolders count_holders(const std::string& name);

  /// Throws when the connection is lost; without a round trip.
  void check();

 private:
  enum class Mode { exclusive, shared };

  struct Key {
    std::uint32_t group = 0;
    std::uint32_t number = 0;
  };
  struct Held {
    Key key;
    Mode mode = Mode::exclusive;
    int times = 1;
  };

  static Key key_of(const std::string& name);
  static std::string call(std::string_view function, const Key& key);
  bool acquire(const std::string& name, Mode mode, std::chrono::milliseconds wait);
  std::vector<bool> try_acquire(const std::vector<std::string>& names);
  bool try_share(const std::string& name, const Key& key);
  void give_back(const std::vector<std::string>& names);

  std::mutex mutex_;
  Session& session_;
  std::map<std::string, Held> held_;
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
  /// As `AdvisoryLocks::acquire_shared`, without waiting.
  bool add_shared(const std::string& name);
  /// As `AdvisoryLocks::acquire_variant`.
  bool add_variant(const std::string& name, int variant);
  /// Gives all back. Throws as `AdvisoryLocks::release_many`.
  void clear();

 private:
  AdvisoryLocks& locks_;
  std::vector<std::string> names_;
};

}  // namespace converge::postgres
