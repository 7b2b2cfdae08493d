#include "convergers/definition.h"

#include "convergers/comment_block.h"
#include "convergers/directive.h"
#include "convergers/setting_values.h"
#include "convergers/source_text.h"
#include "convergers/sql_lexer.h"
#include "src/base/digest.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace converge::convergers {
namespace {

constexpr std::size_t kLongestTitle = 100;  // Characters.
constexpr std::string_view kTooLargeHint = "Split it: one converger does one thing.";

// A statement while its tokens go by.
struct Section {
  std::string_view kind;
  std::string_view title;
  std::size_t offset = 0;            // Of the directive's word.
  std::optional<std::size_t> first;  // Offset of the first token.
  std::size_t end = 0;               // After the last token.
  bool ended = false;                // By a semicolon.
};

bool is_converger_file_name(std::string_view file_name) {
  if (!file_name.ends_with(".sql")) return false;
  file_name.remove_suffix(4);
  return !file_name.empty() && file_name[0] >= 'a' && file_name[0] <= 'z' &&
         file_name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
             std::string_view::npos;
}

class Parser {
 public:
  Parser(const std::filesystem::path& path, std::string_view text) : source_(path, text) {
    definition_.path = path;
    definition_.name = path.stem().string();
    definition_.text = text;
  }

  Definition parse();

 private:
  void check_text() const;

  void take(const Token& token);
  void take_comment(const Token& comment);
  void take_directive(const Directive& directive);
  void take_operator(const Directive& directive);
  void take_setting(const Directive& directive);
  void open_find(const Directive& directive);
  void open_step(const Directive& directive);
  void open_outside(const Directive& directive);
  void check_title(const Directive& directive) const;
  void take_code(const Token& token);
  void close_section();

  [[noreturn]] void fail(std::size_t offset, std::string_view message, std::string hint) const {
    throw source_.error(offset, message, std::move(hint));
  }

  SourceText source_;
  Definition definition_;
  Description description_;
  std::optional<CommentBlock> runbook_;
  std::set<std::string_view> given_;
  std::optional<Section> section_;
  std::optional<OutsideReader> outside_;
};

Definition Parser::parse() {
  check_text();
  SqlLexer lexer(source_.text(), source_.start());
  for (auto token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) take(token);
  close_section();
  const auto end = std::max(source_.text().find_last_not_of(" \t\r\n") + 1, source_.start());
  if (!given_.contains("find")) {
    fail(end, "there is no find", "Write `-- find:` and below it the query for the subjects.");
  }
  if (definition_.steps.empty() && definition_.outside.empty()) {
    fail(end, "there is no step",
         "Write `-- step: TITLE` and below it the statement that corrects the subjects.");
  }
  definition_.description = description_.text();
  if (runbook_) definition_.runbook = runbook_->text();
  definition_.version = hex(sha256(definition_.text));
  return std::move(definition_);
}

void Parser::check_text() const {
  const auto file_name = definition_.path.filename().string();
  if (!is_converger_file_name(file_name)) {
    fail(source_.start(), fmt::format("not the name of a converger file: {}", printable(file_name)),
         "Use lower-case letters, digits and underscores, such as archive_account.sql.");
  }
  source_.require_utf8_text(kTooLargeHint);
}

void Parser::take(const Token& token) {
  switch (token.kind) {
    case TokenKind::line_comment:
      take_comment(token);
      return;
    case TokenKind::block_comment:
      return;
    case TokenKind::unterminated:
      throw does_not_end(source_, token);
    default:
      take_code(token);
  }
}

void Parser::take_comment(const Token& comment) {
  if (const auto directive = read_directive(source_, comment)) {
    take_directive(*directive);
  } else if (given_.empty()) {
    description_.take(source_, comment);
  } else if (outside_) {
    outside_->take_comment(comment);
  } else if (runbook_) {
    runbook_->take(comment);
  }
}

void Parser::take_directive(const Directive& directive) {
  const auto word = directive.word;
  if (runbook_) runbook_->end();
  if (word == "step") return open_step(directive);
  if (word == "http" || word == "exec") return open_outside(directive);
  const bool is_of_exec = word == "environment";
  if (word == "for" || word == "repeat" || word == "expect" || is_of_exec) {
    if (outside_) return outside_->take_directive(directive);
    fail(directive.word_offset,
         fmt::format("{} belongs to no {} step", word, is_of_exec ? "exec" : "http or exec"),
         "Write it below the request or the program of such a step.");
  }
  if (word == "find") return open_find(directive);
  if (given_.contains("find")) {
    fail(directive.word_offset, fmt::format("{} stands below find", word),
         "Move it above `-- find:`.");
  }
  if (!given_.insert(word).second && word != "listen") {
    fail(directive.word_offset, fmt::format("{} is given twice", word), "Remove one of the two.");
  }
  if (word == "operator") return take_operator(directive);
  take_setting(directive);
}

void Parser::take_operator(const Directive& directive) {
  if (!directive.value.empty()) {
    fail(directive.value_offset, "operator takes no value",
         "Write the runbook on the lines below, with two blanks or more after the dashes.");
  }
  runbook_.emplace(source_, directive.word_offset);
}

void Parser::take_setting(const Directive& directive) {
  const auto problem = apply_setting(definition_.settings, directive.word, directive.value);
  if (problem) fail(directive.value_offset + problem->offset, problem->message, problem->hint);
  if (definition_.settings.limit && definition_.settings.shards > 1) {
    fail(directive.word_offset, "limit and shards do not go together",
         "Each shard would have a limit of its own: keep the one that matters more.");
  }
}

void Parser::open_find(const Directive& directive) {
  if (!given_.insert("find").second) {
    fail(directive.word_offset, "find is given twice", "A converger has one; join the queries.");
  }
  if (!directive.value.empty()) {
    fail(directive.value_offset, "find takes no value",
         "Put the query on the lines below `-- find:`.");
  }
  section_ = Section{.kind = "find", .title = {}, .offset = directive.word_offset, .first = {}};
}

void Parser::open_step(const Directive& directive) {
  close_section();
  check_title(directive);
  section_ = Section{
      .kind = "step", .title = directive.value, .offset = directive.word_offset, .first = {}};
}

void Parser::open_outside(const Directive& directive) {
  close_section();
  check_title(directive);
  outside_.emplace(source_, directive, definition_.steps.size());
}

void Parser::check_title(const Directive& directive) const {
  const auto title = directive.value;
  if (!given_.contains("find")) {
    fail(directive.word_offset, fmt::format("{} stands above find", directive.word),
         "Put `-- find:` and its query first.");
  }
  if (title.empty()) {
    fail(directive.value_offset, fmt::format("{} has no title", directive.word),
         fmt::format("Write what it does, such as `-- {}: {}`.", directive.word,
                     directive.word == "step" ? "archive clusters" : "tell the owner"));
  }
  const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; };
  const auto length = std::count_if(title.begin(), title.end(), is_start);
  if (length > static_cast<std::ptrdiff_t>(kLongestTitle)) {
    fail(directive.value_offset,
         fmt::format("the title has {} characters, more than {}", length, kLongestTitle),
         "Shorten it; put the rest into a comment.");
  }
  const auto refuse = [&](std::string_view where, int line) {
    fail(directive.value_offset, fmt::format("two steps have the title {}", printable(title)),
         fmt::format("The other stands {} line {}; rename one.", where, line));
  };
  for (const auto& step : definition_.steps) {
    if (step.title == title) refuse("above the statement in", step.line);
  }
  for (const auto& step : definition_.outside) {
    if (step.title == title) refuse("in", source_.line(step.offset));
  }
}

void Parser::take_code(const Token& token) {
  if (outside_) {
    fail(token.offset, fmt::format("SQL in this {} step", outside_->section().kind),
         "Put `-- step: TITLE` on a line above it.");
  }
  if (!section_) {
    fail(token.offset, "SQL that belongs to no directive",
         "Put `-- find:` on a line above the query for the subjects.");
  }
  if (section_->ended) {
    fail(token.offset, fmt::format("a second statement in this {}", section_->kind),
         section_->kind == "find" ? "Put `-- step: TITLE` above it if it corrects something."
                                  : "Put `-- step: TITLE` on a line above it.");
  }
  if (token.kind == TokenKind::parameter) {
    fail(token.offset, "parameters are not available in a definition",
         "In a step, the relation subject has the columns of find.");
  }
  if (token.text == "\\") {
    fail(token.offset, "psql meta-commands are not available in a definition",
         "Write SQL that the server understands.");
  }
  if (token.text == ";") {
    if (!section_->first) fail(token.offset, "an empty statement", "Remove the semicolon.");
    section_->ended = true;
    return;
  }
  if (!section_->first) section_->first = token.offset;
  section_->end = token.offset + token.text.size();
}

void Parser::close_section() {
  if (outside_) {
    definition_.outside.push_back(outside_->close());
    outside_.reset();
  }
  if (!section_) return;
  const auto& section = *section_;
  if (!section.first) {
    fail(section.offset, fmt::format("this {} has no statement", section.kind),
         "Put one SQL statement below it.");
  }
  const auto first = *section.first;
  Statement statement{.title = std::string(section.title),
                      .sql = std::string(source_.text().substr(first, section.end - first)),
                      .line = source_.line(first),
                      .column = source_.column(first)};
  if (section.kind == "find") {
    definition_.find = std::move(statement);
  } else {
    definition_.steps.push_back(std::move(statement));
  }
  section_.reset();
}

}  // namespace

void require_acting(const Definition& definition) {
  for (const OutsideSection& section : definition.outside) {
    if (section.acts_for == engine::ActsFor::found || section.after > 0) continue;
    throw SourceText(definition.path, definition.text)
        .error(section.offset, "nothing above this step changes a subject: it would never act",
               "Write `-- for: found` below it, and with `-- repeat: 10m` how often at most; or "
               "put the SQL steps that it follows above it.");
  }
}

Definition parse_definition(const std::filesystem::path& path, std::string_view text) {
  return Parser(path, text).parse();
}

Definition load_definition(const std::filesystem::path& path) {
  Definition definition = parse_definition(path, read_source(path, kTooLargeHint));
  require_acting(definition);
  return definition;
}

}  // namespace converge::convergers
