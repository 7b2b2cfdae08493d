#include "convergers/comment_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace converge::convergers {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool is_empty(std::string_view line) { return line.empty(); }

}  // namespace

std::string_view comment_text(const Token& comment) {
  const auto text = comment.text.substr(2);
  return text.substr(0, text.find_last_not_of(" \t\f\v") + 1);
}

std::string join_lines(const std::vector<std::string_view>& lines) {
  const auto first = std::find_if_not(lines.begin(), lines.end(), is_empty);
  const auto last = std::find_if_not(lines.rbegin(), std::make_reverse_iterator(first), is_empty);
  return fmt::format("{}", fmt::join(first, last.base(), "\n"));
}

void Description::take(const SourceText& source, const Token& comment) {
  const auto line = source.line(comment.offset);
  auto text = comment_text(comment);
  if (text.starts_with(' ')) text.remove_prefix(1);
  if (line > line_ + 1) lines_.emplace_back();
  lines_.push_back(text);
  line_ = line;
}

bool is_indented(const SourceText& source, const Token& comment) {
  const auto text = comment_text(comment);
  return source.starts_line(comment.offset) && text.size() > 2 && is_blank(text[0]) &&
         is_blank(text[1]);
}

bool CommentBlock::take(const Token& comment) {
  const auto line = source_->line(comment.offset);
  const auto text = comment_text(comment);
  const bool goes_on = line_ && line == *line_ + 1 && source_->starts_line(comment.offset) &&
                       (text.empty() || is_indented(*source_, comment));
  line_ = goes_on ? std::optional(line) : std::nullopt;
  if (goes_on) written_.push_back(text);
  return goes_on;
}

std::vector<BlockLine> CommentBlock::lines() const {
  auto indent = std::string_view::npos;
  for (const auto line : written_) indent = std::min(indent, line.find_first_not_of(" \t"));
  const auto first = std::find_if_not(written_.begin(), written_.end(), is_empty);
  const auto last =
      std::find_if_not(written_.rbegin(), std::make_reverse_iterator(first), is_empty);
  std::vector<BlockLine> lines;
  std::transform(first, last.base(), std::back_inserter(lines), [&](std::string_view line) {
    line.remove_prefix(std::min(indent, line.size()));
    return BlockLine{
        .text = std::string(line),
        .offset = static_cast<std::size_t>(line.data() - source_->text().data()),
    };
  });
  return lines;
}

std::string CommentBlock::text() const {
  std::string text;
  for (const BlockLine& line : lines()) text += (text.empty() ? "" : "\n") + line.text;
  return text;
}

}  // namespace converge::convergers
