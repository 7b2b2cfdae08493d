#pragma once

#include "convergers/source_text.h"
#include "convergers/sql_lexer.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace converge::convergers {

/// A comment that says something to the parser of definitions: `-- WORD: VALUE`, at the start of a
/// line. More than one blank before the word makes it a comment like any other.
struct Directive {
  std::string_view word;
  std::string_view value;  ///< Without blanks around it; may be empty.
  std::size_t word_offset = 0;
  std::size_t value_offset = 0;
};

/// The words of a definition's directives: the parts, what belongs to them, and the settings.
std::span<const std::string> directive_words();

/// What `comment`, a line comment of `source`, says; nullopt when it is for people. Throws the
/// source's error for a word that is unknown.
std::optional<Directive> read_directive(const SourceText& source, const Token& comment);

/// The same for another kind of file, which has the directives `words`.
std::optional<Directive> read_directive(const SourceText& source, const Token& comment,
                                        std::span<const std::string> words);

/// The error of a string, name or comment that the text ends in.
Error does_not_end(const SourceText& source, const Token& unterminated);

}  // namespace converge::convergers
