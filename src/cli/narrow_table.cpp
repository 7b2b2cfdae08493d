#include "src/cli/narrow_table.h"

#include "src/base/clock.h"
#include "src/cli/columns.h"
#include "src/cli/histogram.h"
#include "src/cli/wrapped.h"

#include <algorithm>
#include <utility>

namespace converge::cli {

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kShortestName = 12;
constexpr std::size_t kIndent = 4;
/// Wider cells do not make their column wider for all.
constexpr std::size_t kUsualCell = 24;
/// A sentence with less room than that begins on a line of its own.
constexpr std::size_t kSentence = 30;

std::size_t width_of(const Rows& rows, std::size_t column) {
  std::size_t widest = 0;
  for (const auto& row : rows) {
    if (column < row.size()) widest = std::max(widest, columns_of(row[column].text));
  }
  return widest;
}

std::size_t width_of(const Rows& rows) {
  std::size_t most = 0;
  for (const auto& row : rows) most = std::max(most, row.size());
  std::size_t width = 0;
  for (std::size_t column = 0; column < most; ++column) {
    width += width_of(rows, column) + (column == 0 ? 0 : kGap);
  }
  return width;
}

void drop_silent_columns(Rows& rows) {
  const auto says_nothing = [&](std::size_t column) {
    return std::all_of(rows.begin() + 1, rows.end(),
                       [&](const auto& row) { return row[column].text == "-"; });
  };
  for (std::size_t column = rows.front().size() - 1; column > 0; --column) {
    if (!says_nothing(column)) continue;
    for (auto& row : rows) row.erase(row.begin() + static_cast<std::ptrdiff_t>(column));
  }
}

void drop_today(Rows& rows) {
  const std::string now = format_local(wall_time_us());
  const auto today = now.substr(0, now.find(' ') + 1);
  for (auto& row : rows) {
    for (auto& cell : row) {
      const bool is_time = cell.text.size() == now.size() && cell.text.starts_with(today);
      if (is_time) cell.text.erase(0, today.size());
    }
  }
}

void drop_channels(Rows& rows) {
  for (auto& row : rows) {
    for (auto& cell : row) {
      if (!cell.text.starts_with("every ")) continue;
      cell.text.resize(std::min(cell.text.size(), cell.text.find(',')));
    }
  }
}

void shorten_names(Rows& rows, std::size_t columns) {
  const auto width = width_of(rows);
  if (width <= columns) return;
  const auto names = width_of(rows, 0);
  const auto room = std::max(kShortestName, names - std::min(names, width - columns));
  for (auto& row : rows) {
    row[0].text = shortened_name(row[0].text, room, locale_is_utf8());
  }
}

}  // namespace

std::string fitted_table(Rows rows, std::size_t columns) {
  if (width_of(rows) > columns) {
    drop_silent_columns(rows);
    drop_today(rows);
    drop_channels(rows);
    shorten_names(rows, columns);
  }
  Table table;
  for (auto& row : rows) table.add(std::move(row));
  return table.take();
}

std::string SentenceTable::take() {
  auto rows = std::exchange(rows_, {});
  if (width_of(rows) <= columns_ && widths_.empty()) {
    for (auto& row : rows) wide_.add(std::move(row));
    return wide_.take();
  }
  drop_today(rows);
  for (const auto& row : rows) {
    widths_.resize(std::max(widths_.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto width = columns_of(row[i].text);
      if (width <= kUsualCell) widths_[i] = std::max(widths_[i], width);
    }
  }
  std::string text;
  for (const auto& row : rows) text += narrow_row(row);
  return text;
}

std::string SentenceTable::narrow_row(const std::vector<Table::Cell>& row) const {
  std::string text;
  std::size_t used = 0;  // Of the line, with the gap after the last cell.
  const auto go_on_below = [&] {
    text.resize(text.find_last_not_of(' ') + 1);
    text += "\n" + std::string(kIndent, ' ');
    used = kIndent;
  };
  for (std::size_t i = 0; i + 1 < row.size(); ++i) {
    const auto width = columns_of(row[i].text);
    if (used > kIndent && used + width > columns_) go_on_below();
    const auto padded = std::max(width, widths_[i]) + kGap;
    text += styled(row[i].style, row[i].text) + std::string(padded - width, ' ');
    used += padded;
  }
  const auto& sentence = row.back();
  const auto width = columns_of(sentence.text);
  if (used + std::min(width, kSentence) > columns_) go_on_below();
  // As if the line had begun with one word as wide as what stands there.
  const auto lines = wrapped(std::string(used, '.') + sentence.text, columns_, used);
  return text + styled(sentence.style, std::string_view(lines).substr(used)) + "\n";
}

}  // namespace converge::cli
