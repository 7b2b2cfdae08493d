#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/condition_text.h"
#include "src/cli/detail_text.h"
#include "src/cli/output.h"
#include "src/cli/situation.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
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
          {one.last_outcome, one.last_outcome == "failed" ? Style::bad : Style::plain},
          {time_or_dash(one.last_correction_us)}};
}

using Rows = std::vector<std::vector<Table::Cell>>;

std::size_t width_of(const Rows& rows, std::size_t column) {
  std::size_t widest = 0;
  for (const auto& row : rows) widest = std::max(widest, row[column].text.size());
  return widest;
}

std::size_t width_of(const Rows& rows) {
  constexpr std::size_t kGap = 2;
  std::size_t width = 0;
  for (std::size_t column = 0; column < rows.front().size(); ++column) {
    width += width_of(rows, column) + (column == 0 ? 0 : kGap);
  }
  return width;
}

/// For a terminal that is narrower than the table: without columns that say nothing of anybody, and
/// with the time of day alone where that is today's, and without the channels of schedules.
void make_narrow(Rows& rows) {
  const auto says_nothing = [&](std::size_t column) {
    return std::all_of(rows.begin() + 1, rows.end(),
                       [&](const auto& row) { return row[column].text == "-"; });
  };
  for (std::size_t column = rows.front().size() - 1; column > 0; --column) {
    if (!says_nothing(column)) continue;
    for (auto& row : rows) row.erase(row.begin() + static_cast<std::ptrdiff_t>(column));
  }
  const std::string now = format_local(wall_time_us());
  const auto today = now.substr(0, now.find(' ') + 1);
  for (auto& row : rows) {
    for (auto& cell : row) {
      const bool is_time = cell.text.size() == now.size() && cell.text.starts_with(today);
      if (is_time) cell.text.erase(0, today.size());
      if (cell.text.starts_with("every "))
        cell.text.resize(std::min(cell.text.size(), cell.text.find(',')));
    }
  }
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
  if (width_of(table) > terminal_columns()) make_narrow(table);
  Table aligned;
  for (auto& row : table) aligned.add(std::move(row));
  print(aligned.take());
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
