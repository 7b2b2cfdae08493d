#include "convergers/subject_use.h"

#include "convergers/sql_lexer.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <vector>

namespace converge::convergers {

namespace {

/// Words are folded to lower case as PostgreSQL does, quoted names lose their quotes.
struct Element {
  TokenKind kind = TokenKind::end;
  std::string text;
  std::size_t end = 0;  ///< Offset behind it.

  bool is(std::string_view word) const { return kind == TokenKind::word && text == word; }
};

std::string unquoted(std::string_view name) {
  std::string text;
  for (std::size_t i = 1; i + 1 < name.size(); ++i) {
    text += name[i];
    if (name[i] == '"') ++i;
  }
  return text;
}

std::string folded(std::string_view word) {
  std::string text(word);
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

Element next_element(SqlLexer& lexer) {
  while (true) {
    const Token token = lexer.next();
    if (token.kind == TokenKind::line_comment || token.kind == TokenKind::block_comment) continue;
    Element element{token.kind, std::string(token.text), token.offset + token.text.size()};
    if (token.kind == TokenKind::word) element.text = folded(token.text);
    if (token.kind == TokenKind::quoted_name) element.text = unquoted(token.text);
    return element;
  }
}

bool is_any(const Element& element, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return element.is(word); });
}

/// Whether `subject` stands between its neighbours as a column's qualifier, or as the relation in a
/// from list without an alias: then its columns are used by name alone.
bool is_plain_use(const Element& before, const Element& after) {
  if (after.kind == TokenKind::symbol && after.text == ".") return true;
  const bool ends = after.kind == TokenKind::end ||
                    (after.kind == TokenKind::symbol && after.text == ")") ||
                    is_any(after, {"where", "on", "returning", "join", "left", "inner", "order",
                                   "group", "limit", "for"});
  return ends && is_any(before, {"from", "join", "using"});
}

}  // namespace

SubjectUse find_subject_use(std::string_view sql) {
  SqlLexer lexer(sql);
  SubjectUse use;
  Element before;
  Element current = next_element(lexer);
  while (current.kind != TokenKind::end) {
    const Element after = next_element(lexer);
    const bool name = current.kind == TokenKind::word || current.kind == TokenKind::quoted_name;
    if (name && current.text == "subject" && !is_plain_use(before, after)) use.all = true;
    if (current.is("natural") || (current.kind == TokenKind::symbol && current.text == "*")) {
      use.all = true;
    }
    // U&"..." names a column by escapes.
    if (current.is("u") && after.kind == TokenKind::symbol && after.text == "&") use.all = true;
    if (name) use.names.insert(current.text);
    before = current;
    current = after;
  }
  return use;
}

std::string with_relation(std::string_view sql, const std::string& relation) {
  SqlLexer lexer(sql);
  const Element first = next_element(lexer);
  if (!first.is("with")) return fmt::format("with {} {}", relation, sql);
  std::size_t insert = first.end;
  const Element second = next_element(lexer);
  if (second.is("recursive")) insert = second.end;
  return fmt::format("{} {},{}", sql.substr(0, insert), relation, sql.substr(insert));
}

}  // namespace converge::convergers
