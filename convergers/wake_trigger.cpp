#include "convergers/wake_trigger.h"

#include "convergers/sql_lexer.h"
#include "src/postgres/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

namespace converge::convergers {
namespace {

constexpr const char* kTable = "TABLE_OF_THE_FLAG";
constexpr const char* kKey = "KEY_COLUMN";

/// What may follow a table without being its alias.
constexpr std::array<std::string_view, 18> kAfterTable = {
    "where", "join",  "inner", "left",      "right",  "full",        "cross", "natural", "group",
    "order", "limit", "union", "intersect", "except", "tablesample", "for",   "having",  "offset"};

bool same_word(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  });
}

/// The tokens of a query one after the other, without comments.
class Words {
 public:
  explicit Words(std::string_view sql) {
    SqlLexer lexer(sql);
    for (Token token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) {
      if (token.kind == TokenKind::unterminated) break;
      if (token.kind == TokenKind::line_comment || token.kind == TokenKind::block_comment) continue;
      tokens_.push_back(token);
    }
  }

  bool at_end() const { return place_ == tokens_.size(); }
  bool at(std::string_view word) const {
    return !at_end() && same_word(tokens_[place_].text, word) &&
           tokens_[place_].kind != TokenKind::quoted_name;
  }
  bool at_name() const {
    return !at_end() && (tokens_[place_].kind == TokenKind::word ||
                         tokens_[place_].kind == TokenKind::quoted_name);
  }
  bool take(std::string_view word) {
    const bool there = at(word);
    if (there) ++place_;
    return there;
  }
  /// `name`, `qualifier.name` and so on; its parts, or none.
  std::vector<std::string> take_name() {
    std::vector<std::string> parts;
    do {
      if (!at_name()) return {};
      parts.emplace_back(tokens_[place_++].text);
    } while (take("."));
    return parts;
  }
  /// Moves on to a word that stands in no parentheses.
  void skip_to(std::string_view word) {
    for (int depth = 0; !at_end(); ++place_) {
      if (depth == 0 && at(word)) return;
      if (at("(")) ++depth;
      if (at(")")) --depth;
    }
  }

 private:
  std::vector<Token> tokens_;
  std::size_t place_ = 0;
};

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : ".") + part;
  return text;
}

/// An alias, which need not be introduced by AS.
std::string take_alias(Words& words) {
  const bool introduced = words.take("as");
  const bool is_other = std::any_of(kAfterTable.begin(), kAfterTable.end(),
                                    [&](std::string_view word) { return words.at(word); });
  if (!words.at_name() || (is_other && !introduced)) return "";
  return words.take_name().front();
}

/// As SQL text, quoted only where it has to be.
std::string name_text(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  return plain ? name : postgres::quote_name(name);
}

std::string literal(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

}  // namespace

Origin origin_of(std::string_view find) {
  Words words(find);
  if (!words.take("select")) return {};
  auto key = words.take_name();
  if (!words.at(",") && !words.at("as") && !words.at("from") && !words.at_name()) key.clear();
  words.skip_to("from");
  if (!words.take("from")) return {};
  const auto table = words.take_name();
  if (table.empty() || words.at("(")) return {};
  const std::string alias = take_alias(words);
  Origin origin{.table = joined(table), .key = ""};
  const std::string& known_as = alias.empty() ? table.back() : alias;
  if (key.size() == 1 || (key.size() > 1 && same_word(key[key.size() - 2], known_as))) {
    origin.key = key.back();
  }
  return origin;
}

std::string wake_trigger(const Definition& definition) {
  Origin origin = origin_of(definition.find.sql);
  if (origin.table.empty()) origin.table = kTable;
  if (origin.key.empty()) origin.key = kKey;
  std::string text;
  for (const std::string& channel : definition.settings.listen) {
    text += fmt::format(
        "create function {0}() returns trigger language plpgsql as $$\n"
        "begin\n"
        "  perform pg_notify({1}, new.{2}::text);\n"
        "  return null;\n"
        "end\n"
        "$$;\n"
        "create trigger {0} after insert or update on {3}\n"
        "for each row execute function {0}();\n",
        name_text("notify_" + channel), literal(channel), origin.key, origin.table);
  }
  return text;
}

}  // namespace converge::convergers
