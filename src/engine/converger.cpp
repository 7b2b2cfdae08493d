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

const std::vector<std::unique_ptr<const OutsideStep>>& Converger::outside() const {
  static const std::vector<std::unique_ptr<const OutsideStep>> none;
  return none;
}

bool Converger::is_right(postgres::Session& session, const Subjects& subjects,
                         StepRange steps) const {
  postgres::Transaction transaction(session);
  const bool right = !any_rows(converge(transaction, subjects, steps));
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

StepRange steps_before(const Converger& converger, std::size_t outside) {
  const auto& all = converger.outside();
  const auto after = [&](std::size_t step) { return all[step]->settings().after; };
  return {.first = outside == 0 ? 0 : after(outside - 1),
          .end = outside < all.size() ? after(outside) : converger.profile().steps.size()};
}

}  // namespace converge::engine
