#pragma once

#include "src/base/error.h"
#include "src/base/json_object.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::cli {

/// `auto`, `always` or `never`: auto colours a terminal, and nothing with NO_COLOR (no-color.org).
void use_color(const std::string& when);

enum class Style { plain, strong, faint, good, warning, bad };

/// Text for standard output in a style, if that is coloured.
std::string styled(Style style, std::string_view text);

/// Data, on standard output. Throws `Error{failure}` when it cannot be written.
void print(std::string_view text);

/// `converge: error: ...` and `converge: hint: ...`, on standard error; on a terminal, broken at
/// blanks where that ends.
void print_error(const Error& error);
void print_notice(std::string_view text);

/// Rows in aligned columns, two blanks apart; the last column is not padded.
class Table {
 public:
  /// A cell's style does not count for its width.
  struct Cell {
    std::string text;
    Style style = Style::plain;
  };
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  /// The rows so far, and an empty table, whose columns are no narrower.
  std::string take();

 private:
  std::vector<std::vector<Cell>> rows_;
  std::vector<std::size_t> widths_;
};

}  // namespace converge::cli
