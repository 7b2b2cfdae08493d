#include "convergers/redactor.h"

#include <boost/test/unit_test.hpp>

#include <map>
#include <string>

namespace converge::convergers {
namespace {

Redactor redactor(const std::map<std::string, std::string>& variables) {
  Pieces pieces = {{.kind = Piece::Kind::text, .text = "TEXT"},
                   {.kind = Piece::Kind::column, .text = "COLUMN"}};
  for (const auto& [name, value] : variables) {
    pieces.push_back({.kind = Piece::Kind::variable, .text = name});
  }
  return {Variables(variables), pieces};
}

BOOST_AUTO_TEST_SUITE(redaction)

BOOST_AUTO_TEST_CASE(values_are_replaced_by_names) {
  BOOST_TEST(redactor({{"A", "s3cret"}, {"B", "other"}}).redact("x s3crets3cret other y") ==
             "x ${A}${A} ${B} y");
}

BOOST_AUTO_TEST_CASE(escaped_values_are_found) {
  const auto one = redactor({{"A", "a b\"/"}});
  BOOST_TEST(one.redact(R"(a b"/ a%20b%22%2F a+b%22%2F "a b\"/")") == "${A} ${A} ${A} \"${A}\"");
}

BOOST_AUTO_TEST_CASE(longest_value_goes_first) {
  BOOST_TEST(redactor({{"A", "abcd"}, {"B", "abcdef"}}).redact("abcdef abcde") == "${B} ${A}e");
}

BOOST_AUTO_TEST_CASE(short_values_are_left) {
  BOOST_TEST(redactor({{"A", "abc"}, {"B", ""}}).redact("abc") == "abc");
}

BOOST_AUTO_TEST_CASE(what_may_be_the_beginning_of_a_value_is_cut) {
  const auto one = redactor({{"A", "s3cret"}});
  BOOST_TEST(one.redact("x s3cre", true) == "x ");
  BOOST_TEST(one.redact("x s3cre") == "x s3cre");
  BOOST_TEST(one.redact("x s3cret", true) == "x ${A}");
  BOOST_TEST(redactor({{"A", "abab"}}).redact("abab", true) == "${A}");
  BOOST_TEST(redactor({{"A", "abcd"}, {"B", "abcdef"}}).redact("abcde", true) == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::convergers
