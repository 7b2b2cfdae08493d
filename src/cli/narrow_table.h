#pragma once

#include "src/cli/output.h"

#include <cstddef>
#include <string>
#include <vector>

namespace converge::cli {

using Rows = std::vector<std::vector<Table::Cell>>;

/// A table whose first row is its headline and whose first column has names, for a terminal of so
/// many columns. Where it is too wide: without columns that say nothing of anybody, with the time
/// of day alone where that is today's, without the channels of schedules, and then with names that
/// are cut in their middle.
std::string fitted_table(Rows rows, std::size_t columns);

/// Rows whose last cell is a sentence, for a terminal of so many columns. Where they are too wide,
/// nothing is left out but today's date: the sentence goes on below, broken at blanks, and so does
/// a cell that has no room.
class SentenceTable {
 public:
  explicit SentenceTable(std::size_t columns) : columns_(columns) {}

  void add(std::vector<Table::Cell> row) { rows_.push_back(std::move(row)); }
  /// The rows so far, and an empty table, whose columns are no narrower.
  std::string take();

 private:
  std::string narrow_row(const std::vector<Table::Cell>& row) const;

  std::size_t columns_;
  Rows rows_;
  Table wide_;
  std::vector<std::size_t> widths_;  ///< Of the columns when it is narrow.
};

}  // namespace converge::cli
