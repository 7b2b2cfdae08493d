#include "src/engine/converger.h"

#include <algorithm>

namespace converge::engine {

namespace {

constexpr std::chrono::minutes kTrusted{1};

}  // namespace

bool Converger::inspect_if_due(postgres::Session& session) {
  const auto now = Clock::now();
  if (inspected_ && now - *inspected_ < kTrusted) return false;
  inspected_.reset();  // Until it has succeeded.
  inspect(session);
  inspected_ = now;
  return true;
}

bool Converger::is_right(postgres::Session& session, const Subjects& subjects) const {
  postgres::Transaction transaction(session);
  const bool right = !any_rows(converge(transaction, subjects));
  transaction.rollback();
  return right;
}

std::optional<Converged> Converger::find_and_converge(postgres::Transaction& /*transaction*/,
                                                      const Subjects& /*keys*/) const {
  return std::nullopt;
}

bool any_rows(const std::vector<StepChanges>& changes) {
  return std::any_of(changes.begin(), changes.end(),
                     [](const StepChanges& step) { return !step.rows.empty(); });
}

}  // namespace converge::engine
