#include "src/cli/planning.h"

#include "journal/reader.h"
#include "src/base/clock.h"
#include "src/engine/owed_plan.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>

namespace converge::cli {
namespace {

std::unique_ptr<journal::Reader> reader_of(const config::Config& config) {
  std::error_code error;
  if (!std::filesystem::exists(config.journal, error)) return nullptr;
  return std::make_unique<journal::Reader>(config.journal);
}

std::optional<engine::OwedPlan> plan_of(engine::Converger& converger, postgres::Pool& pool) {
  try {
    return std::optional<engine::OwedPlan>(std::in_place, converger, pool);
  } catch (const Error&) {
    return std::nullopt;  // The pass meets it as well.
  }
}

}  // namespace

void remember_for_plan(engine::PassContext& context, const config::Config& config,
                       const std::string& name) {
  const std::shared_ptr<journal::Reader> reader = reader_of(config);
  if (!reader) return;
  context.quarantined = reader->state().quarantined;
  std::erase_if(context.quarantined, [&](const auto& one) { return one.converger != name; });
  context.last_outside = [reader, name](const std::string& title, const auto& keys) {
    return reader->last_outside(name, title, keys);
  };
}

std::int64_t plan_owed(engine::Converger& converger, const engine::PassContext& context,
                       const config::Config& config, PassPrinter& printer) {
  const auto reader = reader_of(config);
  const std::string& name = converger.profile().name;
  if (!reader || !reader->state().owed.contains(name)) return 0;
  auto plan = plan_of(converger, context.pool);
  if (!plan) return 0;
  const std::set<std::string> named(context.subjects.begin(), context.subjects.end());
  std::set<std::string> waiting;
  for (const auto& one : context.quarantined) {
    if (one.next_us > wall_time_us()) waiting.insert(one.subject);
  }
  std::int64_t subjects = 0;
  reader->owed(name, [&](const journal::Owed& owed) {
    if (named.empty() ? waiting.contains(owed.subject) : !named.contains(owed.subject)) return;
    printer.owed(owed, [&] { return plan->detail(owed); });
    ++subjects;
  });
  printer.end_of_owed();
  return subjects;
}

}  // namespace converge::cli
