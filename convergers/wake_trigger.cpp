#include "convergers/wake_trigger.h"

#include "convergers/sql_lexer.h"
#include "src/postgres/session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>
#include <iterator>
#include <vector>

namespace converge::convergers {
namespace {

constexpr const char* kTable = "TABLE_OF_THE_FLAG";
constexpr const char* kKey = "KEY_COLUMN";
constexpr const char* kFlag = "FLAG_COLUMN";

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
  /// Moves on to one of the words that stands in no parentheses.
  void skip_to(std::initializer_list<std::string_view> words) {
    for (int depth = 0; !at_end(); ++place_) {
      if (depth <= 0 && at_any(words)) return;
      if (at("(")) ++depth;
      if (at(")")) --depth;
    }
  }
  bool at_any(std::initializer_list<std::string_view> words) const {
    return std::any_of(words.begin(), words.end(), [this](auto word) { return at(word); });
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

/// What `name` says of a table that is known as `known_as`: its column; empty where it is
/// another's.
std::string column_of(const std::vector<std::string>& name, const std::string& known_as) {
  const bool is_its =
      name.size() == 1 || (name.size() > 1 && same_word(name[name.size() - 2], known_as));
  return is_its ? name.back() : "";
}

/// The one column that a condition is about: of several, nothing tells which is the flag.
std::vector<std::string> flag_in_condition(Words words, const std::string& known_as) {
  if (!words.take("where")) return {};
  words.take("not");
  const std::string column = column_of(words.take_name(), known_as);
  if (column.empty() || words.at("(")) return {};
  words.skip_to({"and", "or", "union", "intersect", "except"});
  return words.at_end() ? std::vector{column} : std::vector<std::string>{};
}

/// The columns that `set a = ..., b = ...` assigns; none where it is written otherwise.
std::vector<std::string> assigned(Words& words) {
  std::vector<std::string> columns;
  if (!words.take("set")) return {};
  do {
    const auto name = words.take_name();
    if (name.size() != 1 || !words.take("=")) return {};
    columns.push_back(name.front());
    words.skip_to({",", "from", "where", "returning", ";", "update"});
  } while (words.take(","));
  return columns;
}

/// The table and the flags of the first plain UPDATE in a runbook: of `table` if there is one, of
/// another otherwise, since there the flag is then.
Origin update_in(std::string_view runbook, std::string_view table) {
  Origin first;
  for (Words words(runbook); !words.at_end();) {
    words.skip_to({"update"});
    if (!words.take("update")) break;
    words.take("only");
    const auto name = words.take_name();
    if (!words.at("set")) take_alias(words);
    Origin update{.table = joined(name), .key = "", .flags = assigned(words)};
    if (update.flags.empty()) continue;
    if (same_word(update.table, table)) return update;
    if (first.table.empty()) first = std::move(update);
  }
  return first;
}

/// `new.a is distinct from old.a`, for any of the flags.
std::string any_of_flags(const std::vector<std::string>& flags, std::string_view pattern) {
  std::vector<std::string> conditions;
  std::transform(flags.begin(), flags.end(), std::back_inserter(conditions),
                 [&](const auto& flag) { return fmt::format(fmt::runtime(pattern), flag); });
  return fmt::format("{}", fmt::join(conditions, " or "));
}

}  // namespace

Origin origin_of(std::string_view find) {
  Words words(find);
  if (!words.take("select")) return {};
  auto key = words.take_name();
  if (!words.at(",") && !words.at("as") && !words.at("from") && !words.at_name()) key.clear();
  words.skip_to({"from"});
  if (!words.take("from")) return {};
  const auto table = words.take_name();
  if (table.empty() || words.at("(")) return {};
  const std::string alias = take_alias(words);
  const std::string& known_as = alias.empty() ? table.back() : alias;
  return {.table = joined(table),
          .key = key.empty() ? "" : column_of(key, known_as),
          .flags = flag_in_condition(words, known_as)};
}

Origin flag_of(const Definition& definition) {
  Origin found = origin_of(definition.find.sql);
  Origin update = update_in(definition.runbook, found.table);
  if (update.table.empty()) return found;
  if (same_word(update.table, found.table)) update.key = found.key;
  return update;
}

std::string wake_trigger(const Definition& definition) {
  Origin origin = flag_of(definition);
  if (origin.table.empty()) origin.table = kTable;
  if (origin.key.empty()) origin.key = kKey;
  if (origin.flags.empty()) origin.flags = {kFlag};
  std::string text;
  for (const std::string& channel : definition.settings.listen) {
    text += fmt::format(
        "create function {0}() returns trigger language plpgsql as $$\n"
        "begin\n"
        "  perform pg_notify({1}, new.{2}::text);\n"
        "  return null;\n"
        "end\n"
        "$$;\n"
        "create trigger {3} after insert on {5} for each row\n"
        "when ({7}) execute function {0}();\n"
        "create trigger {4} after update of {6} on {5} for each row\n"
        "when ({8}) execute function {0}();\n",
        name_text("notify_" + channel), literal(channel), origin.key,
        name_text("notify_insert_" + channel), name_text("notify_update_" + channel), origin.table,
        fmt::join(origin.flags, ", "), any_of_flags(origin.flags, "new.{0} is not null"),
        any_of_flags(origin.flags, "new.{0} is distinct from old.{0}"));
  }
  return text;
}

}  // namespace converge::convergers
