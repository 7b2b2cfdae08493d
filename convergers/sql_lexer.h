#pragma once

#include <cstddef>
#include <string_view>

namespace converge::convergers {

enum class TokenKind {
  word,         ///< An identifier or key word, not quoted.
  quoted_name,  ///< "identifier"
  string,       ///< '...', E'...', $tag$...$tag$ and their kin
  number,
  parameter,      ///< $1
  symbol,         ///< One character of anything else, `;` included.
  line_comment,   ///< `-- ...` without its line break
  block_comment,  ///< May nest.
  unterminated,   ///< A string, quoted name or block comment that the text ends in.
  end,
};

/// A lexical element of SQL as PostgreSQL reads it (its manual, section 4.1).
struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view text;   ///< Into the text that was given.
  std::size_t offset = 0;  ///< Of its first byte in that text.
};

/// What an unterminated token was to become: `string`, `comment`, `quoted name`, `dollar quote`.
std::string_view name_of_quote(const Token& unterminated);

/// Cuts SQL into tokens, enough to tell what is code, what is quoted and what is a comment. Expects
/// `standard_conforming_strings` to be on, as it is by default. `offset` is where to start.
class SqlLexer {
 public:
  explicit SqlLexer(std::string_view sql, std::size_t offset = 0) : sql_(sql), offset_(offset) {}

  Token next();

 private:
  std::string_view sql_;
  std::size_t offset_;
};

}  // namespace converge::convergers
