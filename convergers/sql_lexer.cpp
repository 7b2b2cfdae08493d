#include "convergers/sql_lexer.h"

#include <algorithm>

namespace converge::convergers {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f' || c == '\v'; }
bool is_line_break(char c) { return c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// A position in SQL. Beyond the end there are NUL characters, so that looking ahead needs no check.
struct Cursor {
  std::string_view sql;
  std::size_t at = 0;

  char peek(std::size_t ahead = 0) const {
    return at + ahead < sql.size() ? sql[at + ahead] : '\0';
  }
  bool at_end() const { return at >= sql.size(); }
  bool looks_at(std::string_view text) const { return sql.substr(at).starts_with(text); }

  template <typename Predicate>
  void skip_while(Predicate predicate) {
    while (!at_end() && predicate(sql[at])) ++at;
  }
};

void skip_line(Cursor& cursor) {
  cursor.skip_while([](char c) { return !is_line_break(c); });
}

// Each of the following starts at the opening mark and is false when the text ends first.

bool skip_block_comment(Cursor& cursor) {
  int depth = 0;
  while (!cursor.at_end()) {
    if (cursor.looks_at("/*")) {
      ++depth;
      cursor.at += 2;
    } else if (cursor.looks_at("*/")) {
      cursor.at += 2;
      if (--depth == 0) return true;
    } else {
      ++cursor.at;
    }
  }
  return false;
}

bool skip_quoted(Cursor& cursor, bool backslash_escapes) {
  const char quote = cursor.peek();
  for (++cursor.at; !cursor.at_end(); ++cursor.at) {
    if (backslash_escapes && cursor.peek() == '\\') {
      ++cursor.at;
    } else if (cursor.peek() == quote) {
      ++cursor.at;
      if (cursor.peek() != quote) return true;
    }
  }
  cursor.at = cursor.sql.size();
  return false;
}

// A string goes on after a line break (the manual, 4.1.2.1), and an E'' string does so with its
// escapes. Leaves the cursor at the quote if it goes on.
bool skip_to_continuation(Cursor& cursor) {
  Cursor ahead = cursor;
  bool broken = false;
  while (is_blank(ahead.peek()) || is_line_break(ahead.peek()) || ahead.looks_at("--")) {
    broken = broken || is_line_break(ahead.peek());
    if (ahead.looks_at("--")) {
      skip_line(ahead);
    } else {
      ++ahead.at;
    }
  }
  if (!broken || ahead.peek() != '\'') return false;
  cursor = ahead;
  return true;
}

bool skip_escape_string(Cursor& cursor) {
  do {
    if (!skip_quoted(cursor, true)) return false;
  } while (skip_to_continuation(cursor));
  return true;
}

// The `$tag$` that the cursor stands at; empty if it is something else.
std::string_view dollar_mark(const Cursor& cursor) {
  Cursor end = cursor;
  ++end.at;
  if (!is_digit(end.peek())) end.skip_while([](char c) { return is_letter(c) || is_digit(c); });
  if (end.peek() != '$') return {};
  return cursor.sql.substr(cursor.at, end.at + 1 - cursor.at);
}

bool skip_dollar_quoted(Cursor& cursor, std::string_view mark) {
  const auto close = cursor.sql.find(mark, cursor.at + mark.size());
  cursor.at = close == std::string_view::npos ? cursor.sql.size() : close + mark.size();
  return close != std::string_view::npos;
}

void skip_word(Cursor& cursor) {
  cursor.skip_while([](char c) { return is_letter(c) || is_digit(c) || c == '$'; });
}

void skip_number(Cursor& cursor) {
  while (is_digit(cursor.peek()) || is_letter(cursor.peek()) || cursor.peek() == '.') {
    const char c = cursor.peek();
    const bool exponent = (c == 'e' || c == 'E') &&
                          (cursor.peek(1) == '+' || cursor.peek(1) == '-') &&
                          is_digit(cursor.peek(2));
    cursor.at += exponent ? 2 : 1;
  }
}

TokenKind if_ended(bool ended, TokenKind kind) { return ended ? kind : TokenKind::unterminated; }

// E'', B'', X'', N'', U&'' and U&"": a letter that belongs to the quote after it.
TokenKind skip_letter(Cursor& cursor) {
  const char letter = cursor.peek();
  const std::string_view letters = "bBxXnN";
  if ((letter == 'e' || letter == 'E') && cursor.peek(1) == '\'') {
    ++cursor.at;
    return if_ended(skip_escape_string(cursor), TokenKind::string);
  }
  if (letters.find(letter) != std::string_view::npos && cursor.peek(1) == '\'') {
    ++cursor.at;
    return if_ended(skip_quoted(cursor, false), TokenKind::string);
  }
  const char quote = cursor.peek(2);
  if ((letter == 'u' || letter == 'U') && cursor.peek(1) == '&' &&
      (quote == '\'' || quote == '"')) {
    cursor.at += 2;
    return if_ended(skip_quoted(cursor, false),
                    quote == '"' ? TokenKind::quoted_name : TokenKind::string);
  }
  skip_word(cursor);
  return TokenKind::word;
}

TokenKind skip_dollar(Cursor& cursor) {
  if (const auto mark = dollar_mark(cursor); !mark.empty()) {
    return if_ended(skip_dollar_quoted(cursor, mark), TokenKind::string);
  }
  ++cursor.at;
  if (!is_digit(cursor.peek())) return TokenKind::symbol;
  cursor.skip_while(is_digit);
  return TokenKind::parameter;
}

TokenKind skip_token(Cursor& cursor) {
  const char c = cursor.peek();
  if (cursor.looks_at("--")) {
    skip_line(cursor);
    return TokenKind::line_comment;
  }
  if (cursor.looks_at("/*")) return if_ended(skip_block_comment(cursor), TokenKind::block_comment);
  if (c == '\'') return if_ended(skip_quoted(cursor, false), TokenKind::string);
  if (c == '"') return if_ended(skip_quoted(cursor, false), TokenKind::quoted_name);
  if (c == '$') return skip_dollar(cursor);
  if (is_letter(c)) return skip_letter(cursor);
  if (is_digit(c) || (c == '.' && is_digit(cursor.peek(1)))) {
    skip_number(cursor);
    return TokenKind::number;
  }
  ++cursor.at;
  return TokenKind::symbol;
}

}  // namespace

std::string_view name_of_quote(const Token& unterminated) {
  const auto text = unterminated.text;
  if (text.starts_with("/*")) return "comment";
  if (text.starts_with('$')) return "dollar quote";
  return text[text.find_first_of("'\"")] == '"' ? "quoted name" : "string";
}

Token SqlLexer::next() {
  Cursor cursor{.sql = sql_, .at = offset_};
  cursor.skip_while([](char c) { return is_blank(c) || is_line_break(c); });
  const auto start = std::min(cursor.at, sql_.size());
  if (cursor.at_end()) return {.kind = TokenKind::end, .text = {}, .offset = start};
  const auto kind = skip_token(cursor);
  offset_ = std::min(cursor.at, sql_.size());
  return {.kind = kind, .text = sql_.substr(start, offset_ - start), .offset = start};
}

}  // namespace converge::convergers
