#pragma once

#include <string>
#include <vector>

namespace converge::cli {

/// A line that is in both (` `), only in what was expected (`-`), or only in what is (`+`).
struct DiffLine {
  char mark;
  std::string text;

  friend bool operator==(const DiffLine&, const DiffLine&) = default;
};

/// With as many lines in both as there can be; where lines differ, the expected ones come first.
/// Of very long texts only the lines that both begin and end with are recognised.
std::vector<DiffLine> diff_lines(const std::vector<std::string>& expected,
                                 const std::vector<std::string>& got);

}  // namespace converge::cli
