#pragma once

#include "journal/entry.h"
#include "journal/journal.h"
#include "journal/owed.h"
#include "journal/session.h"

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace converge::journal {

/// The `attempt` entries of a writer: threads that begin one at the same time share one durable
/// write, as each would wait for its own fsync else. Thread-safe.
class Attempts {
 public:
  /// `pass_mutex` guards the ids of passes. Both must outlive this.
  Attempts(Session& session, std::mutex& pass_mutex) : session_(session), pass_mutex_(pass_mutex) {}

  /// See `Journal::begin_attempt`. A write that fails fails all attempts that were in it.
  std::int64_t begin(PassId& pass, const DefinitionId& definition, const Attempt& attempt,
                     bool for_found);

  /// See `Journal::give_up_attempts`.
  int give_up(const std::function<bool(const ProcessIdentity&)>& is_dead);

 private:
  /// One thread's attempt; it waits for it, so what it refers to stays.
  struct Waiting {
    Waiting(PassId& its_pass, const DefinitionId& its_definition, const Attempt& its_attempt,
            bool is_for_found)
        : pass(its_pass),
          definition(its_definition),
          attempt(its_attempt),
          for_found(is_for_found) {}

    PassId& pass;
    const DefinitionId& definition;
    const Attempt& attempt;
    bool for_found;
    std::int64_t seq = 0;
    std::exception_ptr failure = {};
    bool ended = false;
    std::condition_variable told = {};  ///< That it has ended, or that it is its turn to write.
  };

  void write_all();
  std::int64_t write_one(Writer& writer, const Waiting& waiting, std::int64_t pass,
                         std::int64_t now_us);

  Session& session_;
  std::mutex& pass_mutex_;
  const ProcessIdentity process_ = this_process();

  std::mutex mutex_;
  std::vector<std::shared_ptr<Waiting>> waiting_;
  bool is_writing_ = false;  ///< One of those who wait writes for the others.
};

}  // namespace converge::journal
