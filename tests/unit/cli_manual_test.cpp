#include "src/cli/manual.h"

#include <boost/test/unit_test.hpp>

namespace converge::cli {
namespace {

std::string plain(std::string_view text) { return without_overstrike(text, Emphasis::none); }
std::string painted(std::string_view text) { return without_overstrike(text, Emphasis::terminal); }

BOOST_AUTO_TEST_SUITE(manual_text)

BOOST_AUTO_TEST_CASE(overstrike_is_taken_out) {
  BOOST_TEST(plain("N\bNA\bA  _\bf_\bi\n") == "NA  fi\n");
  BOOST_TEST(plain("é\bé_\bü_\bx\bx\n") == "éüx\n");
  BOOST_TEST(plain("a_b\n") == "a_b\n");
  BOOST_TEST(plain("x\b") == "x\b");
  BOOST_TEST(plain("") == "");
}

BOOST_AUTO_TEST_CASE(overstrike_becomes_what_a_terminal_knows) {
  BOOST_TEST(painted("N\bNA\bA x") == "\x1b[0;1mNA\x1b[0m x");
  BOOST_TEST(painted("_\bf_\bi\ng") == "\x1b[0;4mfi\x1b[0m\ng");
  BOOST_TEST(painted("_\bf\bf") == "\x1b[0;1;4mf\x1b[0m");
  BOOST_TEST(painted("N\bN\nN\bN\n") == "\x1b[0;1mN\x1b[0m\n\x1b[0;1mN\x1b[0m\n");
}

BOOST_AUTO_TEST_CASE(ascii_is_what_is_nearest) {
  BOOST_TEST(to_ascii("‘a’ – “b” • … ✓") == "'a' - \"b\" * ... +");
  BOOST_TEST(to_ascii("日 é") == "? ?");
  BOOST_TEST(to_ascii("a\nb") == "a\nb");
}

BOOST_AUTO_TEST_CASE(every_page_has_a_name_a_summary_and_a_text) {
  const auto pages = manual();
  BOOST_TEST(pages.size() > 15u);
  for (const Page& page : pages) {
    BOOST_TEST_CONTEXT(page.file) {
      BOOST_TEST(!page.names.empty());
      BOOST_TEST(!page.summary.empty());
      BOOST_TEST(page.text.size() > 500u);
      BOOST_TEST(page.section >= 1);
      BOOST_TEST(page.section <= 8);
      BOOST_TEST(find_page(pages, topic_of(pages, page)) == &page);
      BOOST_TEST(find_page(pages, page.file) == &page);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::cli
