#pragma once

#include "journal/journal.h"
#include "src/base/error.h"
#include "src/engine/converger.h"
#include "src/postgres/advisory_lock.h"
#include "src/postgres/pool.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::engine {

enum class PassOutcome {
  unchanged,
  converged,
  planned,  ///< As converged, but rolled back: it was a plan.
  failed,
  held,         ///< A limit stopped it, now or before.
  skipped,      ///< Another process is at it, or a person paused it.
  interrupted,  ///< It was asked to stop; the next pass does the rest.
};
std::string_view name_of(PassOutcome outcome);

/// What a pass tells while it runs; each call comes from one thread at a time.
struct PassObserver {
  std::function<void(std::int64_t done, std::int64_t total)> progress = [](auto, auto) {};
  /// A subject failed. `label` may be empty.
  std::function<void(const std::string& subject, const std::string& label, const Error& error)>
      failed = [](const auto&, const auto&, const auto&) {};
  /// A subject was set right or, in a plan, would be.
  std::function<void(const journal::Inconsistency&)> corrected = [](const auto&) {};
};

/// What a pass works with. Everything referred to outlives the pass.
struct PassContext {
  postgres::Pool& pool;
  postgres::AdvisoryLocks& locks;
  journal::Journal* journal = nullptr;  ///< Null: a plan, which has no effect and no record.
  std::string trigger;                  ///< `hand`, `cron`, `daemon`, `plan`.
  std::string actor;
  std::chrono::milliseconds wait{0};  ///< For the lock.
  /// Narrows the pass to the subjects with these keys; empty: all. Not of use with `shard`, since a
  /// key does not tell its shard: the pass is then over all of the shard's.
  std::vector<std::string> subjects = {};
  /// A named key that is none leaves all of them, as `not_keys` says, rather than fail the pass.
  bool lenient = false;
  std::optional<int> shard = {};  ///< Only this one, from 0, of the converger's shards.
  /// Only what earlier passes left owing is carried out; nothing is looked for.
  bool only_owed = false;
  std::vector<journal::Quarantined> quarantined = {};  ///< For a plan, which has no journal.
  /// Likewise: when a step outside, by its title, was last done for each of these subjects.
  std::function<std::vector<std::optional<journal::LastOutside>>(
      const std::string& title, const std::vector<std::string>& keys)>
      last_outside = [](const auto&, const auto& keys) {
        return std::vector<std::optional<journal::LastOutside>>(keys.size());
      };
  const std::atomic<bool>* stop = nullptr;  ///< When set, no further chunk is begun.
  PassObserver observer;
};

struct PassResult {
  std::string converger;
  PassOutcome outcome = PassOutcome::unchanged;
  std::int64_t pass = 0;  ///< 0: nothing was journaled.
  std::int64_t examined = 0;
  std::int64_t inconsistencies = 0;  ///< Corrected; in a plan or a hold, to be corrected.
  std::int64_t changes = 0;
  std::int64_t failed = 0;     ///< Subjects.
  std::int64_t locked = 0;     ///< Of those, that somebody else kept locked.
  bool complete = true;        ///< Over all subjects, not narrowed to some.
  std::int64_t not_found = 0;  ///< Of the keys that it was narrowed to; they are right already.
  bool not_keys = false;       ///< Among those were some that no subject could have; all were left.
  std::int64_t quarantined = 0;  ///< Left out, as they keep failing.
  /// Until the first of its subjects that wait (to settle, or in quarantine) is due.
  std::optional<std::chrono::milliseconds> again = {};
  std::chrono::milliseconds duration{0};
  std::optional<journal::Hold> hold;
  std::optional<journal::Pause> paused;  ///< Why it was skipped.
  std::optional<Error> error;            ///< Why the pass as a whole failed.
};

/// One execution of a converger over all its subjects, or over those that it is narrowed to.
///
/// Uses one session of the pool at a time for each chunk at work, and never holds one while it
/// waits for another. No two threads may run passes of one `Converger` object at once.
///
/// Level-based: what to do is decided from what find returns now. Commits chunk by chunk, and never
/// before the journal holds the chunk's record. Killed at any instant, the next `recover` settles
/// what was in flight; nothing is lost and nothing is recorded twice. Throws nothing but what the
/// observer throws: errors are in the result.
PassResult run_pass(Converger& converger, PassContext& context);

}  // namespace converge::engine
