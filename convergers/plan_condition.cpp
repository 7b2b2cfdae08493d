#include "convergers/plan_condition.h"

#include "convergers/sql_lexer.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <span>
#include <utility>

namespace converge::convergers {

namespace {

using Tokens = std::span<const Token>;

std::vector<Token> tokenize(std::string_view text) {
  std::vector<Token> tokens;
  SqlLexer lexer(text);
  for (Token token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) {
    tokens.push_back(token);
  }
  return tokens;
}

bool is_name(const Token& token) {
  return token.kind == TokenKind::word || token.kind == TokenKind::quoted_name;
}

std::string name_of(const Token& token) {
  if (token.kind == TokenKind::word) return std::string(token.text);
  std::string name;
  for (std::size_t i = 1; i + 1 < token.text.size(); ++i) {
    name += token.text[i];
    if (token.text[i] == '"') ++i;
  }
  return name;
}

/// How deep in parentheses and brackets each token stands.
std::vector<int> depths(Tokens tokens) {
  std::vector<int> result;
  int depth = 0;
  for (const Token& token : tokens) {
    if (token.text == ")" || token.text == "]") --depth;
    result.push_back(depth);
    if (token.text == "(" || token.text == "[") ++depth;
  }
  return result;
}

Tokens without_parentheses(Tokens tokens) {
  while (tokens.size() > 2 && tokens.front().text == "(") {
    const auto depth = depths(tokens);
    const auto close = std::find(depth.begin() + 1, depth.end(), 0);
    if (close + 1 != depth.end()) break;
    tokens = tokens.subspan(1, tokens.size() - 2);
  }
  return tokens;
}

bool concerns(Tokens tokens, std::string_view alias) {
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (is_name(tokens[i]) && tokens[i + 1].text == "." && name_of(tokens[i]) == alias) return true;
  }
  return false;
}

/// Its name, when it is a column of the table and nothing else.
std::optional<std::string> column_of(Tokens tokens, std::string_view alias) {
  tokens = without_parentheses(tokens);
  if (tokens.size() != 3 || !concerns(tokens, alias) || !is_name(tokens[2])) return std::nullopt;
  return name_of(tokens[2]);
}

/// Whether it is the same for the whole scan, or for one row of another table: a volatile function
/// would be called for each row, whatever index there is.
bool holds_still(Tokens tokens) {
  static constexpr std::array kStable = {"now",   "any",      "date_trunc",     "coalesce",
                                         "abs",   "lower",    "upper",          "make_interval",
                                         "least", "greatest", "current_setting"};
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind == TokenKind::word && tokens[i].text == "SubPlan") return false;
    if (i + 1 == tokens.size() || tokens[i + 1].text != "(" || !is_name(tokens[i])) continue;
    // A length, as in `::character varying(20)`, is no call.
    const bool is_length = i + 3 < tokens.size() && tokens[i + 2].kind == TokenKind::number &&
                           tokens[i + 3].text == ")";
    std::string name = name_of(tokens[i]);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const bool is_stable = std::find(kStable.begin(), kStable.end(), name) != kStable.end();
    if (!is_stable && !is_length) return false;
  }
  return true;
}

/// A column, or a column as text, for an operand of a comparison.
std::optional<Condition> operand(Tokens tokens, std::string_view alias) {
  if (auto column = column_of(tokens, alias)) return Condition{.column = *column};
  if (tokens.size() < 4 || tokens.back().text != "text") return std::nullopt;
  if (tokens[tokens.size() - 2].text != ":" || tokens[tokens.size() - 3].text != ":") {
    return std::nullopt;
  }
  auto column = column_of(tokens.first(tokens.size() - 3), alias);
  if (!column) return std::nullopt;
  return Condition{.column = *column, .cast_to_text = true};
}

/// Where the operator of a binary operation stands: the first run of such characters that is in no
/// parentheses and is not the `::` of a cast.
std::pair<std::size_t, std::size_t> find_operator(Tokens tokens) {
  constexpr std::string_view kCharacters = "+-*/<>=~!@#%^&|`?";
  const auto depth = depths(tokens);
  const auto is_part = [&](std::size_t i) {
    return tokens[i].kind == TokenKind::symbol && depth[i] == 0 &&
           kCharacters.find(tokens[i].text) != std::string_view::npos;
  };
  std::size_t first = 0;
  while (first < tokens.size() && !is_part(first)) ++first;
  std::size_t last = first;
  while (last < tokens.size() && is_part(last)) ++last;
  return {first, last};
}

Condition read_comparison(Tokens tokens, std::string_view alias) {
  const auto [first, last] = find_operator(tokens);
  if (first == 0 || last >= tokens.size()) return {};
  std::string op;
  for (std::size_t i = first; i < last; ++i) op += tokens[i].text;
  if (op != "=" && op != "<" && op != ">" && op != "<=" && op != ">=") return {};
  Tokens left = tokens.first(first);
  Tokens right = tokens.subspan(last);
  const bool is_array = right.front().text == "ANY";
  if (right.front().text == "ALL" || (is_array && op != "=")) return {};
  if (!operand(left, alias) && !is_array) std::swap(left, right);
  auto condition = operand(left, alias);
  if (!condition || concerns(right, alias) || !holds_still(right)) return {};
  condition->kind = op == "=" ? Condition::Kind::equal : Condition::Kind::range;
  return *condition;
}

Condition read_one(Tokens tokens, std::string_view alias) {
  using Kind = Condition::Kind;
  const auto of = [](Kind kind, const std::string& column) {
    return Condition{.kind = kind, .column = column};
  };
  if (const auto column = column_of(tokens, alias)) return of(Kind::yes, *column);
  if (tokens.front().text == "NOT") {
    const auto column = column_of(tokens.subspan(1), alias);
    return column ? of(Kind::no, *column) : Condition{};
  }
  if (tokens.size() > 2 && tokens.back().text == "NULL") {
    const bool negated = tokens[tokens.size() - 2].text == "NOT";
    const std::size_t words = negated ? 3 : 2;
    if (tokens.size() <= words || tokens[tokens.size() - words].text != "IS") return {};
    const auto column = column_of(tokens.first(tokens.size() - words), alias);
    return column ? of(negated ? Kind::not_null : Kind::null, *column) : Condition{};
  }
  return read_comparison(tokens, alias);
}

void collect(Tokens tokens, std::string_view alias, std::vector<Condition>& conditions) {
  tokens = without_parentheses(tokens);
  if (!concerns(tokens, alias)) return;
  const auto depth = depths(tokens);
  std::size_t start = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (depth[i] != 0 || tokens[i].text != "AND") continue;
    collect(tokens.subspan(start, i - start), alias, conditions);
    start = i + 1;
  }
  if (start > 0) return collect(tokens.subspan(start), alias, conditions);
  conditions.push_back(read_one(tokens, alias));
}

}  // namespace

std::vector<Condition> read_conditions(std::string_view expression, std::string_view alias) {
  std::vector<Condition> conditions;
  const std::vector<Token> tokens = tokenize(expression);
  collect(tokens, alias, conditions);
  return conditions;
}

}  // namespace converge::convergers
