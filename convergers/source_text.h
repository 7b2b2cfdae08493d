#pragma once

#include "src/base/error.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

inline constexpr std::size_t kLargestFile = 1024 * 1024;

/// A text with a path that can say where in it something is wrong. Lines end at `\n` or `\r\n`; a
/// byte order mark belongs to no line. Refers to `text`, which must live as long.
class SourceText {
 public:
  SourceText(const std::filesystem::path& path, std::string_view text);

  std::string_view text() const { return text_; }
  std::size_t start() const { return line_starts_.front(); }  ///< After a byte order mark.
  bool starts_line(std::size_t offset) const;
  int line(std::size_t offset) const;    ///< 1-based.
  int column(std::size_t offset) const;  ///< In bytes, 1-based.

  /// An `Error{usage}` of three lines: `PATH:LINE:COLUMN: message` with the column in characters,
  /// the line, and a caret under that character. Of a long line only what is near is shown.
  Error error(std::size_t offset, std::string_view message, std::string hint) const;

  /// Throws `error` for a text of more than 1 MiB, and for what is not UTF-8 or is a NUL byte.
  void require_utf8_text(std::string_view too_large_hint) const;

 private:
  std::size_t line_index(std::size_t offset) const;
  std::string_view line_text(std::size_t index) const;

  std::string path_;
  std::string_view text_;
  std::vector<std::size_t> line_starts_;
};

/// Reads a file that must be trusted (`require_trusted`). Throws `Error{usage}`, also for one of
/// more than 1 MiB, with this hint.
std::string read_source(const std::filesystem::path& path, std::string_view too_large_hint);

}  // namespace converge::convergers
