#pragma once

#include "journal/journal.h"
#include "src/engine/owed_row.h"
#include "src/engine/pass_state.h"
#include "src/engine/underway.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace converge::engine {

std::vector<std::string> keys_of(const std::vector<journal::Owed>& owed);

/// What a pass does with the steps of a converger that are outside the database.
///
/// A subject goes through the steps in their order: SQL, which commits, then the step outside, then
/// the SQL after that. What a commit makes due for a subject that it changed is kept in the journal
/// with the commit's record (it is *owed*), and moves along there: so a process that is killed
/// anywhere leaves what the next one resumes, with the same idempotency key. What is done for every
/// subject found needs no such memory, since find returns it again; the journal has when it was
/// last done. Thread-safe where `PassState` is.
class OutsideWork {
 public:
  explicit OutsideWork(PassState& state) : state_(state), steps_(state.converger().outside()) {}

  bool any() const { return !steps_.empty(); }
  bool acts_for_found() const;

  /// Puts into the records of changed subjects what the steps outside from `stage` on will do for
  /// them, and that it is owed to them; in a plan also what they would do for them as for all that
  /// are found. Those in `underway` are owed it already.
  void plan(const Subjects& subjects, std::size_t stage,
            std::vector<journal::Inconsistency>& records,
            const std::vector<std::string>& underway = {}) const;
  /// Records, without a change, of the subjects beside those that steps outside would act for.
  std::vector<journal::Inconsistency> due(const Subjects& subjects,
                                          const std::vector<journal::Inconsistency>& records) const;

  /// For a plan: takes the SQL steps that come after those outside, as if these had succeeded.
  void rehearse(postgres::Transaction& transaction, const Subjects& subjects,
                std::vector<StepChanges>& changes) const;

  /// Carries out the step and all that follow it. Subjects that fail are in quarantine afterwards.
  /// Throws when the pass is over, its lock is lost or nothing can be journaled.
  void go_on(Underway underway, std::size_t step);
  /// Carries out what earlier passes, or processes that died, left owing; not to subjects in
  /// quarantine. `leave` takes out of a page what is not this pass's.
  void resume(const std::function<void(std::vector<journal::Owed>&)>& leave, bool counted = false);
  /// After the one transaction of a limited pass, which has changed `corrected` and counted them.
  void go_on_after(Listing& listing, const std::set<std::string>& corrected);

  /// At the end of a pass that began then and did all: forgets what was last done for subjects that
  /// are no longer found (`gone` of those in quarantine), or long ago, so that another time is
  /// another inconsistency.
  void forget(const std::vector<std::string>& gone, std::int64_t began_us) const;

 private:
  /// A step outside, and whether it has succeeded, so that the SQL after it is what comes next.
  using Place = std::pair<std::size_t, bool>;
  /// Subjects that go on together; each stands in it once.
  struct Group {
    explicit Group(std::size_t width) : underway(width) {}
    Underway underway;
    std::set<std::string> keys;
  };

  /// A step that is to act, and for which of the subjects.
  struct DueStep {
    const OutsideStep* step;
    std::vector<bool> rows;
  };

  bool is_plan() const { return state_.context().journal == nullptr; }
  std::vector<const OutsideStep*> changing_from(std::size_t stage) const;
  std::vector<bool> due_rows(const OutsideStep& step, const Subjects& subjects) const;
  std::vector<DueStep> due_from(std::size_t stage, const Subjects& subjects) const;
  std::optional<std::int64_t> planned_number(const Underway::Subject& subject,
                                             std::size_t step) const;
  void note_place(Underway& underway, std::size_t step) const;
  Subjects read_again(const Subjects& chunk) const;
  Subjects whole(const OwedRow& row) const;
  Underway call_all(Underway& underway, std::size_t step);
  void take_sql(Underway underway, std::size_t step);
  void carry_out(const std::vector<journal::Owed>& page, bool counted);
  std::optional<Place> place_of(const journal::Owed& owed, const OwedRow& row) const;
  void give_up(const journal::Owed& owed, const std::string& title) const;

  PassState& state_;
  const std::vector<std::unique_ptr<const OutsideStep>>& steps_;
};

}  // namespace converge::engine
