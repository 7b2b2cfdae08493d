#include "convergers/definition.h"
#include "src/base/error.h"

#include <boost/test/unit_test.hpp>

#include <optional>
#include <string>

namespace converge::convergers {
namespace {

const std::string kFind = "-- find:\nselect 1;\n";
const std::string kHttp = kFind + "-- http: call\n";  // The request begins in line 4.
const std::string kPost = kHttp + "--   POST http://h/x\n";
const std::string kExec = kFind + "-- exec: tell\n";

std::optional<Error> mistake(std::string_view text) {
  try {
    parse_definition("/c/a.sql", text);
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

void check_mistake(std::string_view text, std::string_view expected) {
  BOOST_TEST_CONTEXT(text) {
    const auto error = mistake(text);
    BOOST_REQUIRE(error.has_value());
    const std::string message = error->what();
    BOOST_TEST(message.substr(0, message.find('\n')) == "/c/a.sql:" + std::string(expected));
    BOOST_TEST((error->kind() == ErrorKind::usage));
    BOOST_TEST(message.ends_with('^'));
    BOOST_TEST(!error->hint().empty());
  }
}

void check_request_line(std::string_view line, std::string_view expected) {
  check_mistake(kHttp + "--   " + std::string(line) + "\n", expected);
}

void check_header(std::string_view line, std::string_view expected) {
  check_mistake(kPost + "--   " + std::string(line) + "\n", expected);
}

BOOST_AUTO_TEST_SUITE(outside_mistakes)

BOOST_AUTO_TEST_CASE(directive_of_an_outside_step_stands_in_one) {
  for (const std::string word : {"for", "repeat", "expect"}) {
    const auto message = word + " belongs to no http or exec step";
    check_mistake("-- " + word + ": x\n", "1:4: " + message);
    check_mistake(kFind + "-- step: a\nselect 1;\n-- " + word + ": x\n", "5:4: " + message);
  }
}

BOOST_AUTO_TEST_CASE(outside_step_stands_below_find) {
  check_mistake("-- http: call\n", "1:4: http stands above find");
}

BOOST_AUTO_TEST_CASE(outside_step_has_a_title) {
  check_mistake(kFind + "-- exec:\n--   a\n", "3:9: exec has no title");
}

BOOST_AUTO_TEST_CASE(title_is_unique_over_all_kinds) {
  check_mistake(kPost + "-- step: call\nselect 1\n", "5:10: two steps have the title call");
  check_mistake(kPost + "-- exec: call\n--   a\n", "5:10: two steps have the title call");
  check_mistake(kFind + "-- step: a\nselect 1;\n-- http: a\n", "5:10: two steps have the title a");
  BOOST_TEST(mistake(kPost + "-- exec: call\n--   a\n")->hint() ==
             "The other stands in line 3; rename one.");
}

BOOST_AUTO_TEST_CASE(block_is_required) {
  check_mistake(kHttp, "3:4: this http has no request");
  check_mistake(kExec + "-- for: changed\n", "3:4: this exec has no program");
  check_mistake(kExec + "-- not indented\n", "3:4: this exec has no program");
  check_mistake(kExec + "--\n", "3:4: this exec has no program");
}

BOOST_AUTO_TEST_CASE(block_has_no_gap) {
  check_mistake(kPost + "--   Content-Type: text/plain\n\n--   body\n",
                "7:1: this line is apart from the request above it");
  check_mistake(kExec + "\n--   a\n", "5:1: this line is apart from the program above it");
}

BOOST_AUTO_TEST_CASE(sql_in_an_outside_step_is_refused) {
  check_mistake(kPost + "select 1;\n", "5:1: SQL in this http step");
}

BOOST_AUTO_TEST_CASE(directive_given_twice_is_refused) {
  check_mistake(kPost + "-- expect: 200\n-- expect: 201\n",
                "6:4: expect is given twice in this step");
}

BOOST_AUTO_TEST_CASE(for_is_one_of_two) {
  check_mistake(kPost + "-- for: all\n", "5:9: for is neither changed nor found: all");
  check_mistake(kPost + "-- for:\n", "5:8: for is neither changed nor found: nothing");
}

BOOST_AUTO_TEST_CASE(repeat_goes_with_found) {
  check_mistake(kPost + "-- for: found\n", "5:4: for: found without repeat");
  check_mistake(kPost + "-- repeat: 1m\n", "5:4: repeat without for: found");
  check_mistake(kPost + "-- for: changed\n-- repeat: 1m\n", "6:4: repeat without for: found");
}

BOOST_AUTO_TEST_CASE(repeat_is_a_duration) {
  check_mistake(kPost + "-- repeat: often\n", "5:12: repeat is not a duration: often");
  check_mistake(kPost + "-- repeat: 0s\n", "5:12: repeat is not a duration: 0s");
}

BOOST_AUTO_TEST_CASE(expected_http_status_is_one) {
  for (const std::string status : {"20", "2x", "xxx", "1xx", "600", "-20", "2000", "ok", "2XX"}) {
    check_mistake(kPost + "-- expect: 204, " + status + "\n",
                  "5:17: expect has no HTTP status: " + status);
  }
  check_mistake(kPost + "-- expect: 204,\n", "5:16: expect has no HTTP status: nothing");
}

BOOST_AUTO_TEST_CASE(expected_exit_status_is_one) {
  for (const std::string status : {"256", "-1", "2xx", "0x1"}) {
    check_mistake(kExec + "--   a\n-- expect: " + status + "\n",
                  "5:12: expect has no exit status: " + status);
  }
}

BOOST_AUTO_TEST_CASE(method_is_known) {
  check_request_line("FETCH http://h/", "4:6: not a method: FETCH");
  check_request_line("post http://h/", "4:6: not a method: post");
  check_request_line("{m} http://h/", "4:6: not a method: {m}");
  check_request_line("TRACE http://h/", "4:6: not a method: TRACE");
}

BOOST_AUTO_TEST_CASE(request_line_is_method_and_url) {
  check_request_line("POST", "4:10: there is no URL");
  check_request_line("POST http://h/a b", "4:22: what follows the URL is not HTTP/1.1: b");
  check_request_line("POST http://h/a HTTP/2",
                     "4:22: what follows the URL is not HTTP/1.1: HTTP/2");
  BOOST_TEST(!mistake(kHttp + "--   POST http://h/a HTTP/1.1\n").has_value());
}

BOOST_AUTO_TEST_CASE(url_is_one_that_can_be_called) {
  const std::string bad = "4:11: not a URL that can be called: ";
  check_request_line("POST /clusters", bad + "it begins with neither http:// nor https://");
  check_request_line("POST ftp://h/", bad + "it begins with neither http:// nor https://");
  check_request_line("POST http:///x", bad + "it names no host");
  check_request_line("POST http://h:a/x", bad + "its port is no number");
  check_request_line("POST http://u:p@h/",
                     bad + "it holds a user name or a password, which belong into a header");
  check_request_line("POST http://a,b/", bad + "its host is neither a name nor an address");
  BOOST_TEST(!mistake(kHttp + "--   GET https://[::1]:8080/?a=b\n").has_value());
}

BOOST_AUTO_TEST_CASE(url_has_no_foreign_characters) {
  check_request_line("POST http://h/é", "4:20: not a character of a URL: é");
  check_request_line("POST http://h/a%2", "4:21: not a character of a URL: %");
  check_request_line("POST http://h/{a-b}", "4:20: not a character of a URL: {");
  check_request_line("POST http://h/{}", "4:20: not a character of a URL: {");
  check_request_line("POST http://h/a#b", "4:21: a fragment is never sent");
}

BOOST_AUTO_TEST_CASE(column_says_nothing_of_the_host) {
  const std::string refused = "a column cannot stand before the path of a URL";
  check_request_line("POST {url}", "4:11: " + refused);
  check_request_line("POST {scheme}://h/", "4:11: " + refused);
  check_request_line("POST http://{host}/x", "4:18: " + refused);
  check_request_line("POST http://h.{domain}/x", "4:20: " + refused);
  check_request_line("POST http://h:{port}/x", "4:20: " + refused);
  check_request_line("POST http://{user}@h/x", "4:18: " + refused);
  check_request_line("POST ${BASE}{id}", "4:18: " + refused);
  check_request_line("POST ${SCHEME}://{id}/", "4:23: " + refused);
  BOOST_TEST(!mistake(kHttp + "--   POST ${SCHEME}://${HOST}:${PORT}/{id}?a={id}\n").has_value());
}

BOOST_AUTO_TEST_CASE(bad_variable_is_refused) {
  check_request_line("POST ${}/x", "4:11: this ${ begins no variable");
  check_header("A: ${A B}", "5:9: this ${ begins no variable");
  check_header("A: ${A", "5:9: this ${ begins no variable");
  check_mistake(kPost + "--\n--   a ${é}\n", "6:8: this ${ begins no variable");
}

BOOST_AUTO_TEST_CASE(header_has_a_colon) {
  check_header("Accept", "5:6: not a header: Accept");
  check_header("{name}: a", "5:6: not a header: {name}: a");
  check_header("A b: c", "5:6: not a header: A b: c");
  check_header(": c", "5:6: not a header: : c");
  check_header("  folded: c", "5:6: not a header:   folded: c");
}

BOOST_AUTO_TEST_CASE(header_with_a_control_character_is_refused) {
  check_header("Accept: text/\x1bplain", "5:19: a control character in a header: \\x1b");
  check_header("Accept: a\x7f", "5:15: a control character in a header: \\x7f");
}

BOOST_AUTO_TEST_CASE(header_of_ours_is_refused) {
  for (const std::string name :
       {"Host", "content-length", "Transfer-Encoding", "CONNECTION", "Idempotency-Key"}) {
    check_header(name + ": 1", "5:6: " + name + " is not for a definition to set");
  }
}

BOOST_AUTO_TEST_CASE(header_given_twice_is_refused) {
  check_mistake(kPost + "--   A: 1\n--   a: 2\n", "6:6: a is given twice");
}

BOOST_AUTO_TEST_CASE(content_type_is_written_out) {
  check_header("Content-Type: {type}", "5:20: Content-Type has a reference");
}

BOOST_AUTO_TEST_CASE(json_body_is_json) {
  const auto json = kPost + "--   Content-Type: application/json\n--\n";
  for (const std::string body :
       {"{\"a\": }", "{\"a\": 1{id}}", "{\"a\": {a}{b}}", "{\"a\": \"{id}}", "{\"a\": -{id}}",
        R"({"a": "\{id}"})", "{{id}}"}) {
    check_mistake(json + "--   " + body + "\n",
                  "7:6: the body is not JSON, as its Content-Type says");
  }
  BOOST_TEST(
      !mistake(json + "--   {\"a\": {id}, \"b\": {\"c\": [{}, \"{id}{id}\"]}}\n").has_value());
}

BOOST_AUTO_TEST_CASE(column_in_a_body_wants_to_know_how_it_is_escaped) {
  check_mistake(kPost + "--\n--   {\"id\": {id}}\n",
                "6:13: the body has a column, and the request no Content-Type");
  check_mistake(kPost + "--   Content-Type:\n--\n--   a\n--   b {id}\n",
                "8:8: the body has a column, and the request no Content-Type");
  BOOST_TEST(!mistake(kPost + "--   Content-Type: text/plain\n--\n--   {id}\n").has_value());
  BOOST_TEST(!mistake(kPost + "--\n--   {\"id\": ${ID}}\n").has_value());
}

BOOST_AUTO_TEST_CASE(quote_ends_in_its_line) {
  check_mistake(kExec + "--   a 'b\n--   c'\n", "4:8: this quote does not end in its line");
}

BOOST_AUTO_TEST_CASE(variable_in_an_argument_is_refused) {
  check_mistake(kExec + "--   a --token=${TOKEN}\n",
                "4:16: a variable cannot stand in an argument");
}

BOOST_AUTO_TEST_CASE(environment_is_of_a_program) {
  check_mistake("-- environment: A\n", "1:4: environment belongs to no exec step");
  check_mistake(kPost + "-- environment: A\n", "5:4: environment belongs to an exec step");
  check_mistake(kExec + "--   a\n-- environment: A\n-- environment: B\n",
                "6:4: environment is given twice in this step");
  BOOST_TEST(mistake(kExec + "--   a\n-- enviroment: A\n")
                 ->hint()
                 .starts_with("Did you mean environment?"));
}

BOOST_AUTO_TEST_CASE(environment_is_a_list_of_names) {
  const auto list = kExec + "--   a\n-- environment: ";
  for (const std::string name : {"1A", "A-B", "${A}", "A B", "A=b", "é"}) {
    check_mistake(list + "A_1, " + name + "\n", "5:22: not the name of a variable: " + name);
  }
  check_mistake(list + "A,\n", "5:19: not the name of a variable: nothing");
  check_mistake(kExec + "--   a\n-- environment:\n", "5:16: not the name of a variable: nothing");
  check_mistake(list + "A, B, A\n", "5:23: A is named twice");
  check_mistake(list + "CONVERGE_CONVERGER\n",
                "5:17: CONVERGE_CONVERGER is not for a definition to set");
  BOOST_TEST(!mistake(list + "A, _b2,C\n").has_value());
}

BOOST_AUTO_TEST_CASE(program_is_written_out) {
  check_mistake(kExec + "--   {program} a\n",
                "4:6: a column cannot stand in the name of the program");
  check_mistake(kExec + "--   ./a\n", "4:6: not a program: ./a");
  check_mistake(kExec + "--   '' a\n", "4:6: not a program: nothing");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::convergers
