#include "convergers/test_file.h"

#include "convergers/comment_block.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace converge::convergers {
namespace {

constexpr std::string_view kSuffix = ".test.sql";
constexpr std::string_view kTooLargeHint = "Split it into cases of what matters.";
constexpr std::string_view kTransactionHint =
    "A case is one transaction, which is rolled back at its end; leave the word out.";

/// What would end the transaction of a case, or undo a part of it behind the runner's back.
constexpr std::array<std::string_view, 8> kTransactionWords = {
    "begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"};

const std::vector<std::string>& known_words() {
  static const std::vector<std::string> words = {"case", "given", "expect", "then", "is"};
  return words;
}

std::string lower(std::string_view word) {
  std::string text(word);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

/// The parts of a case, in the order in which they may stand.
enum class Part { none, given, expect, then, is };

/// A statement while its tokens go by.
struct Open {
  std::size_t first = 0;   ///< Offset of its first token.
  std::size_t end = 0;     ///< After its last token.
  std::string first_word;  ///< In lower case.
  bool has_second = false;
};

class Parser {
 public:
  Parser(const std::filesystem::path& path, std::string_view text) : source_(path, text) {
    file_.path = path;
    file_.text = text;
    file_.converger = path.filename().string();
    file_.converger.resize(file_.converger.size() -
                           std::min(kSuffix.size(), file_.converger.size()));
  }

  TestFile parse();

 private:
  void check_name() const;
  void take(const Token& token);
  void take_comment(const Token& comment);
  void take_directive(const Directive& directive);
  void open_case(const Directive& directive);
  void open_given(const Directive& directive);
  void take_expect(const Directive& directive);
  void open_then(const Directive& directive);
  void open_is(const Directive& directive);
  void take_code(const Token& token);
  void check_word(const Token& token);
  void require_no_value(const Directive& directive, std::string_view hint) const;
  void end_statement();
  void end_block();
  void end_part();
  void require_answer() const;
  void end_case(std::size_t offset);

  [[noreturn]] void fail(std::size_t offset, std::string_view message, std::string hint) const {
    throw source_.error(offset, message, std::move(hint));
  }

  SourceText source_;
  TestFile file_;
  Description description_;
  TestCase case_;
  bool titled_ = false;  // By `case:`; what stands above the first one is for all.
  std::vector<Statement> given_to_all_;
  std::size_t part_offset_ = 0;  // Of the directive that began the part.
  Part part_ = Part::none;
  bool has_given_ = false;
  bool has_query_ = false;  // Of the last `then`.
  bool expects_nothing_ = false;
  std::optional<Open> open_;
  std::optional<CommentBlock> block_;  // Below `expect` or `is`.
};

TestFile Parser::parse() {
  check_name();
  source_.require_utf8_text(kTooLargeHint);
  SqlLexer lexer(source_.text(), source_.start());
  for (auto token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) take(token);
  end_part();
  const auto end = std::max(source_.text().find_last_not_of(" \t\r\n") + 1, source_.start());
  if (!titled_) case_.title = file_.converger;
  end_case(end);
  file_.description = description_.text();
  return std::move(file_);
}

void Parser::check_name() const {
  const auto name = file_.path.filename().string();
  if (name.ends_with(kSuffix) && name.size() > kSuffix.size()) return;
  fail(source_.start(), fmt::format("not the name of a test: {}", printable(name)),
       "Call it as its converger with .test.sql behind, such as archive_account.test.sql.");
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
  if (const auto directive = read_directive(source_, comment, known_words())) {
    take_directive(*directive);
    return;
  }
  if (part_ == Part::none && !titled_) {
    description_.take(source_, comment);
    return;
  }
  const bool below_is =
      part_ == Part::is && source_.line(comment.offset) == source_.line(part_offset_) + 1;
  const bool taken = block_ && block_->take(comment);
  if (!taken && below_is) {
    fail(comment.offset + 2, "a row that is not indented",
         "Put two blanks or more after the dashes; for a comment leave a line free.");
  }
}

void Parser::take_directive(const Directive& directive) {
  end_part();
  if (directive.word == "case") return open_case(directive);
  if (directive.word == "given") {
    open_given(directive);
  } else if (directive.word == "expect") {
    take_expect(directive);
  } else if (directive.word == "then") {
    open_then(directive);
  } else {
    open_is(directive);
  }
  part_offset_ = directive.word_offset;
}

void Parser::open_case(const Directive& directive) {
  if (!titled_ && part_ > Part::given) {
    fail(part_offset_, "this stands above the first case",
         "Put a `-- case: TITLE` above it; only `given`, for all cases, may stand there.");
  }
  if (directive.value.empty()) {
    fail(directive.value_offset, "case has no title",
         "Write what is to be true, such as `-- case: an archived account loses its clusters`.");
  }
  if (titled_) {
    end_case(directive.word_offset);
  } else {
    given_to_all_ = std::move(case_.given);
  }
  if (std::any_of(file_.cases.begin(), file_.cases.end(),
                  [&](const TestCase& other) { return other.title == directive.value; })) {
    fail(directive.value_offset,
         fmt::format("two cases have the title {}", printable(directive.value)), "Rename one.");
  }
  titled_ = true;
  case_ = TestCase{.title = std::string(directive.value),
                   .line = source_.line(directive.word_offset),
                   .given = given_to_all_,
                   .expected = {},
                   .questions = {}};
  part_ = Part::none;
  has_given_ = false;
  expects_nothing_ = false;
}

void Parser::open_given(const Directive& directive) {
  require_no_value(directive, "Put the statements on the lines below `-- given:`.");
  if (part_ > Part::given) {
    fail(directive.word_offset, "given stands below expect", "Move it above.");
  }
  if (has_given_) {
    fail(directive.word_offset, "given is given twice", "It takes any number of statements.");
  }
  has_given_ = true;
  part_ = Part::given;
}

void Parser::take_expect(const Directive& directive) {
  if (part_ > Part::expect) {
    fail(directive.word_offset, "expect stands below then", "Move it above.");
  }
  const bool nothing = directive.value == "nothing";
  if (expects_nothing_ || (nothing && !case_.expected.empty())) {
    fail(directive.value_offset, "nothing is expected, and something", "Remove one of the two.");
  }
  expects_nothing_ = nothing;
  part_ = Part::expect;
  if (nothing) return;
  auto expectation = read_expectation(source_, directive);
  for (const auto& other : case_.expected) {
    if (!other.is_of_same_step(expectation)) continue;
    fail(directive.value_offset, "the same step of the same subject is expected twice",
         fmt::format("The other stands in line {}; remove one.", other.line));
  }
  if (expectation.kind != "step") block_.emplace(source_, directive.word_offset);
  case_.expected.push_back(std::move(expectation));
}

void Parser::open_then(const Directive& directive) {
  require_no_value(directive, "Put the query on the lines below `-- then:`.");
  if (part_ < Part::expect) {
    fail(directive.word_offset, "then stands above expect",
         "Write what the steps do first, `-- expect: ...`.");
  }
  require_answer();
  part_ = Part::then;
  has_query_ = false;
}

void Parser::open_is(const Directive& directive) {
  require_no_value(directive, "Put the rows on the lines below `-- is:`, `--   1 | archived`.");
  if (part_ != Part::then) {
    fail(directive.word_offset, "is without a query",
         "Put `-- then:` and a query above it; a query has one `is`.");
  }
  part_ = Part::is;
  block_.emplace(source_, directive.word_offset);
}

void Parser::require_no_value(const Directive& directive, std::string_view hint) const {
  if (directive.value.empty()) return;
  fail(directive.value_offset, fmt::format("{} takes no value", directive.word), std::string(hint));
}

void Parser::take_code(const Token& token) {
  if (part_ != Part::given && part_ != Part::then) {
    fail(token.offset, "SQL that belongs to no directive",
         "Put `-- given:` above what sets the scene, `-- then:` above a query.");
  }
  if (token.text == "\\") {
    fail(token.offset, "psql meta-commands are not available in a test",
         "Write SQL that the server understands.");
  }
  if (token.text == ";") {
    if (!open_) fail(token.offset, "an empty statement", "Remove the semicolon.");
    return end_statement();
  }
  if (!open_ && part_ == Part::then && has_query_) {
    fail(token.offset, "a second query below this then", "Put `-- then:` above it.");
  }
  check_word(token);
  open_->end = token.offset + token.text.size();
}

void Parser::check_word(const Token& token) {
  const auto word = token.kind == TokenKind::word ? lower(token.text) : std::string();
  const bool prepares = open_ && !open_->has_second && open_->first_word == "prepare";
  const bool copies = open_ && open_->first_word == "copy";
  if (open_) open_->has_second = true;
  if (!open_) open_ = Open{.first = token.offset, .end = 0, .first_word = word};
  const bool begins = open_->first == token.offset;
  if ((begins && std::find(kTransactionWords.begin(), kTransactionWords.end(), word) !=
                     kTransactionWords.end()) ||
      (prepares && word == "transaction")) {
    fail(token.offset, fmt::format("{} in a case", word), std::string(kTransactionHint));
  }
  if (copies && (word == "stdin" || word == "stdout")) {
    fail(token.offset, fmt::format("copy cannot use {} here", word), "Insert the rows.");
  }
}

void Parser::end_statement() {
  Statement statement{
      .title = {},
      .sql = std::string(source_.text().substr(open_->first, open_->end - open_->first)),
      .line = source_.line(open_->first),
      .column = source_.column(open_->first)};
  open_.reset();
  if (part_ == Part::given) {
    case_.given.push_back(std::move(statement));
  } else {
    case_.questions.push_back({.query = std::move(statement), .rows = {}});
    has_query_ = true;
  }
}

/// What was begun by the last directive.
void Parser::end_part() {
  if (open_) end_statement();
  if (part_ == Part::then && !has_query_) {
    fail(part_offset_, "this then has no query", "Put one query below it.");
  }
  if (block_) end_block();
}

void Parser::end_block() {
  if (part_ == Part::expect) {
    auto text = block_->text();
    if (!text.empty()) case_.expected.back().full_text = std::move(text);
  } else {
    for (const BlockLine& line : block_->lines()) {
      const auto written = source_.text().substr(line.offset, line.text.size());
      if (!written.empty()) case_.questions.back().rows.push_back(read_row(source_, written));
    }
  }
  block_.reset();
}

void Parser::require_answer() const {
  if (part_ != Part::then) return;
  fail(part_offset_, "this then has no is",
       "Put `-- is:` below its query, and the rows below that: `--   1 | archived`.");
}

void Parser::end_case(std::size_t offset) {
  require_answer();
  if (part_ < Part::expect) {
    fail(offset, "there is no expect",
         "Write `-- expect: subject KEY, step TITLE, 1 change` for each step that changes "
         "something, or `-- expect: nothing`.");
  }
  file_.cases.push_back(std::move(case_));
}

std::vector<std::string> titles_of(const engine::Converger& converger, std::string_view kind) {
  if (kind == "step") return converger.profile().steps;
  std::vector<std::string> titles;
  for (const auto& step : converger.outside()) {
    if (step->settings().kind == kind) titles.push_back(step->settings().title);
  }
  return titles;
}

}  // namespace

TestFile parse_test_file(const std::filesystem::path& path, std::string_view text) {
  return Parser(path, text).parse();
}

TestFile load_test_file(const std::filesystem::path& path) {
  return parse_test_file(path, read_source(path, kTooLargeHint));
}

void require_steps(const TestFile& file, const engine::Converger& converger) {
  const SourceText source(file.path, file.text);
  for (const TestCase& one : file.cases) {
    for (const Expectation& expectation : one.expected) {
      const auto titles = titles_of(converger, expectation.kind);
      if (std::find(titles.begin(), titles.end(), expectation.title) != titles.end()) continue;
      const auto near = nearest(expectation.title, titles);
      throw source.error(expectation.title_offset,
                         fmt::format("{} has no {} {}", file.converger, expectation.kind,
                                     printable(expectation.title)),
                         near ? fmt::format("Did you mean {}?", name_text(*near))
                              : fmt::format("`converge show {}` lists its steps.", file.converger));
    }
  }
}

}  // namespace converge::convergers
