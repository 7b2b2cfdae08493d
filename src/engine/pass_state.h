#pragma once

#include "src/base/clock.h"
#include "src/engine/listing.h"
#include "src/engine/pass.h"
#include "src/engine/quarantine.h"
#include "src/engine/record.h"
#include "src/engine/set_digest.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace converge::engine {

/// A place in the server: while it is held, one chunk's statements run there. A worker gives it
/// back before it writes the chunk's record, so that the next chunk's steps run meanwhile.
class Slots {
 public:
  explicit Slots(int count) : free_(count) {}

  class Slot {
   public:
    explicit Slot(Slots& slots) : slots_(&slots) { slots.take(); }
    ~Slot() { give_back(); }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    void give_back() {
      if (slots_ != nullptr) slots_->give();
      slots_ = nullptr;
    }

   private:
    Slots* slots_;
  };

 private:
  void take();
  void give();

  std::mutex mutex_;
  std::condition_variable given_;
  int free_;
};

/// What the workers of one pass share. Thread-safe but for what is said otherwise.
class PassState {
 public:
  PassState(const Converger& converger, PassContext& context);

  const Converger& converger() const { return converger_; }
  PassContext& context() const { return context_; }
  const Recorder& recorder() const { return *recorder_; }
  /// An error's message as the journal may keep it.
  std::string message(const Error& error) const {
    return recorder_ ? recorder_->message(error) : error.what();
  }
  /// An error as the detail of an entry.
  std::string detail(const Error& error) const;
  void use_recorder(Recorder recorder) { recorder_.emplace(std::move(recorder)); }
  /// The steps in the database before the first that is outside.
  StepRange first_steps() const { return steps_before(converger_, 0); }
  Slots& slots() { return slots_; }
  /// Held while the calls of one chunk to the outside are made, as many at once as the definition
  /// says: the SQL of others goes on meanwhile.
  std::mutex& calls() { return calls_; }
  journal::PassId& pass() { return pass_; }
  journal::DefinitionId definition() const;
  /// Narrowed by a notification, and not by a person who wants to see them tried.
  bool is_woken_for_some() const { return is_narrowed() && context_.lenient; }
  bool is_narrowed() const { return !context_.subjects.empty() && !context_.shard; }
  std::string labelled(const journal::Inconsistency& record) const;

  void expect(std::int64_t total) { total_ = total; }

  /// Begins to count the pass's time, once its lock is held.
  void start_clock();

  /// A session, once one is free, within the time of the pass.
  postgres::Pool::Lease lease() { return context_.pool.lease(deadline_); }

  /// The same, for the converger's statements.
  postgres::Pool::Lease ready_session();

  /// What the pass believes of the schema was learnt by an earlier one.
  void trust_inspection(bool trusts) { trusts_inspection_ = trusts; }
  /// Whether an error may be due to a schema that has changed since: then nobody is to be blamed
  /// before the pass has begun anew. Never once it has done something.
  bool is_suspect(const Error& error) const;
  bool has_done_nothing() const;

  /// Throws when the connection that holds the pass's locks is lost.
  void require_locks();

  /// Throws `Error{failure}` at the deadline of the pass or when it was asked to stop.
  void require_time() const;
  /// Why a statement was cancelled. The last one of a pass has what is left of the pass's time:
  /// then that is what was too short.
  Error why_cancelled(const Error& error) const;
  bool is_over() const;  ///< Whether `require_time` would throw.
  /// Of the next statement: the definition's, or what is left of the pass.
  std::chrono::milliseconds statement_timeout() const;

  /// Counts subjects that were looked at.
  void examined(std::size_t subjects);
  /// Counts changes to subjects that are counted already.
  void changed_further(std::int64_t changes);
  /// Counts a subject that earlier passes left owing: the limit is not on that.
  void carried_out();
  /// Counts what was set right or, in a plan, would be.
  void corrected(const std::vector<journal::Inconsistency>& records);
  void corrected(const journal::Inconsistency& record);
  /// Counts, for a limit and the digest of its set, subjects that steps outside are to act for.
  /// They are corrected when these have succeeded.
  void awaited(const std::vector<journal::Inconsistency>& records);
  /// Counts and tells a subject for which a step outside will never be carried out any more.
  void given_up(const std::string& subject, const std::optional<std::string>& label,
                const Error& error);
  /// When a step outside was last done for each of the subjects.
  std::vector<std::optional<journal::LastOutside>> last_outside(const OutsideStep& step,
                                                                const Subjects& subjects) const;

  /// What the journal is to know of a subject that failed.
  journal::Quarantined quarantined(const Subjects& subjects, std::size_t row,
                                   const Error& error) const;
  /// Journals and counts a subject's failure. Throws when it cannot be journaled.
  void failed(const Subjects& subjects, std::size_t row, const Error& error);

  /// To be changed before there are workers, and after.
  Quarantine& quarantine() { return quarantine_; }
  std::optional<std::int64_t> next_quarantined_us() const { return quarantine_.next_us(); }
  /// Subjects whose correction by this pass makes a fight.
  void suspect_fights(std::vector<std::string> keys) { suspects_ = {keys.begin(), keys.end()}; }
  /// Those of them, and of earlier fights, that were corrected.
  const std::vector<journal::Inconsistency>& fought() const { return fought_; }
  /// All subjects that were corrected, without details; none when these are many.
  const std::vector<journal::Inconsistency>& few_corrected() const { return few_corrected_; }
  /// Journals a failure of a subject, puts it into quarantine (until `next_us`, where that is set)
  /// and counts it.
  void failed(journal::Quarantined subject, const Error& error, const std::string& detail);

  /// Of the whole set: corrected, and awaited.
  std::int64_t inconsistencies() const;
  std::string digest() const;
  /// Forgets what was counted since `examined` subjects were: it was rolled back, and begins again.
  void start_again(std::int64_t examined);
  /// Before there are workers.
  void not_found(std::int64_t keys) { result_.not_found = keys; }
  void not_keys() { result_.not_keys = true; }
  PassResult result() const;

  /// Whether the chunk before had something to correct: then subjects are read again at once.
  std::atomic<bool> expect_work{false};

 private:
  const Converger& converger_;
  PassContext& context_;
  std::optional<Recorder> recorder_;
  Slots slots_;
  std::mutex calls_;
  Clock::time_point started_;
  Clock::time_point deadline_;
  std::int64_t total_ = 0;
  bool trusts_inspection_ = false;

  mutable std::mutex mutex_;  ///< Of everything below.
  journal::PassId pass_;
  PassResult result_;
  std::int64_t carried_out_ = 0;
  std::int64_t awaited_ = 0;
  SetDigest digest_;
  Quarantine quarantine_;
  std::set<std::string> suspects_;
  std::vector<journal::Inconsistency> fought_;
  std::vector<journal::Inconsistency> few_corrected_;
};

}  // namespace converge::engine
