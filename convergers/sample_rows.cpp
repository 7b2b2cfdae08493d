#include "convergers/sample_rows.h"

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/postgres/transaction.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace converge::convergers {

namespace {

constexpr std::uint32_t kBytea = 17;
constexpr std::uint32_t kJson = 114;
constexpr std::uint32_t kUuid = 2950;
constexpr std::uint32_t kJsonb = 3802;

constexpr std::uint32_t kDate = 1082;
constexpr std::uint32_t kTime = 1083;
constexpr std::uint32_t kTimestampTz = 1184;
constexpr std::uint32_t kTimeTz = 1266;

std::string sample_text(const Column& column, int number) {
  const std::string suffix = number == 1 ? "" : std::to_string(number);
  if (column.name.find("mail") != std::string::npos) return "test" + suffix + "@example.com";
  const auto length = column.type.find('(');
  const bool is_short = length != std::string::npos && column.type.find(')') - length < 3;
  if (is_short) return fmt::format("{}", static_cast<char>('w' + number));
  return "test" + suffix;
}

std::string sample_number(const Column& column, int number) {
  const bool is_wide = column.base_type == postgres::kInt4 || column.base_type == postgres::kInt8;
  return std::to_string((is_wide ? 1'000'000 : 0) + number);
}

/// The same on each day, as a key must be that is expected.
std::string sample_time(const Column& column, int number) {
  if (column.base_type == kTime || column.base_type == kTimeTz) {
    return fmt::format("0{}:00:00", number);
  }
  std::string text = fmt::format("2020-01-0{}", number);
  if (column.base_type != kDate) text += " 00:00:00";
  return column.base_type == kTimestampTz ? text + "+00" : text;
}

bool is_whole(const Table& table, const ForeignKey& key) {
  return std::none_of(key.columns.begin(), key.columns.end(),
                      [&](const std::string& name) { return table.find(name)->is_nullable; });
}

/// The foreign keys that rows of the test are given: those of the steps' paths, and those that may
/// not be null.
std::vector<const ForeignKey*> used_keys(const DraftPlan& plan) {
  std::set<std::uint32_t> tables = {plan.keys.root};
  std::set<const ForeignKey*> used;
  for (const DraftStep& step : plan.steps) {
    for (const ForeignKey* key : step.branch->path) {
      if (key->from == plan.keys.root) continue;
      tables.insert(key->from);
      used.insert(key);
    }
  }
  for (bool grows = true; grows;) {
    grows = false;
    for (const ForeignKey& key : plan.keys.keys) {
      if (!tables.contains(key.from) || !is_whole(plan.keys.tables.at(key.from), key)) continue;
      const bool is_new = used.insert(&key).second;
      grows = tables.insert(key.to).second || is_new || grows;
    }
  }
  return {used.begin(), used.end()};
}

std::vector<std::uint32_t> parents_first(const DraftPlan& plan,
                                         const std::vector<const ForeignKey*>& used) {
  std::vector<std::uint32_t> waiting = {plan.keys.root};
  for (const ForeignKey* key : used) {
    for (const std::uint32_t table : {key->to, key->from}) {
      if (std::find(waiting.begin(), waiting.end(), table) == waiting.end()) {
        waiting.push_back(table);
      }
    }
  }
  std::sort(waiting.begin(), waiting.end(), [&](std::uint32_t a, std::uint32_t b) {
    return plan.keys.tables.at(a).text < plan.keys.tables.at(b).text;
  });
  std::vector<std::uint32_t> order;
  while (!waiting.empty()) {
    auto next = std::find_if(waiting.begin(), waiting.end(), [&](std::uint32_t table) {
      return std::none_of(used.begin(), used.end(), [&](const ForeignKey* key) {
        return key->from == table && key->to != table &&
               std::find(waiting.begin(), waiting.end(), key->to) != waiting.end();
      });
    });
    if (next == waiting.end()) next = waiting.begin();
    order.push_back(*next);
    waiting.erase(next);
  }
  return order;
}

/// The value by which the row that a column refers to is known.
std::optional<std::string> referred_value(const std::vector<SampleRow>& rows, const Table& table,
                                          const ForeignKey& key, std::size_t place) {
  if (key.to == table.oid) return sample_value(*table.find(key.referenced[place]));
  for (const SampleRow& row : rows) {
    if (row.table->oid != key.to) continue;
    const auto* cell = row.find(key.referenced[place]);
    if (cell != nullptr) return cell->value;
  }
  return std::nullopt;
}

/// Makes rows of one table, given those that they refer to.
class RowMaker {
 public:
  RowMaker(const DraftPlan& plan, const std::vector<const ForeignKey*>& used)
      : plan_(plan), used_(used) {}

  SampleRow make(const Table& table, const std::vector<SampleRow>& rows) const {
    return make(table, rows, {.table = &table, .cells = {}, .gaps = {}}, 1);
  }
  /// One of the root that is below another.
  SampleRow make_below(const SampleRow& above, int number,
                       const std::vector<SampleRow>& rows) const {
    const ForeignKey& own = *plan_.own_key();
    SampleRow row{.table = &plan_.root, .cells = {}, .gaps = {}};
    for (std::size_t i = 0; i < own.columns.size(); ++i) {
      const auto* cell = above.find(own.referenced[i]);
      add(row, own.columns[i], cell == nullptr ? std::nullopt : std::optional(cell->value));
    }
    return make(plan_.root, rows, std::move(row), number);
  }

 private:
  void add(SampleRow& row, const std::string& name, const std::optional<std::string>& value) const {
    if (row.find(name) != nullptr) return;
    const Column& column = *row.table->find(name);
    if (!value) row.gaps.push_back(fmt::format("a value of {} {}", column.text, column.type));
    row.cells.push_back({&column, value.value_or("null")});
  }

  SampleRow make(const Table& table, const std::vector<SampleRow>& rows, SampleRow row,
                 int number) const {
    std::set<std::string> wanted(table.key.begin(), table.key.end());
    if (table.oid == plan_.keys.root && plan_.own_key() != nullptr) {
      wanted.insert(plan_.own_key()->referenced.begin(), plan_.own_key()->referenced.end());
    }
    for (const ForeignKey* key : used_) {
      if (key->to == table.oid) wanted.insert(key->referenced.begin(), key->referenced.end());
      for (std::size_t i = 0; key->from == table.oid && i < key->columns.size(); ++i) {
        add(row, key->columns[i], referred_value(rows, table, *key, i));
      }
    }
    for (const Column& column : table.columns) {
      const bool is_needed = !column.is_nullable && !column.has_default;
      const bool is_wanted = wanted.contains(column.name);
      if (column.is_computed || (!is_needed && !is_wanted)) continue;
      const bool is_flag = column.name == plan_.flag.name && column.is_boolean();
      const bool is_now = column.is_time() && !is_wanted && column.partition_value.empty();
      add(row, column.name,
          is_flag                           ? "false"
          : is_now                          ? "now()"
          : !column.partition_value.empty() ? column.partition_value
                                            : sample_value(column, number));
    }
    return row;
  }

  const DraftPlan& plan_;
  const std::vector<const ForeignKey*>& used_;
};

/// The values of a row as a relation of the table's name and columns.
std::string as_relation(const SampleRow& row) {
  std::vector<std::string> values;
  for (const Column& column : row.table->columns) {
    const auto* cell = row.find(column.name);
    values.push_back(fmt::format("{}::{} as {}", cell == nullptr ? "null" : cell->value,
                                 column.type, column.text));
  }
  return fmt::format("(select {}) as {}", fmt::join(values, ", "),
                     postgres::quote_name(row.table->name));
}

/// Absent where the server refuses it; it may only read.
std::optional<std::string> ask(postgres::Session& session, const std::string& query) {
  try {
    postgres::Transaction transaction(session);
    transaction.execute("set transaction read only");
    const postgres::Rows answer = transaction.execute(query);
    return std::string(answer.at(0, 0).value_or(""));
  } catch (const Error&) {
    if (!session.is_open()) throw;
    return std::nullopt;
  }
}

/// Whether some partition of its table takes the row, if it has any.
bool has_partition(const SampleRow& row, postgres::Session& session) {
  if (!row.table->is_partitioned) return true;
  const postgres::Rows bounds = session.execute(
      fmt::format("select coalesce(pg_get_partition_constraintdef(inhrelid), 'true') "
                  "from pg_inherits where inhparent = {} order by inhrelid",
                  row.table->oid));
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const auto takes = ask(
        session, fmt::format("select {} from {}", bounds.at(i, 0).value_or(""), as_relation(row)));
    if (takes == "t") return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> sample_value(const Column& column, int number) {
  const auto quoted = [](const std::string& text) { return postgres::quote_literal(text); };
  if (!column.enum_label.empty()) return quoted(column.enum_label);
  if (column.base_type == kUuid) {
    return quoted(fmt::format("00000000-0000-4000-8000-00000000000{}", number));
  }
  if (column.base_type == kBytea) return quoted(fmt::format("\\x0{}", number - 1));
  if (column.base_type == kJson || column.base_type == kJsonb) return quoted("{}");
  switch (column.category) {
    case 'A':
      return quoted("{}");
    case 'B':
      return "false";
    case 'D':
      return quoted(sample_time(column, number));
    case 'I':
      return quoted(fmt::format("192.0.2.{}", number));
    case 'N':
      return sample_number(column, number);
    case 'S':
      return quoted(sample_text(column, number));
    case 'T':
      return quoted(fmt::format("0{}:00:00", number));
    default:
      return std::nullopt;
  }
}

const SampleRow::Cell* SampleRow::find(const std::string& column) const {
  const auto found = std::find_if(cells.begin(), cells.end(),
                                  [&](const Cell& cell) { return cell.column->name == column; });
  return found == cells.end() ? nullptr : &*found;
}

std::vector<SampleRow> sample_rows(const DraftPlan& plan) {
  const auto used = used_keys(plan);
  const RowMaker maker(plan, used);
  std::vector<SampleRow> rows;
  for (const std::uint32_t oid : parents_first(plan, used)) {
    rows.push_back(maker.make(plan.keys.tables.at(oid), rows));
    if (oid != plan.keys.root || plan.own_key() == nullptr) continue;
    const SampleRow child = maker.make_below(rows.back(), 2, rows);
    rows.push_back(child);
    rows.push_back(maker.make_below(child, 3, rows));
  }
  return rows;
}

std::string key_of(SampleRow& row, const DraftPlan& plan, postgres::Session& session) {
  const auto key =
      ask(session, fmt::format("select {} from {}", plan.subject.expression, as_relation(row)));
  if (!key) row.gaps.emplace_back("values that its columns take");
  return key.value_or("");
}

void check_rows(std::vector<SampleRow>& rows, postgres::Session& session) {
  for (SampleRow& row : rows) {
    const postgres::Rows checks = session.execute(fmt::format(
        "select pg_get_expr(conbin, conrelid) from pg_constraint where contype = 'c' and "
        "conrelid = {} order by conname",
        row.table->oid));
    for (std::size_t i = 0; i < checks.size(); ++i) {
      const std::string check(checks.at(i, 0).value_or(""));
      const auto fits =
          ask(session, fmt::format("select ({}) is not false from {}", check, as_relation(row)));
      if (fits != "t") row.gaps.push_back("what fits the condition " + printable(check));
    }
    if (!has_partition(row, session)) row.gaps.emplace_back("a partition that takes it");
  }
}

}  // namespace converge::convergers
