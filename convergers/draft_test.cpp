#include "convergers/sample_rows.h"
#include "src/base/text.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace converge::convergers {

namespace {

const SampleRow& row_of(const std::vector<SampleRow>& rows, const Table& table) {
  return *std::find_if(rows.begin(), rows.end(),
                       [&](const SampleRow& row) { return row.table == &table; });
}

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
    values.push_back(cell.value.literal);
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
    text += fmt::format("{}{} = {}", text.empty() ? "" : " and ", cell->column->text,
                        cell->value.literal);
  }
  return text.empty() ? "true" : text;
}

std::string subject_text(const SampleRow& root) {
  std::string text;
  for (const std::string& name : root.table->key) {
    text += (text.empty() ? "" : "/") + root.find(name)->value.text;
  }
  return text;
}

/// As an expectation has it: in quotes where it has a comma or begins with one.
std::string word(const std::string& text) {
  const bool is_plain = text.find(',') == std::string::npos && !text.starts_with('\'');
  return is_plain && !text.empty() ? text : postgres::quote_literal(text);
}

}  // namespace

std::string draft_test(const DraftPlan& plan, postgres::Session& session) {
  std::vector<SampleRow> rows = sample_rows(plan);
  check_rows(rows, session);
  const SampleRow& root = row_of(rows, plan.root);
  const auto other = sample_value(plan.flag);
  const std::string value = plan.flag.is_boolean() ? "true"
                            : plan.flag.is_time()  ? "now()"
                            : other                ? other->literal
                                                   : "null /* TODO */";
  std::string text =
      "-- A draft: the rows have what may not be left out. Make them like yours.\n\n-- given:\n";
  for (const SampleRow& row : rows) text += insert_text(row);
  text += fmt::format(
      "\n-- case: the flag reaches what belongs to the row\n-- given:\n"
      "update {} set {} = {} where {};\n",
      plan.root.text, plan.flag.text, value, is_row(root, plan.root.key));
  std::string then;
  for (const DraftStep& step : plan.steps) {
    const Table& table = *step.branch->table;
    if (&table == &plan.root) continue;  // There is no second row of it.
    text += fmt::format("-- expect: subject {}, step {}, 1 change\n", word(subject_text(root)),
                        word(step.title));
    const Column& flag = *table.find(plan.flag.name);
    then += fmt::format("-- then:\nselect count(*) from {} where {} and {};\n-- is:\n--   1\n",
                        table.text,
                        is_row(row_of(rows, table),
                               table.key.empty() ? step.branch->path.back()->columns : table.key),
                        is_set(flag, flag.text));
  }
  if (then.empty()) text += "-- expect: nothing\n";
  return text + then +
         "\n-- case: what belongs to a row without the flag stays as it is\n-- expect: nothing\n";
}

}  // namespace converge::convergers
