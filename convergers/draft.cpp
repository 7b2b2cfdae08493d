#include "convergers/draft.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace converge::convergers {

namespace {

/// A title has at most 100 characters; two names may have more.
std::string title_of(const Branch& branch, const Column& flag, std::size_t number) {
  std::string title = printable(fmt::format("set {} of {}", flag.text, branch.table->text));
  if (title.size() > 100) title = fmt::format("set the flag of table {}", number);
  return title;
}

std::string label_of(const Table& table) {
  constexpr std::array kLabels = {"email", "name",  "title", "slug",         "username",
                                  "login", "label", "code",  "display_name", "full_name"};
  for (const char* name : kLabels) {
    const Column* column = table.find(name);
    if (column != nullptr && column->category == 'S') return column->text;
  }
  return {};
}

/// Whether no value of it, as text, has a slash in it, nor looks otherwise under other settings.
bool is_without_slash(const Column& column) {
  constexpr std::uint32_t kUuid = 2950;
  return column.category == 'N' || column.category == 'B' || column.base_type == kUuid;
}

/// One text for each value of a key of several columns, and another for another value, whatever the
/// settings of the session: `1/2` where at most one column may have a slash of its own, else a JSON
/// array, as that quotes texts and knows but one style of dates.
std::string key_expression(const Table& root) {
  constexpr std::uint32_t kTimestampTz = 1184;
  const auto with_slash =
      std::count_if(root.key.begin(), root.key.end(),
                    [&](const std::string& name) { return !is_without_slash(*root.find(name)); });
  const auto is_text = [&](const std::string& name) {
    return is_without_slash(*root.find(name)) || root.find(name)->category == 'S';
  };
  std::string text;
  if (with_slash <= 1 && std::all_of(root.key.begin(), root.key.end(), is_text)) {
    for (const std::string& name : root.key) {
      text += (text.empty() ? "" : " || '/' || ") + root.find(name)->text + "::text";
    }
    return text;
  }
  for (const std::string& name : root.key) {
    const Column& column = *root.find(name);
    text += (text.empty() ? "" : ", ") + column.text;
    if (column.base_type == kTimestampTz) text += " at time zone 'UTC'";
  }
  return "jsonb_build_array(" + text + ")::text";
}

SubjectColumns subject_columns(const Table& root) {
  SubjectColumns subject{.key = {}, .expression = {}, .label = label_of(root)};
  if (root.key.size() == 1) {
    subject.key = subject.expression = root.find(root.key.front())->text;
  } else {
    subject.key = "subject_key";
    subject.expression = key_expression(root);
  }
  if (subject.label == subject.key || root.find("label") != nullptr) {
    if (subject.label != "label") subject.label.clear();
  }
  return subject;
}

void require_flag(const Table& root, const Column& flag) {
  if (root.key.empty()) {
    throw Error(
        ErrorKind::usage,
        fmt::format("{} has no primary key, so its rows cannot be subjects", printable(root.text)),
        "Add a primary key, or a unique index on columns that are never null.");
  }
  if (flag.is_computed) {
    throw Error(ErrorKind::usage,
                fmt::format("{} of {} is generated, so nobody can set it", printable(flag.text),
                            printable(root.text)),
                "Name a column that it is computed from, and that an operator sets.");
  }
  if (flag.is_nullable || flag.is_boolean()) return;
  throw Error(ErrorKind::usage,
              fmt::format("{} of {} is never null, so nothing tells when it is set",
                          printable(flag.text), printable(root.text)),
              "Name a column that is null until somebody sets it, or a boolean.");
}

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool has_predicate(const Index& index, const std::string& predicate) {
  const std::string text = lowered(index.predicate);
  return text == lowered(predicate) || text == "(" + lowered(predicate) + ")";
}

/// Whether an index begins with these columns, in any order.
bool begins_with(const Index& index, const std::vector<std::string>& columns) {
  return index.columns.size() >= columns.size() &&
         std::is_permutation(columns.begin(), columns.end(), index.columns.begin());
}

bool has_index(const Table& table, const std::vector<std::string>& columns,
               const std::string& predicate) {
  return std::any_of(table.indexes.begin(), table.indexes.end(), [&](const Index& index) {
    return begins_with(index, columns) &&
           (index.predicate.empty() || (!predicate.empty() && has_predicate(index, predicate)));
  });
}

std::string create_index(const Table& table, const std::string& columns,
                         const std::string& predicate) {
  // The server makes an index of a partitioned table only in one go.
  return fmt::format("create index{} on {} ({}){}", table.is_partitioned ? "" : " concurrently",
                     table.text, columns, predicate.empty() ? "" : " where " + predicate);
}

/// What find reads the flagged rows by.
void require_find_index(const DraftPlan& plan, std::vector<MissingIndex>& missing) {
  const std::string predicate = is_set(plan.flag, plan.flag.text);
  if (plan.flag.is_time()) {
    if (has_index(plan.root, {plan.flag.name}, predicate)) return;
    missing.push_back({nullptr, create_index(plan.root, plan.flag.text, predicate)});
    return;
  }
  const bool is_there =
      std::any_of(plan.root.indexes.begin(), plan.root.indexes.end(),
                  [&](const Index& index) { return has_predicate(index, predicate); });
  if (is_there) return;
  missing.push_back(
      {nullptr, create_index(plan.root, column_list(plan.root, plan.root.key), predicate)});
}

/// Whether some step only passes through the table, whatever the flag of its rows says.
bool is_passed_through(const DraftPlan& plan, const ForeignKey& key) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [&](const DraftStep& step) {
    const auto& path = step.branch->path;
    return std::find(path.begin(), path.end() - 1, &key) != path.end() - 1;
  });
}

[[noreturn]] void refuse_without_steps(const DraftPlan& plan) {
  std::string hint = "No foreign key leads to it; write the definition by hand.";
  if (!plan.branches.empty()) {
    hint = "Write the definition by hand. What refers to it:";
    for (const Branch& branch : plan.branches) hint += " " + printable(branch.table->text);
  }
  throw Error(ErrorKind::usage,
              fmt::format("no table that refers to {} bears {}", printable(plan.root.text),
                          printable(plan.flag.text)),
              hint);
}

std::string missing_warning(const MissingIndex& missing) {
  const std::string what =
      missing.branch == nullptr ? "find" : "the way to " + printable(missing.branch->table->text);
  return fmt::format("{} lacks an index and would scan a table on every pass; it helps to run: {}",
                     what, printable(missing.statement));
}

}  // namespace

const ForeignKey* DraftPlan::own_key() const {
  const auto found = std::find_if(steps.begin(), steps.end(),
                                  [](const DraftStep& step) { return step.is_of_root(); });
  return found == steps.end() ? nullptr : found->branch->path.front();
}

DraftPlan plan_draft(const ForeignKeys& keys, const std::string& flag, const std::string& name) {
  const Table& root = keys.tables.at(keys.root);
  const Column& column = *root.find(flag);
  require_flag(root, column);
  DraftPlan plan{.keys = keys,
                 .root = root,
                 .flag = column,
                 .name = name,
                 .subject = subject_columns(root),
                 .branches = walk(keys, column),
                 .steps = {}};
  for (const Branch& branch : plan.branches) {
    if (!branch.bears_flag) continue;
    plan.steps.push_back({title_of(branch, column, plan.steps.size() + 1), &branch});
  }
  return plan;
}

std::vector<MissingIndex> missing_indexes(const DraftPlan& plan) {
  std::vector<MissingIndex> missing;
  require_find_index(plan, missing);
  for (const DraftStep& step : plan.steps) {
    for (const ForeignKey* key : step.branch->path) {
      const Table& table = plan.keys.tables.at(key->from);
      const Column* flag = table.find(plan.flag.name);
      const bool is_last =
          key == step.branch->path.back() && !step.is_of_root() && !is_passed_through(plan, *key);
      const std::string predicate = is_last ? is_unset(*flag, flag->text) : "";
      if (has_index(table, key->columns, predicate)) continue;
      const std::string statement =
          create_index(table, column_list(table, key->columns), predicate);
      const bool is_told =
          std::any_of(missing.begin(), missing.end(),
                      [&](const MissingIndex& other) { return other.statement == statement; });
      if (!is_told) missing.push_back({step.branch, statement});
    }
  }
  return missing;
}

Draft draft(const ForeignKeys& keys, const std::string& flag, const std::string& name,
            postgres::Session& session) {
  const DraftPlan plan = plan_draft(keys, flag, name);
  if (plan.steps.empty()) refuse_without_steps(plan);
  Draft result{
      .definition = draft_definition(plan), .test = draft_test(plan, session), .warnings = {}};
  if (!plan.flag.is_time()) {
    result.warnings.push_back(
        fmt::format("{} is no time, so find has no horizon: each pass looks at every row that was "
                    "ever flagged",
                    printable(plan.flag.text)));
  }
  for (const Branch& branch : plan.branches) {
    if (branch.bears_flag) continue;
    result.warnings.push_back(fmt::format(
        "{} refers to {} and {}: decide what becomes of its rows", printable(branch.table->text),
        printable(keys.tables.at(branch.path.back()->to).text), printable(branch.why_not)));
  }
  for (const MissingIndex& missing : missing_indexes(plan)) {
    result.warnings.push_back(missing_warning(missing));
  }
  if (result.test.find("-- TODO ") != std::string::npos) {
    result.warnings.emplace_back("the test fails until its lines with TODO have your values");
  }
  return result;
}

}  // namespace converge::convergers
