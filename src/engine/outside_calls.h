#pragma once

#include "journal/journal.h"
#include "src/engine/pass_state.h"
#include "src/engine/underway.h"

#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace converge::engine {

/// How a step outside the database went for one subject.
enum class Fate {
  not_due,      ///< It does not act for this subject.
  done_before,  ///< It acts for those that are found, and has, within its `repeat`.
  succeeded,
  failed,  ///< The subject is in quarantine.
  left,    ///< The pass was over before its turn came, or before it had an answer.
};

/// The idempotency key of a step, by its title, for what is owed under `key`: the same wherever the
/// step stands in later versions of the definition.
std::string attempt_key(const std::string& key, const OutsideStep& step);

/// Whether it succeeded less than `repeat` ago.
bool is_recent(const std::optional<journal::LastOutside>& last, std::chrono::milliseconds repeat);

/// The attempts of one step outside for the subjects of a chunk, as many at once as the pass may
/// have. Each has its entry in the journal before anything is sent.
class OutsideCalls {
 public:
  OutsideCalls(PassState& state, std::size_t step, Underway& underway);

  /// Of each subject, by row. Throws when the lock of the pass is lost or nothing can be journaled.
  std::vector<Fate> run();

 private:
  void choose();
  void work();
  Fate attempt(std::size_t row);
  /// One attempt, with its entry and its outcome in the journal.
  Answer call(const SubjectRow& subject, const journal::Attempt& attempt, bool fresh_connection);
  void tell_failure(std::size_t row, const Error& error, const std::string& status,
                    std::optional<std::chrono::milliseconds> retry_after);
  std::string key_for(std::size_t row) const;

  PassState& state_;
  const OutsideStep& step_;
  Underway& underway_;
  std::vector<Fate> fates_;
  std::vector<std::optional<journal::LastOutside>> last_;  ///< By row, of a step for found ones.
  std::vector<std::size_t> rows_;                          ///< Those to act for.
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;  ///< Of the error.
  std::exception_ptr error_;
};

}  // namespace converge::engine
