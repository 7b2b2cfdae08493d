#pragma once

#include "src/engine/outside_work.h"
#include "src/engine/pass_state.h"
#include "src/postgres/transaction.h"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace converge::engine {

/// Converges chunks, each in a transaction of its own.
class ChunkWorker {
 public:
  /// `commits` is false for a plan, and to learn the full extent of a set that a limit stopped.
  /// With `underway`, for the steps after those outside before `stage`: for subjects that are among
  /// it.
  ChunkWorker(PassState& state, bool commits, std::size_t stage = 0,
              const Underway* underway = nullptr);

  /// Whether the subjects are right already: the steps return nothing for them. Rolled back; false
  /// when they cannot tell, or when no session is free. Does nothing, and says false, once a chunk
  /// had something to correct.
  bool probe(const Subjects& chunk);
  /// Converges subjects that were found a while ago.
  void work(const Subjects& chunk);
  /// Converges subjects in the transaction that has just found them.
  void work_in(std::unique_ptr<postgres::Transaction> transaction, const Subjects& chunk);
  /// Takes the lock of the pass for the transaction, finds and converges subjects by their keys,
  /// all in one round trip. False when that does not suffice: nothing was done then, and the
  /// ordinary way tells why.
  bool work_at_once(postgres::Pool::Lease session, const Subjects& keys);

 private:
  void work_parts(const Subjects& chunk, bool halved);
  void recover_from(const Error& error, const Subjects& chunk, int attempt, bool halved,
                    bool& done);
  bool look(postgres::Session& session, const Subjects& chunk);
  bool attempt(const Subjects& chunk, bool read_again, Underway& next);
  Subjects find_again(postgres::Transaction& transaction, const Subjects& chunk);
  Underway finish(postgres::Transaction& transaction, const Subjects& subjects,
                  std::vector<StepChanges> changes, Slots::Slot& slot);
  bool is_plan() const { return state_.context().journal == nullptr; }
  std::vector<std::string> owed() const;
  void count(const std::vector<journal::Inconsistency>& records);
  Underway going_on(const Subjects& subjects,
                    const std::vector<journal::Inconsistency>& records) const;
  Subjects described(const Subjects& subject);

  PassState& state_;
  OutsideWork outside_;
  const bool commits_;
  const std::size_t stage_;
  const StepRange steps_;
  std::map<std::string, Underway::Subject, std::less<>> underway_;
  bool has_probed_ = false;
};

/// Writes `next`'s records to the journal, durably, then commits: the only order of effects there
/// is. Throws what made it fail after settling the record; `transient` when trying again is right.
void commit_with_record(PassState& state, postgres::Transaction& transaction,
                        const std::string& xid, const journal::NextInconsistency& next);

/// The subjects with all their columns: those that have only the first of them are read again.
Subjects complete(const Converger& converger, postgres::Transaction& transaction,
                  const Subjects& subjects);

}  // namespace converge::engine
