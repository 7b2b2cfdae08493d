#include "src/cli/line_diff.h"

#include <boost/test/unit_test.hpp>

namespace converge::cli {
namespace {

std::string shown(const std::vector<std::string>& expected, const std::vector<std::string>& got) {
  std::string text;
  for (const DiffLine& line : diff_lines(expected, got)) {
    text += (text.empty() ? "" : " ") + (std::string(1, line.mark) + line.text);
  }
  return text;
}

BOOST_AUTO_TEST_SUITE(line_diff)

BOOST_AUTO_TEST_CASE(shows_what_is_missing_and_what_is_more) {
  BOOST_TEST(shown({}, {}) == "");
  BOOST_TEST(shown({"a"}, {"a"}) == " a");
  BOOST_TEST(shown({"a"}, {}) == "-a");
  BOOST_TEST(shown({}, {"a"}) == "+a");
  BOOST_TEST(shown({"a", "b", "c"}, {"a", "x", "c"}) == " a -b +x  c");
  BOOST_TEST(shown({"a", "b"}, {"b", "a"}) == "-a  b +a");
  BOOST_TEST(shown({"a", "a"}, {"a"}) == " a -a");
  BOOST_TEST(shown({"a", "b", "c", "d"}, {"b", "d", "e"}) == "-a  b -c  d +e");
}

BOOST_AUTO_TEST_CASE(long_texts_are_compared_at_their_ends) {
  std::vector<std::string> expected(3000, "x");
  std::vector<std::string> got(3000, "y");
  for (auto* lines : {&expected, &got}) {
    lines->front() = "first";
    lines->back() = "last";
  }
  const auto diff = diff_lines(expected, got);
  BOOST_REQUIRE(diff.size() == 2u * 2998 + 2);
  BOOST_TEST((diff.front() == DiffLine{' ', "first"}));
  BOOST_TEST((diff.back() == DiffLine{' ', "last"}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::cli
