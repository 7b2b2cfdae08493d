#include "src/cli/test_printer.h"

#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/cli/line_diff.h"
#include "src/cli/output.h"
#include "src/cli/terminal_text.h"

#include <fmt/core.h>

namespace converge::cli {

namespace {

using convergers::CaseResult;
using convergers::Failure;
using convergers::TestCase;
using convergers::TestFile;

/// Lines of a difference that people are shown.
constexpr std::size_t kShown = 60;

std::string json_list(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ",") + json_string(text);
  return "[" + list + "]";
}

JsonObject json_of(const TestFile& file, const Failure& failure) {
  JsonObject object;
  object.add("file", file.path.string()).add("line", failure.line).add("message", failure.message);
  if (!failure.hint.empty()) object.add("hint", failure.hint);
  if (!failure.expected.empty() || !failure.got.empty()) {
    object.add_raw("expected", json_list(failure.expected)).add_raw("got", json_list(failure.got));
  }
  return object;
}

std::string json_of(const TestFile& file, const CaseResult& result) {
  std::string list;
  for (const Failure& failure : result.failures) {
    list += (list.empty() ? "" : ",") + json_of(file, failure).text();
  }
  return "[" + list + "]";
}

Style style_of(char mark) {
  if (mark == '-') return Style::bad;
  return mark == '+' ? Style::good : Style::plain;
}

std::string text_of(const TestFile& file, const Failure& failure) {
  std::string text = fmt::format("    {}:{}: {}\n", printable(file.path.string()), failure.line,
                                 printable(failure.message));
  const auto diff = diff_lines(failure.expected, failure.got);
  for (std::size_t i = 0; i < std::min(diff.size(), kShown); ++i) {
    const std::string line = fmt::format("{} {}", diff[i].mark, printable(diff[i].text));
    text += "      " + styled(style_of(diff[i].mark), line) + "\n";
  }
  if (diff.size() > kShown) {
    text += fmt::format("      ... and {}\n",
                        counted(static_cast<std::int64_t>(diff.size() - kShown), "line"));
  }
  if (!failure.hint.empty()) text += "    hint: " + printable(failure.hint) + "\n";
  return text;
}

/// A description in which nothing is a directive.
std::string tap_text(std::string_view text) {
  std::string escaped;
  for (const char c : printable(text)) {
    if (c == '#' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

/// Nothing here is of version 14, which many harnesses refuse.
void TestPrinter::begin(std::size_t cases) const {
  if (format_ == Format::tap) print(fmt::format("TAP version 13\n1..{}\n", cases));
}

void TestPrinter::result(const TestFile& file, const TestCase& test, const CaseResult& result) {
  ++cases_;
  if (!result.passed()) ++failed_;
  switch (format_) {
    case Format::text:
      print_text(file, test, result);
      break;
    case Format::tap:
      print_tap(file, test, result);
      break;
    case Format::json:
      print(JsonObject()
                .add("kind", "case")
                .add("converger", file.converger)
                .add("case", test.title)
                .add("file", file.path.string())
                .add("line", test.line)
                .add("outcome", result.passed() ? "passed" : "failed")
                .add("duration_ms", result.duration.count())
                .add_raw("failures", json_of(file, result))
                .line());
  }
}

void TestPrinter::print_text(const TestFile& file, const TestCase& test, const CaseResult& result) {
  if (quiet_ && result.passed()) return;
  if (heading_ != file.path.string()) {
    heading_ = file.path.string();
    print(styled(Style::strong, file.converger) + "\n");
  }
  const std::string verdict =
      result.passed() ? styled(Style::good, mark("✓", "+")) : styled(Style::bad, mark("✗", "x"));
  print(fmt::format("  {} {} ({})\n", verdict, printable(test.title),
                    format_duration(result.duration)));
  for (const Failure& failure : result.failures) print(text_of(file, failure));
}

/// The diagnostics are JSON, which is YAML as well.
void TestPrinter::print_tap(const TestFile& file, const TestCase& test,
                            const CaseResult& result) const {
  std::string text =
      fmt::format("{}ok {} - {}: {}\n  ---\n  duration_ms: {}\n", result.passed() ? "" : "not ",
                  cases_, tap_text(file.converger), tap_text(test.title), result.duration.count());
  if (!result.passed()) {
    text += fmt::format("  message: {}\n", json_string(result.failures.front().message));
    text += fmt::format("  at: {{\"file\": {}, \"line\": {}}}\n", json_string(file.path.string()),
                        result.failures.front().line);
    text += fmt::format("  failures: {}\n", json_of(file, result));
  }
  print(text + "  ...\n");
}

void TestPrinter::bail_out(const Error& error) const {
  if (format_ == Format::tap) print(fmt::format("Bail out! {}\n", printable(error.what())));
}

void TestPrinter::end(std::chrono::milliseconds duration) const {
  if (format_ == Format::json) {
    print(JsonObject()
              .add("kind", "summary")
              .add("cases", cases_)
              .add("failed", failed_)
              .add("duration_ms", duration.count())
              .line());
  } else if (format_ == Format::text && (!quiet_ || failed_ > 0)) {
    const std::string failed = failed_ == 0 ? styled(Style::good, "all passed")
                                            : styled(Style::bad, fmt::format("{} failed", failed_));
    print(fmt::format("{}, {} ({})\n", counted(cases_, "case"), failed, format_duration(duration)));
  }
}

}  // namespace converge::cli
