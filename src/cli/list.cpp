#include "convergers/registry.h"
#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/condition_text.h"
#include "src/cli/history.h"
#include "src/cli/output.h"

#include <fmt/core.h>

namespace converge::cli {

namespace {

std::vector<Table::Cell> row(const engine::Profile& profile, const engine::Condition& condition,
                             const journal::State& state) {
  const auto found = state.last_passes.find(profile.name);
  const bool ran = found != state.last_passes.end();
  const std::string outcome = ran ? found->second.outcome : "-";
  return {{profile.name, Style::strong},
          {engine::schedule_text(profile.settings)},
          {condition.state, style_of_state(condition.state)},
          {condition.quarantined == 0 ? "-" : fmt::format("{}", condition.quarantined),
           condition.quarantined == 0 ? Style::plain : Style::bad},
          {time_or_dash(ran ? found->second.time_us : 0)},
          {outcome, outcome == "failed" ? Style::bad : Style::plain},
          {time_or_dash(ran ? found->second.correction_us : 0)}};
}

void print_json(const convergers::Registry& registry, const journal::State& state,
                std::int64_t now_us) {
  for (const auto& converger : registry.convergers) {
    const engine::Profile& profile = converger->profile();
    const auto condition = engine::condition_of(profile.settings, profile.name, state, now_us);
    print(converger_json(profile, condition, state).line());
  }
  for (const auto& broken : registry.broken) print(broken_json(broken).line());
}

void print_table(const convergers::Registry& registry, const journal::State& state,
                 std::int64_t now_us) {
  Table table;
  table.add({{"NAME", Style::faint},
             {"SCHEDULE", Style::faint},
             {"STATE", Style::faint},
             {"QUARANTINE", Style::faint},
             {"LAST PASS", Style::faint},
             {"OUTCOME", Style::faint},
             {"LAST CORRECTION", Style::faint}});
  for (const auto& converger : registry.convergers) {
    const engine::Profile& profile = converger->profile();
    table.add(
        row(profile, engine::condition_of(profile.settings, profile.name, state, now_us), state));
  }
  for (const auto& broken : registry.broken) {
    table.add({{printable(broken.name), Style::strong},
               {"-"},
               {"broken", style_of_state("broken")},
               {"-"},
               {"-"},
               {"-"},
               {"-"}});
  }
  print(table.take());
}

int list(const Common& common) {
  const config::Config config = config::load(common.flags);
  const convergers::Registry registry = convergers::load_registry(config.convergers);
  const journal::State state = remember(config.journal);
  const auto now_us = wall_time_us();
  if (common.json()) {
    print_json(registry, state, now_us);
  } else {
    print_table(registry, state, now_us);
  }
  for (const auto& broken : registry.broken) print_error(broken.error);
  for (const auto& converger : registry.convergers) {
    const engine::Profile& profile = converger->profile();
    const auto notice = notice_of(
        profile.name, engine::condition_of(profile.settings, profile.name, state, now_us));
    if (!notice.empty()) print_notice(notice);
  }
  return registry.broken.empty() ? kDone : kFailed;
}

}  // namespace

std::function<int()> define_list(CLI::App& /*app*/, const Common& common) {
  return [&common] { return list(common); };
}

}  // namespace converge::cli
