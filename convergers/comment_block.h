#pragma once

#include "convergers/source_text.h"
#include "convergers/sql_lexer.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// The text of a line comment behind its dashes, without blanks at its end.
std::string_view comment_text(const Token& comment);

/// Lines joined, without the empty ones before the first and after the last that is not.
std::string join_lines(const std::vector<std::string_view>& lines);

/// A line of a block and where it stands.
struct BlockLine {
  std::string text;        ///< Without the indentation that all lines of the block share.
  std::size_t offset = 0;  ///< Of `text` in the source, in bytes.
};

/// Comment lines one below the other, each with two blanks or more after its dashes or with nothing
/// after them. The first line that is not such a comment ends it.
class CommentBlock {
 public:
  /// To begin in the line below that of `offset`.
  CommentBlock(const SourceText& source, std::size_t offset)
      : source_(&source), line_(source.line(offset)) {}

  /// Whether the comment belongs to the block, which else is over.
  bool take(const Token& comment);
  void end() { line_.reset(); }

  /// Without the empty ones before the first and after the last that is not.
  std::vector<BlockLine> lines() const;
  /// The lines joined.
  std::string text() const;

 private:
  const SourceText* source_;
  std::optional<int> line_;  ///< Of the last comment in it; absent when it is over.
  std::vector<std::string_view> written_;
};

/// The comments at the head of a file, for people: lines that stand apart stay apart.
class Description {
 public:
  void take(const SourceText& source, const Token& comment);
  std::string text() const { return join_lines(lines_); }

 private:
  std::vector<std::string_view> lines_;
  int line_ = 0;  ///< Of the last comment in it.
};

/// Whether a comment is indented as those of a block are.
bool is_indented(const SourceText& source, const Token& comment);

}  // namespace converge::convergers
