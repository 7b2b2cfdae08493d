#include "convergers/sample_rows.h"
#include "src/base/text.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace converge::convergers {

namespace {

std::string insert_text(const SampleRow& row) {
  std::string text;
  for (const std::string& gap : row.gaps) {
    text += fmt::format("-- TODO {} needs {}.\n", printable(row.table->text), printable(gap));
  }
  std::vector<std::string> columns;
  std::vector<std::string> values;
  bool overrides = false;
  for (const SampleRow::Cell& cell : row.cells) {
    columns.push_back(cell.column->text);
    values.push_back(cell.value);
    overrides = overrides || cell.column->is_identity;
  }
  if (columns.empty())
    return text + fmt::format("insert into {} default values;\n", row.table->text);
  return text + fmt::format("insert into {} ({}){}\nvalues ({});\n", row.table->text,
                            fmt::join(columns, ", "), overrides ? " overriding system value" : "",
                            fmt::join(values, ", "));
}

/// The condition that finds the row again.
std::string is_row(const SampleRow& row, const std::vector<std::string>& columns) {
  std::string text;
  for (const std::string& name : columns) {
    const auto* cell = row.find(name);
    if (cell == nullptr) continue;
    text += fmt::format("{}{} = {}", text.empty() ? "" : " and ", cell->column->text, cell->value);
  }
  return text.empty() ? "true" : text;
}

/// As an expectation has it: in quotes where it has a comma or begins with one.
std::string word(const std::string& text) {
  const bool is_plain = text.find(',') == std::string::npos && !text.starts_with('\'');
  return is_plain && !text.empty() ? text : postgres::quote_literal(text);
}

/// That the row has the flag.
std::string question(const DraftPlan& plan, const DraftStep& step, const SampleRow& row) {
  const Table& table = *row.table;
  const Column& flag = *table.find(plan.flag.name);
  const auto& columns = table.key.empty() ? step.branch->path.back()->columns : table.key;
  return fmt::format("-- then:\nselect count(*) from {} where {} and {};\n-- is:\n--   1\n",
                     table.text, is_row(row, columns), is_set(flag, flag.text));
}

}  // namespace

std::string draft_test(const DraftPlan& plan, postgres::Session& session) {
  std::vector<SampleRow> rows = sample_rows(plan);
  check_rows(rows, session);
  const auto first = std::find_if(rows.begin(), rows.end(),
                                  [&](const SampleRow& row) { return row.table == &plan.root; });
  const std::string subject = word(key_of(*first, plan, session));
  const std::string value = plan.flag.is_boolean() ? "true"
                            : plan.flag.is_time()
                                ? "now()"
                                : sample_value(plan.flag).value_or("null /* TODO */");
  std::string text =
      "-- A draft: the rows have what may not be left out. Make them like yours.\n\n-- given:\n";
  for (const SampleRow& row : rows) text += insert_text(row);
  text += fmt::format(
      "\n-- case: the flag reaches what belongs to the row\n-- given:\n"
      "update {} set {} = {} where {};\n",
      plan.root.text, plan.flag.text, value, is_row(*first, plan.root.key));
  std::string then;
  for (const DraftStep& step : plan.steps) {
    text += fmt::format("-- expect: subject {}, step {}, {}\n", subject, word(step.title),
                        step.is_of_root() ? "2 changes" : "1 change");
    for (const SampleRow& row : rows) {
      if (row.table == step.branch->table && &row != &*first) then += question(plan, step, row);
    }
  }
  return text + then +
         "\n-- case: what belongs to a row without the flag stays as it is\n-- expect: nothing\n";
}

}  // namespace converge::convergers
