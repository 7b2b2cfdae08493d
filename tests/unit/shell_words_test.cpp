#include "src/cli/shell_words.h"

#include "tests/support/command.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <string>
#include <vector>

namespace {

using namespace converge::cli;
using Words = std::vector<std::string>;

constexpr std::string_view kBreaks = " \t\n\"'@><=;|&(:";

BOOST_AUTO_TEST_SUITE(shell_words)

BOOST_AUTO_TEST_CASE(words_are_read_as_bash_reads_them) {
  const auto typed = read_typed_line(R"(a 'b c'd "e\"f" g\ h )", kBreaks);
  BOOST_TEST((typed.words == Words{"a", "b cd", "e\"f", "g h", ""}));
  BOOST_TEST(typed.quote == 0);
  BOOST_TEST(typed.kept == 0u);
}

BOOST_AUTO_TEST_CASE(open_quote_and_what_stays_are_told) {
  const auto quoted = read_typed_line("a 'b c", kBreaks);
  BOOST_TEST((quoted.words == Words{"a", "b c"}));
  BOOST_TEST(quoted.quote == '\'');
  BOOST_TEST(read_typed_line("a --x=ab:c", kBreaks).kept == 7u);
  BOOST_TEST(read_typed_line("a --x='b:c", kBreaks).kept == 4u);
}

BOOST_AUTO_TEST_CASE(quoted_text_is_read_back_by_bash) {
  for (const std::string text : {"plain", "a b", "it's", "say \"hi\"", "a\nb", "$HOME `id` \\ !x",
                                 "ü:=*?[#~&;|<>(){}", "#x", "~root"}) {
    for (const std::string quote : {"", "'", "\""}) {
      const auto word =
          fmt::format("{0}{1}{0}", quote, quoted_for_bash(text, quote.empty() ? '\0' : quote[0]));
      const auto read =
          converge::tests::run_command({"bash", "-c", fmt::format("printf %s {}", word)});
      BOOST_TEST(read.out == text, word);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
