#include "convergers/definition.h"

#include <boost/test/unit_test.hpp>

#include <string>

namespace converge::convergers {
namespace {

const std::string kFind = "-- find:\nselect 1;\n";

constexpr std::string_view kWhole = R"(-- find:
select id from account;

-- http: announce
--     POST https://h/{id}
--     A: b
--
--       {"deep": 1}
--
-- for: found
-- repeat: 10m
-- expect: 2xx,  409

-- a comment
--   and an indented one

-- step: archive
update a set b = 1 returning id;

-- exec: tell
--   /bin/tell --account {id}
--     'the owner'
)";

Definition parse(std::string_view text) { return parse_definition("/c/a.sql", text); }

BOOST_AUTO_TEST_SUITE(outside_section)

BOOST_AUTO_TEST_CASE(sections_are_understood) {
  const auto definition = parse(kWhole);
  BOOST_REQUIRE(definition.outside.size() == 2u);
  const auto& http = definition.outside[0];
  BOOST_TEST(http.kind == "http");
  BOOST_TEST(http.title == "announce");
  BOOST_TEST(http.after == 0u);
  BOOST_TEST((http.acts_for == engine::ActsFor::found));
  BOOST_TEST((http.repeat == std::chrono::minutes(10)));
  BOOST_TEST(http.expect == "2xx,  409");
  const auto& exec = definition.outside[1];
  BOOST_TEST(exec.kind == "exec");
  BOOST_TEST(exec.after == 1u);
  BOOST_TEST((exec.acts_for == engine::ActsFor::changed));
  BOOST_TEST(definition.steps.size() == 1u);
}

BOOST_AUTO_TEST_CASE(common_indentation_is_removed) {
  const auto definition = parse(kWhole);
  std::string text;
  for (const auto& line : definition.outside[0].lines) text += line.text + "\n";
  BOOST_TEST(text == "POST https://h/{id}\nA: b\n\n  {\"deep\": 1}\n");
  const auto& second = definition.outside[1].lines[1];
  BOOST_TEST(second.text == "  'the owner'");
  BOOST_TEST(definition.text.substr(second.offset, second.text.size()) == second.text);
}

BOOST_AUTO_TEST_CASE(outside_steps_alone_are_enough) {
  const auto definition = parse(kFind + "-- exec: a\n--   true\n");
  BOOST_TEST(definition.steps.empty());
  BOOST_TEST(definition.outside.size() == 1u);
}

BOOST_AUTO_TEST_CASE(success_is_expected_by_default) {
  const auto definition = parse(kFind + "-- exec: a\n--   true\n-- http: b\n--   GET http://h\n");
  const auto& exec = definition.outside[0].expected;
  BOOST_TEST(is_expected(exec, 0));
  BOOST_TEST(!is_expected(exec, 1));
  const auto& http = definition.outside[1].expected;
  BOOST_TEST(is_expected(http, 200));
  BOOST_TEST(is_expected(http, 299));
  BOOST_TEST(!is_expected(http, 300));
}

BOOST_AUTO_TEST_CASE(only_what_is_expected_is_good) {
  const auto expected = parse(kWhole).outside[0].expected;
  BOOST_TEST(is_expected(expected, 204));
  BOOST_TEST(is_expected(expected, 409));
  BOOST_TEST(!is_expected(expected, 404));
  const auto exec = parse(kFind + "-- exec: a\n--   true\n-- expect: 3\n").outside[0].expected;
  BOOST_TEST(is_expected(exec, 3));
  BOOST_TEST(!is_expected(exec, 0));
}

BOOST_AUTO_TEST_CASE(windows_line_ends_are_tolerated_in_a_request) {
  const auto definition =
      parse("-- find:\r\nselect 1;\r\n-- http: a\r\n--   POST http://h/\r\n--\r\n--   b\r\n");
  BOOST_TEST(definition.outside[0].lines.size() == 3u);
  BOOST_TEST(definition.outside[0].lines[2].text == "b");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::convergers
