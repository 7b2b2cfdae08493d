#include "convergers/test_expectation.h"

#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace converge::convergers {
namespace {

constexpr std::string_view kExpectHint =
    "Write `subject KEY, step TITLE, 2 changes`, or `subject KEY, http TITLE, REQUEST`, or "
    "`nothing`; put a KEY or TITLE with a comma into '...'.";
constexpr std::string_view kQuoteHint = "A quote inside of '...' is written twice.";

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// A position in a part of a source's text.
class Scanner {
 public:
  Scanner(const SourceText& source, std::string_view part)
      : source_(source), rest_(part), end_(place_of(part) + part.size()) {}

  std::size_t place() const { return end_ - rest_.size(); }
  std::string_view rest() const { return rest_; }
  bool at_end() const { return rest_.empty(); }

  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }
  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// What stands before the mark or the end, without blanks around it.
  std::string_view take_until(char mark) {
    const auto part = rest_.substr(0, rest_.find(mark));
    rest_.remove_prefix(part.size());
    return trim(part);
  }
  /// What stands in the quotes that begin here, and the blanks behind them.
  std::string take_quoted() {
    const auto start = place();
    std::string text;
    for (rest_.remove_prefix(1); !rest_.empty(); rest_.remove_prefix(1)) {
      if (rest_.front() != '\'') {
        text += rest_.front();
      } else if (rest_.starts_with("''")) {
        text += '\'';
        rest_.remove_prefix(1);
      } else {
        rest_.remove_prefix(1);
        skip_blanks();
        return text;
      }
    }
    throw source_.error(start, "this quote does not end", std::string(kQuoteHint));
  }

  [[noreturn]] void fail(std::string_view message, std::string_view hint) const {
    throw source_.error(place(), message, std::string(hint));
  }

 private:
  std::size_t place_of(std::string_view part) const {
    return static_cast<std::size_t>(part.data() - source_.text().data());
  }

  const SourceText& source_;
  std::string_view rest_;
  std::size_t end_;
};

/// A word that says what follows it, and the blanks behind it.
std::string_view take_word(Scanner& scanner) {
  scanner.skip_blanks();
  const auto rest = scanner.rest();
  const auto length = std::min(rest.find_first_of(" \t,"), rest.size());
  for (std::size_t i = 0; i < length; ++i) scanner.skip(rest[i]);
  scanner.skip_blanks();
  return rest.substr(0, length);
}

std::string take_name(Scanner& scanner, std::string_view what) {
  if (scanner.rest().starts_with('\'')) return scanner.take_quoted();
  const auto name = scanner.take_until(',');
  if (name.empty()) scanner.fail(fmt::format("no {} here", what), kExpectHint);
  return std::string(name);
}

void require_comma(Scanner& scanner, std::string_view missing) {
  if (!scanner.skip(',')) scanner.fail(fmt::format("{} is missing", missing), kExpectHint);
  scanner.skip_blanks();
}

std::int64_t take_changes(Scanner& scanner) {
  const auto text = scanner.rest();
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const auto unit = trim(text.substr(static_cast<std::size_t>(end - text.data())));
  if (error != std::errc() || (unit != "change" && unit != "changes")) {
    scanner.fail(fmt::format("not a number of changes: {}", printable(text)), kExpectHint);
  }
  if (count < 1) {
    scanner.fail(fmt::format("a number of changes must be 1 or more: {}", text),
                 "Leave the line out: a change that no line expects fails the case.");
  }
  return count;
}

/// Whether a cell could be misread when it stands without quotes.
bool needs_quotes(std::string_view cell) {
  return cell.empty() || cell == "null" || cell.front() == '\'' || trim(cell) != cell ||
         cell.find('|') != std::string_view::npos;
}

std::string in_quotes(std::string_view text) {
  std::string all = "'";
  for (const char c : text) all += c == '\'' ? "''" : std::string(1, c);
  return all + "'";
}

}  // namespace

std::string name_text(const std::string& name) {
  const bool plain = !name.empty() && name.front() != '\'' && trim(name) == name &&
                     name.find(',') == std::string::npos;
  return plain ? name : in_quotes(name);
}

bool Expectation::is_of_same_step(const Expectation& other) const {
  return subject == other.subject && kind == other.kind && title == other.title;
}

std::string text_of(const Expectation& expectation) {
  return fmt::format(
      "subject {}, {} {}, {}", name_text(expectation.subject), expectation.kind,
      name_text(expectation.title),
      expectation.kind == "step" ? counted(expectation.changes, "change") : expectation.request);
}

Expectation read_expectation(const SourceText& source, const Directive& directive) {
  const auto word = directive.value.substr(0, directive.value.find_first_of(" \t,"));
  if (word != "subject") {
    throw source.error(directive.value_offset, "expect does not begin with a subject",
                       std::string(kExpectHint));
  }
  Scanner scanner(source, directive.value);
  take_word(scanner);
  Expectation expectation;
  expectation.line = source.line(directive.word_offset);
  expectation.subject = take_name(scanner, "key");
  require_comma(scanner, "the step");
  const Scanner before_kind = scanner;
  expectation.kind = take_word(scanner);
  if (expectation.kind != "step" && expectation.kind != "http" && expectation.kind != "exec") {
    before_kind.fail(fmt::format("not a kind of step: {}", printable(expectation.kind)),
                     "A step is a `step`, in the database, or outside of it `http` or `exec`.");
  }
  expectation.title_offset = scanner.place();
  expectation.title = take_name(scanner, "title");
  if (expectation.kind == "step") {
    require_comma(scanner, "the number of changes");
    expectation.changes = take_changes(scanner);
  } else {
    require_comma(scanner, "what the step sends");
    expectation.request = trim(scanner.rest());
    if (expectation.request.empty()) scanner.fail("what the step sends is missing", kExpectHint);
  }
  return expectation;
}

std::string text_of(const Row& row) {
  std::string text;
  for (const auto& cell : row) {
    if (!text.empty()) text += " | ";
    text += !cell ? "null" : needs_quotes(*cell) ? in_quotes(*cell) : *cell;
  }
  return text;
}

Row read_row(const SourceText& source, std::string_view line) {
  Scanner scanner(source, line);
  Row row;
  do {
    scanner.skip_blanks();
    if (!scanner.rest().starts_with('\'')) {
      const auto cell = scanner.take_until('|');
      row.push_back(cell == "null" ? std::nullopt : std::optional<std::string>(cell));
      continue;
    }
    row.emplace_back(scanner.take_quoted());
    if (!scanner.at_end() && !scanner.rest().starts_with('|')) {
      scanner.fail("text behind a quoted cell", kQuoteHint);
    }
  } while (scanner.skip('|'));
  return row;
}

}  // namespace converge::convergers
