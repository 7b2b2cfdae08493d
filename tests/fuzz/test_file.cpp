// A test file is refused with a place in it and a hint, or it has cases, each of which expects
// something; and what a failed test prints of an expectation or a row is read back as the same.

#include "convergers/test_file.h"

#include "convergers/directive.h"
#include "tests/fuzz/target.h"

#include <algorithm>

namespace converge::fuzz {
namespace {

using namespace convergers;

constexpr const char* kPath = "/etc/converge/convergers/a.test.sql";

void claim_read_back(const Expectation& expectation) {
  const auto text = text_of(expectation);
  const SourceText source(kPath, text);
  const auto again = read_expectation(
      source, {.word = "expect", .value = source.text(), .word_offset = 0, .value_offset = 0});
  claim(again.is_of_same_step(expectation) && again.changes == expectation.changes &&
            again.request == expectation.request,
        "an expectation is another when it is read again", text);
}

void claim_read_back(const Row& row) {
  const auto text = text_of(row);
  const SourceText source(kPath, text);
  claim(read_row(source, source.text()) == row, "a row is another when it is read again", text);
}

}  // namespace

void test_file(std::string_view input) {
  TestFile file;
  if (const auto error = error_of([&] { file = parse_test_file(kPath, input); })) {
    claim_placed(*error, kPath, input);
    return;
  }
  claim(file.converger == "a" && file.text == input, "the text is another");
  claim(!file.cases.empty(), "no case");
  for (const TestCase& one : file.cases) {
    claim(!one.title.empty(), "a case without a title");
    for (const Expectation& expectation : one.expected) {
      claim(expectation.kind != "step" || expectation.changes > 0, "no change is expected");
      claim_read_back(expectation);
    }
    for (const Question& question : one.questions) {
      claim(!question.query.sql.empty(), "an empty query");
      for (const Row& row : question.rows) claim_read_back(row);
    }
  }
}

}  // namespace converge::fuzz
