#include "convergers/source_text.h"

#include "src/base/file.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

namespace converge::convergers {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::size_t kShownBefore = 100;  // Characters of a long line, before the caret
constexpr std::size_t kShownInAll = 160;

// What is not UTF-8 counts as one character a byte.
std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> sequences;
  while (!text.empty()) {
    sequences.push_back(text.substr(0, std::max<std::size_t>(utf8_length(text), 1)));
    text.remove_prefix(sequences.back().size());
  }
  return sequences;
}

// Two lines, the second with a caret under the character `column` of the first.
std::string point_at(const std::vector<std::string_view>& line, std::size_t column) {
  const auto first = column > kShownBefore ? column - kShownBefore : 0;
  std::string shown = first == 0 ? "" : "...";
  std::string padding(shown.size(), ' ');
  for (auto i = first; i < std::min(line.size(), first + kShownInAll); ++i) {
    // A tab stays a tab above and below, so that both lines are as wide on any terminal.
    const bool tab = line[i] == "\t";
    const auto piece = tab ? std::string("\t") : printable(line[i]);
    shown += piece;
    if (i < column) padding += tab ? piece : std::string(characters(piece).size(), ' ');
  }
  return fmt::format("    {}\n    {}^", shown, padding);
}

}  // namespace

SourceText::SourceText(const std::filesystem::path& path, std::string_view text)
    : path_(path.native()), text_(text) {
  line_starts_.push_back(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
  for (auto at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    line_starts_.push_back(at + 1);
  }
}

std::size_t SourceText::line_index(std::size_t offset) const {
  const auto after = std::upper_bound(line_starts_.begin() + 1, line_starts_.end(), offset);
  return static_cast<std::size_t>(after - line_starts_.begin()) - 1;
}

std::string_view SourceText::line_text(std::size_t index) const {
  const auto start = line_starts_[index];
  auto line = text_.substr(start, text_.find('\n', start) - start);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool SourceText::starts_line(std::size_t offset) const {
  return std::binary_search(line_starts_.begin(), line_starts_.end(), offset);
}

int SourceText::line(std::size_t offset) const { return static_cast<int>(line_index(offset)) + 1; }

int SourceText::column(std::size_t offset) const {
  return static_cast<int>(offset - line_starts_[line_index(offset)]) + 1;
}

Error SourceText::error(std::size_t offset, std::string_view message, std::string hint) const {
  const auto index = line_index(offset);
  const auto start = line_starts_[index];
  const auto column = characters(text_.substr(start, std::max(offset, start) - start)).size();
  return {ErrorKind::usage,
          fmt::format("{}:{}:{}: {}\n{}", printable(path_), index + 1, column + 1, message,
                      point_at(characters(line_text(index)), column)),
          std::move(hint)};
}

void SourceText::require_utf8_text(std::string_view too_large_hint) const {
  if (text_.size() > kLargestFile) {
    throw error(start(), fmt::format("the file has {} bytes, more than 1 MiB", text_.size()),
                std::string(too_large_hint));
  }
  for (std::size_t at = 0; at < text_.size();) {
    const auto length = utf8_length(text_.substr(at));
    if (text_[at] == '\0') throw error(at, "a NUL byte", "Save the file as UTF-8 text.");
    if (length == 0) {
      throw error(at,
                  fmt::format("byte {:#04x} is not UTF-8", static_cast<unsigned char>(text_[at])),
                  "Save the file as UTF-8 text.");
    }
    at += length;
  }
}

std::string read_source(const std::filesystem::path& path, std::string_view too_large_hint) {
  require_trusted(path);
  std::error_code failure;
  const auto size = std::filesystem::file_size(path, failure);
  // Before it is read: a path given by mistake may be very large, or a device without an end.
  if (!failure && size > kLargestFile) {
    throw Error(ErrorKind::usage,
                fmt::format("{}:1:1: the file has {} bytes, more than 1 MiB", path.native(), size),
                std::string(too_large_hint));
  }
  if (failure) {
    throw Error(ErrorKind::usage,
                fmt::format("cannot read {}: {}", path.native(), system_reason(failure.value())),
                "A converger file is a regular file.");
  }
  return read_file(path);
}

}  // namespace converge::convergers
