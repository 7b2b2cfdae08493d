#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/condition_text.h"
#include "src/cli/detail_text.h"
#include "src/cli/narrow_table.h"
#include "src/cli/output.h"
#include "src/cli/situation.h"

#include <fmt/core.h>

#include <string>
#include <utility>
#include <vector>

namespace converge::cli {

namespace {

Table::Cell owed_cell(const engine::Owing& owing) {
  const auto owed = owing.subjects + owing.unknown;
  return {owed == 0 ? "-" : fmt::format("{}", owed),
          owing.needs_person ? Style::bad : Style::plain};
}

std::vector<Table::Cell> row(const Converger& one) {
  const auto quarantined = one.condition.quarantined;
  return {{printable(one.name), Style::strong},
          {one.schedule},
          {one.condition.state, style_of_state(one.condition.state)},
          {quarantined == 0 ? "-" : fmt::format("{}", quarantined),
           quarantined == 0 ? Style::plain : Style::bad},
          owed_cell(one.condition.owing),
          {time_or_dash(one.last_pass_us)},
          {printable(one.last_outcome), one.last_outcome == "failed" ? Style::bad : Style::plain},
          {time_or_dash(one.last_correction_us)}};
}

void print_table(const Situation& now) {
  Rows table;
  table.push_back({{"NAME", Style::faint},
                   {"SCHEDULE", Style::faint},
                   {"STATE", Style::faint},
                   {"QUARANTINE", Style::faint},
                   {"OWED", Style::faint},
                   {"LAST PASS", Style::faint},
                   {"OUTCOME", Style::faint},
                   {"LAST CORRECTION", Style::faint}});
  for (const Converger& one : now.convergers) table.push_back(row(one));
  for (const Unusable& one : now.unusable) {
    table.push_back({{printable(one.name), Style::strong},
                     {"-"},
                     {std::string(one.state()), style_of_state(one.state())},
                     {"-"},
                     owed_cell(one.owing),
                     {"-"},
                     {"-"},
                     {"-"}});
  }
  print(fitted_table(std::move(table), terminal_columns()));
}

int list(const Common& common) {
  const Situation now = look_around(config::load(common.flags));
  if (common.json()) {
    for (const Converger& one : now.convergers) print(converger_json(one, now.state).line());
    for (const Unusable& one : now.unusable) print(unusable_json(one).line());
  } else {
    print_table(now);
  }
  for (const auto& broken : now.registry.broken) print_error(broken.error);
  for (const Converger& one : now.convergers) {
    for (const auto& notice : notices_of(one)) print_notice(notice);
  }
  for (const Unusable& one : now.unusable) {
    for (const auto& notice : notices_of(printable(one.name), one.owing)) print_notice(notice);
  }
  return now.registry.broken.empty() ? kDone : kFailed;
}

}  // namespace

std::function<int()> define_list(CLI::App& /*app*/, const Common& common) {
  return [&common] { return list(common); };
}

}  // namespace converge::cli
