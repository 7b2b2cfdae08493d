#include "src/cli/wrapped.h"

#include "src/cli/columns.h"

#include <algorithm>

namespace converge::cli {

namespace {

constexpr std::size_t kNarrowest = 30;  // Of less, a terminal may make what it will.

/// Without the escapes that colour it.
std::size_t visible_columns(std::string_view text) {
  std::size_t columns = 0;
  for (auto escape = text.find('\x1b'); escape != std::string_view::npos;
       escape = text.find('\x1b')) {
    columns += columns_of(text.substr(0, escape));
    text.remove_prefix(std::min(text.find('m', escape), text.size() - 1) + 1);
  }
  return columns + columns_of(text);
}

/// Where the word ends that the line begins with; a command is one if it has room.
std::size_t word_end(std::string_view line, std::size_t room) {
  auto first_blank = std::string_view::npos;
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '`') quoted = !quoted;
    if (line[i] != ' ') continue;
    first_blank = std::min(first_blank, i);
    if (!quoted) return visible_columns(line.substr(0, i)) <= room ? i : first_blank;
  }
  const bool is_one = !quoted && visible_columns(line) <= room;
  return is_one ? line.size() : std::min(first_blank, line.size());
}

std::string wrapped_line(std::string_view line, std::size_t columns, std::size_t indent) {
  if (line.starts_with(' ') || visible_columns(line) <= columns) return std::string(line);
  std::string text;
  std::size_t used = 0;
  while (!line.empty()) {
    auto gap = std::min(line.find_first_not_of(' '), line.size());
    line.remove_prefix(gap);
    const auto word = line.substr(0, word_end(line, columns - indent));
    const auto width = visible_columns(word);
    if (used > 0 && used + gap + width > columns) {
      text += '\n';
      gap = indent;
      used = 0;
    }
    text.append(gap, ' ').append(word);
    used += gap + width;
    line.remove_prefix(word.size());
  }
  return text;
}

}  // namespace

std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent) {
  columns = std::max(columns, kNarrowest);
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    out += wrapped_line(text.substr(0, end), columns, indent);
    if (end < text.size()) out += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace converge::cli
