#pragma once

#include <string>
#include <vector>

namespace converge::tests {

/// The number in the environment variable, with which a harness is made as long as one likes.
int scaled(const char* variable, int fallback);

/// What a harness has done, printed as it ends, however it ends: a line of what was asked for, the
/// columns' names, a line for each row.
class ClosingTable {
 public:
  ClosingTable(std::string title, std::vector<std::string> columns);
  ~ClosingTable();
  ClosingTable(const ClosingTable&) = delete;
  ClosingTable& operator=(const ClosingTable&) = delete;

  /// As many cells as there are columns.
  void add(std::vector<std::string> row);

 private:
  std::string title_;
  std::vector<std::vector<std::string>> rows_;  ///< The first has the columns' names.
};

}  // namespace converge::tests
