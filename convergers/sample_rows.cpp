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

SampleValue quoted(const std::string& text) { return {postgres::quote_literal(text), text}; }

SampleValue sample_text(const Column& column) {
  if (column.name.find("mail") != std::string::npos) return quoted("test@example.com");
  const auto length = column.type.find('(');
  const bool is_short = length != std::string::npos && column.type.find(')') - length < 3;
  return quoted(is_short ? "x" : "test");
}

SampleValue sample_number(const Column& column) {
  const bool is_wide = column.base_type == postgres::kInt4 || column.base_type == postgres::kInt8;
  return is_wide ? SampleValue{"1000001", "1000001"} : SampleValue{"1", "1"};
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
std::optional<SampleValue> referred_value(const std::vector<SampleRow>& rows, const Table& table,
                                          const ForeignKey& key, std::size_t place) {
  if (key.to == table.oid) return sample_value(*table.find(key.referenced[place]));
  for (const SampleRow& row : rows) {
    if (row.table->oid != key.to) continue;
    const auto* cell = row.find(key.referenced[place]);
    if (cell != nullptr) return cell->value;
  }
  return std::nullopt;
}

SampleRow sample_row(const DraftPlan& plan, const Table& table,
                     const std::vector<const ForeignKey*>& used,
                     const std::vector<SampleRow>& rows) {
  SampleRow row{.table = &table, .cells = {}, .gaps = {}};
  const auto add = [&](const Column& column, const std::optional<SampleValue>& value) {
    if (row.find(column.name) != nullptr) return;
    if (!value) row.gaps.push_back(fmt::format("a value of {} {}", column.text, column.type));
    row.cells.push_back({&column, value.value_or(SampleValue{"null", ""})});
  };
  std::set<std::string> wanted(table.key.begin(), table.key.end());
  for (const ForeignKey* key : used) {
    if (key->to == table.oid) wanted.insert(key->referenced.begin(), key->referenced.end());
    for (std::size_t i = 0; key->from == table.oid && i < key->columns.size(); ++i) {
      add(*table.find(key->columns[i]), referred_value(rows, table, *key, i));
    }
  }
  for (const Column& column : table.columns) {
    const bool is_needed = !column.is_nullable && !column.has_default;
    if (column.is_computed || (!is_needed && !wanted.contains(column.name))) continue;
    const bool is_flag = column.name == plan.flag.name && column.is_boolean();
    add(column, is_flag ? SampleValue{"false", "f"} : sample_value(column));
  }
  return row;
}

}  // namespace

std::optional<SampleValue> sample_value(const Column& column) {
  if (!column.enum_label.empty()) return quoted(column.enum_label);
  if (column.base_type == kUuid) return quoted("00000000-0000-4000-8000-000000000001");
  if (column.base_type == kBytea) return quoted("\\x00");
  if (column.base_type == kJson || column.base_type == kJsonb) return quoted("{}");
  switch (column.category) {
    case 'A':
      return quoted("{}");
    case 'B':
      return SampleValue{"false", "f"};
    case 'D':
      return SampleValue{"now()", ""};
    case 'I':
      return quoted("192.0.2.1");
    case 'N':
      return sample_number(column);
    case 'S':
      return sample_text(column);
    case 'T':
      return quoted("01:00:00");
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
  std::vector<SampleRow> rows;
  for (const std::uint32_t oid : parents_first(plan, used)) {
    rows.push_back(sample_row(plan, plan.keys.tables.at(oid), used, rows));
  }
  return rows;
}

void check_rows(std::vector<SampleRow>& rows, postgres::Session& session) {
  for (SampleRow& row : rows) {
    std::vector<std::string> values;
    for (const Column& column : row.table->columns) {
      const auto* cell = row.find(column.name);
      values.push_back(fmt::format("{}::{} as {}", cell == nullptr ? "null" : cell->value.literal,
                                   column.type, column.text));
    }
    const postgres::Rows checks = session.execute(fmt::format(
        "select pg_get_expr(conbin, conrelid) from pg_constraint where contype = 'c' and "
        "conrelid = {} order by conname",
        row.table->oid));
    for (std::size_t i = 0; i < checks.size(); ++i) {
      const std::string check(checks.at(i, 0).value_or(""));
      bool fits = false;
      try {
        postgres::Transaction transaction(session);
        transaction.execute("set transaction read only");
        const postgres::Rows answer = transaction.execute(
            fmt::format("select ({}) is not false from (select {}) as {}", check,
                        fmt::join(values, ", "), postgres::quote_name(row.table->name)));
        fits = answer.at(0, 0) == "t";
      } catch (const Error&) {
        if (!session.is_open()) throw;
      }
      if (!fits) row.gaps.push_back("what fits the condition " + printable(check));
    }
  }
}

}  // namespace converge::convergers
