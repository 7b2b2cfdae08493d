#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace converge::cli {

/// The words of a line for bash as far as it has been typed.
struct TypedLine {
  /// Unquoted, as a program would get them; the last is the one being typed, and may be empty.
  std::vector<std::string> words;
  /// So much of the last word, unquoted, stays when bash replaces it: what stands before the last
  /// of the unquoted `breaks` (COMP_WORDBREAKS).
  std::size_t kept = 0;
  char quote = 0;  ///< That is open: ' or ", or 0.
};

TypedLine read_typed_line(std::string_view line, std::string_view breaks);

/// Quoted so that bash, behind an open `quote` (or 0), reads the very text.
std::string quoted_for_bash(std::string_view text, char quote);

}  // namespace converge::cli
