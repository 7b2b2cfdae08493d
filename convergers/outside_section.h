#pragma once

#include "convergers/comment_block.h"
#include "convergers/directive.h"
#include "convergers/pieces.h"
#include "src/engine/outside.h"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace converge::convergers {

/// HTTP statuses or exit statuses from `first` to `last`.
struct StatusRange {
  int first = 0;
  int last = 0;
};

/// A step of a definition outside the database, as it is written.
struct OutsideSection {
  std::string kind;  ///< `http` or `exec`.
  std::string title;
  std::size_t offset = 0;  ///< Of the section's word in the definition's text, in bytes.
  std::size_t after = 0;   ///< How many of the steps in SQL stand above it.
  engine::ActsFor acts_for = engine::ActsFor::changed;
  std::chrono::milliseconds repeat{0};  ///< With `found` only.
  std::vector<StatusRange> expected;    ///< As given, or what is expected by default.
  std::string expect;                   ///< The same as text: `2xx, 409`.
  Pieces environment;                   ///< The variables that the program is given.
  std::vector<BlockLine> lines;         ///< The request, or the program with its arguments.
};

/// Whether any of the ranges has the status.
bool is_expected(const std::vector<StatusRange>& expected, int status);

/// Reads one such section while its comments go by. Everything throws the source's error.
class OutsideReader {
 public:
  OutsideReader(const SourceText& source, const Directive& opening, std::size_t after);

  void take_comment(const Token& comment);
  /// `for`, `repeat`, `expect` or `environment`.
  void take_directive(const Directive& directive);
  /// What was read, understood as a whole: the text is one that can be sent or run.
  OutsideSection close();

  const OutsideSection& section() const { return section_; }

 private:
  void take_for(const Directive& directive);
  void take_repeat(const Directive& directive);
  void take_expect(const Directive& directive);
  void take_environment(const Directive& directive);
  Piece read_variable(std::string_view name, std::size_t offset) const;
  StatusRange read_status(std::string_view word, std::size_t offset) const;

  const SourceText* source_;
  OutsideSection section_;
  CommentBlock block_;
  std::vector<Directive> given_;
};

}  // namespace converge::convergers
