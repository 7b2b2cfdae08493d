#pragma once

#include "src/base/spool.h"
#include "src/engine/pass_state.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace converge::engine {

enum class LimitVerdict {
  within,    ///< Everything was corrected and committed, or nothing was to be.
  exceeded,  ///< More than the limit allows, and not the set that was released: rolled back.
};

/// A set of inconsistencies that a person let through.
struct ReleasedSet {
  std::string digest;
  std::int64_t size = 0;
};

/// Converges all subjects of a listing in one transaction, which is rolled back as soon as more
/// than `allowed` of them are inconsistent. A chunk that fails is retried in halves between
/// savepoints, so that a bad subject stands alone.
class LimitedPass {
 public:
  /// With `released`, the set with exactly that digest may pass; another one only within the limit.
  LimitedPass(PassState& state, Listing& listing, std::int64_t allowed,
              std::optional<ReleasedSet> released)
      : state_(state), listing_(listing), allowed_(allowed), released_(std::move(released)) {}

  /// Once; what was in the way of nobody's fault is tried again. After `exceeded`, the state has
  /// counted what was evaluated so far, and the listing stands behind it.
  LimitVerdict run();
  /// After `within`: the subjects that were changed, at most as many as may pass.
  std::set<std::string> corrected();

 private:
  LimitVerdict run_once();
  void tell_failures();
  bool converge_chunks(postgres::Transaction& transaction, bool fresh);
  void converge_part(postgres::Transaction& transaction, const Subjects& chunk, bool fresh);
  bool attempt(postgres::Transaction& transaction, const Subjects& chunk, bool fresh);
  /// More than may pass: it cannot be the released set any more either.
  bool over() const {
    return state_.inconsistencies() > std::max(allowed_, released_ ? released_->size : 0);
  }
  void commit(postgres::Transaction& transaction);

  PassState& state_;
  Listing& listing_;
  std::int64_t allowed_;
  std::optional<ReleasedSet> released_;
  std::optional<Spool> records_;
  std::optional<Spool> failures_;
};

}  // namespace converge::engine
