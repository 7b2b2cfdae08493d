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

// As PHP, Python, Go and browsers write it.
BOOST_AUTO_TEST_CASE(each_character_is_found_in_any_spelling) {
  const auto one = redactor({{"A", "a/b \"\xc3\xbc&<'\xf0\x9f\x94\x91z"}});
  for (const std::string spelled : {
           "a/b \"\xc3\xbc&<'\xf0\x9f\x94\x91z",
           R"(a\/b \"\u00fc&<'\ud83d\udd11z)",
           R"(a\/b \u0022\u00FC\u0026\u003C\u0027\uD83D\uDD11z)",
           R"(\u0061\/b\u0020\"\u00fc\u0026\u003c\u0027\ud83d\uDD11\u007a)",
           "a%2Fb%20%22%C3%BC%26%3C%27%F0%9F%94%91z",
           "a%2fb%20%22%c3%bc%26%3c%27%f0%9f%94%91z",
           "%61%2fb+%22%c3%Bc%26%3C'%F0%9f%94%91%7A",
           "a/b &quot;\xc3\xbc&amp;&lt;&#39;\xf0\x9f\x94\x91z",
           "a&#x2F;b &#34;&#252;&#x26;&#60;&#x27;&#128273;z",
           "a&#47;b&#32;&quot;&#x00FC;&amp;&lt;&apos;&#x1f511;z",
           "a\\/b%20&quot;\\u00fc%26&lt;&#39;%F0%9F%94%91z",
       }) {
    BOOST_TEST(one.redact("(" + spelled + ")") == "(${A})");
  }
  for (const std::string other :
       {"a\\\\/b", "a%2eb", "&#x2F;b", "a&quot;b", "&amp;", "&#", "\\u00f"}) {
    BOOST_TEST(one.redact(other) == other);
  }
}

BOOST_AUTO_TEST_CASE(value_that_looks_escaped_is_found_as_it_is) {
  const auto one = redactor({{"A", R"(\\/%25+&amp;)"}});
  for (const std::string spelled : {R"(\\/%25+&amp;)", R"(\\\\\/%25+&amp;)",
                                    "%5C%5c%2F%2525%2B%26amp%3B", R"(\\/%25+&amp;amp;)"}) {
    BOOST_TEST(one.redact("<" + spelled + ">") == "<${A}>");
  }
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_text_are_found_as_json_writes_them) {
  const auto one = redactor({{"A",
                              "abc\xff"
                              "d"}});
  BOOST_TEST(one.redact("abc\xff"
                        "d abc%FFd abc\\ufffdd abc\xef\xbf\xbd"
                        "d") == "${A} ${A} ${A} ${A}");
}

// The whole value, and where a user's name and a colon stand before it.
BOOST_AUTO_TEST_CASE(base64_is_found) {
  const auto one = redactor({{"A", "s3cret-token?>"}});
  for (const std::string coded : {"czNjcmV0LXRva2VuPz4=", "czNjcmV0LXRva2VuPz4",
                                  "czNjcmV0LXRva2VuPz4%3D", "czNjcmV0LXRva2VuPz4\\u003d"}) {
    BOOST_TEST(one.redact("Basic " + coded) == "Basic ${A}");
  }
  for (const std::string coded : {"dTpzM2NyZXQtdG9rZW4_Pg==", "dTpzM2NyZXQtdG9rZW4/Pg==",
                                  "dXNlcjpzM2NyZXQtdG9rZW4/Pg==", "dXM6czNjcmV0LXRva2VuPz4K"}) {
    const auto told = one.redact(coded);
    BOOST_TEST(told.find("${A}") != std::string::npos, told);
    BOOST_TEST(told.find("NyZXQ") == std::string::npos, told);
    BOOST_TEST(told.find("jcmV0") == std::string::npos, told);
  }
}

BOOST_AUTO_TEST_CASE(beginning_of_a_value_is_cut_in_any_spelling) {
  const auto one = redactor({{"A", "s3/\xc3\xbc&t"}});
  for (const std::string begun :
       {"s", "s3", "s3\\", "s3%", "s3%2", "s3%2f", "s3\\/\\u00", "s3/%c3%b", "s3/\xc3", "s3/&#x",
        "s3/&#25", "s3/\xc3\xbc&", "s3/\xc3\xbc&am"}) {
    BOOST_TEST(one.redact("x " + begun, true) == "x ");
    BOOST_TEST(one.redact("x " + begun) == "x " + begun);
  }
  BOOST_TEST(one.redact("x s3/\\u00fc&t", true) == "x ${A}");
  BOOST_TEST(one.redact("x s4 y", true) == "x s4 y");
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
