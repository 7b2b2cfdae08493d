#include "convergers/outside_steps.h"
#include "src/base/error.h"
#include "tests/unit/outside_subject.h"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>

namespace converge::convergers {
namespace {

using tests::OneSubject;

const std::map<std::string, std::string> kVariables = {
    {"BASE", "https://h:8443/api"}, {"TOKEN", "s3cret\"/&"}, {"BROKEN", "a\r\nb"}, {"HOST", "h"}};

std::unique_ptr<const engine::OutsideStep> make_step(const std::string& section) {
  const OutsideEnvironment environment{.variables = Variables(kVariables), .http = nullptr};
  return std::move(make_outside_steps(tests::define_outside(section), environment).front());
}

std::unique_ptr<const engine::OutsideStep> http(const std::string& request) {
  return make_step("-- http: call\n--   " + request + "\n");
}

const std::string kJson =
    "POST http://h/\n--   Content-Type: application/json; charset=utf-8\n--\n--   ";
const std::string kForm =
    "POST http://h/\n--   Content-Type: application/x-www-form-urlencoded\n--\n--   ";
const std::string kText = "POST http://h/\n--   Content-Type: text/plain\n--\n--   ";

// The last line of a request with `{a}` being this.
std::string body(const std::string& request, std::optional<std::string> value,
                 std::uint32_t type = 25) {
  auto text = http(request)->full_text(OneSubject({{"a", std::move(value), type}}).row());
  text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

std::string request_line(const std::string& request, const std::string& value) {
  return http(request)->describe(OneSubject({{"a", value}}).row(), {});
}

// Why a request with `{a}` being this cannot be made.
std::string refusal(const std::string& request, std::optional<std::string> value) {
  try {
    http(request)->describe(OneSubject({{"a", std::move(value)}}).row(), {});
    return "none";
  } catch (const Error& error) {
    BOOST_TEST((error.kind() == ErrorKind::failure));
    return error.what();
  }
}

std::string unmet(const std::string& request, const std::vector<std::string>& columns = {"a"}) {
  try {
    http(request)->require(columns);
    return "none";
  } catch (const Error& error) {
    BOOST_TEST((error.kind() == ErrorKind::failure));
    BOOST_TEST(!error.hint().empty());
    return error.what();
  }
}

BOOST_AUTO_TEST_SUITE(outside_rendering)

BOOST_AUTO_TEST_CASE(value_in_a_url_stays_in_its_place) {
  BOOST_TEST(request_line("GET http://h/x/{a}/y", "7") == "GET http://h/x/7/y");
  BOOST_TEST(request_line("GET http://h/{a}", "../x") == "GET http://h/..%2Fx");
  BOOST_TEST(request_line("GET http://h/{a}", "a b?c#d&e=%é~") ==
             "GET http://h/a%20b%3Fc%23d%26e%3D%25%C3%A9~");
  BOOST_TEST(request_line("GET http://h/?q={a}", "1&admin=1") == "GET http://h/?q=1%26admin%3D1");
  BOOST_TEST(request_line("GET http://h/{a}", "\r\nHost: evil") ==
             "GET http://h/%0D%0AHost%3A%20evil");
  BOOST_TEST(request_line("GET http://h/{a}", "@evil.example/") ==
             "GET http://h/%40evil.example%2F");
  BOOST_TEST(request_line("GET http://h/?q={a}", "") == "GET http://h/?q=");
  BOOST_TEST(request_line("GET http://h/x-{a}", "") == "GET http://h/x-");
}

BOOST_AUTO_TEST_CASE(segment_that_walks_is_refused) {
  const std::string walks = "http call: column a makes a segment of the URL's path empty, . or ..";
  for (const std::string value : {"", ".", ".."}) {
    BOOST_TEST(refusal("GET http://h/x/{a}/y", value) == walks);
    BOOST_TEST(refusal("GET http://h/x/{a}", value) == walks);
    BOOST_TEST(refusal("GET http://h/x/{a}?y", value) == walks);
  }
  BOOST_TEST(refusal("GET http://h/.{a}/y", ".") == walks);
  BOOST_TEST(refusal("GET http://h/%2e{a}/y", ".") == walks);
  BOOST_TEST(refusal("GET http://h/{a}{a}/y", ".") == walks);
  BOOST_TEST(refusal("GET http://h/{a}", "...") == "none");
  BOOST_TEST(refusal("GET http://h/?a={a}/", "..") == "none");
}

BOOST_AUTO_TEST_CASE(null_is_refused_where_it_has_no_form) {
  const std::string null = "http call: column a is null, and stands in ";
  BOOST_TEST(refusal("GET http://h/{a}", std::nullopt) == null + "the URL");
  BOOST_TEST(refusal("GET http://h/\n--   A: {a}", std::nullopt) == null + "a header");
  BOOST_TEST(refusal(kText + "{a}", std::nullopt) == null + "the body");
  BOOST_TEST(refusal(kForm + "a={a}", std::nullopt) == null + "the body");
  BOOST_TEST(refusal(kJson + "[\"{a}\"]", std::nullopt) == null + "the body");
}

BOOST_AUTO_TEST_CASE(header_cannot_become_two) {
  const std::string refused = "http call: column a has a control character, and stands in a header";
  const std::string header = "GET http://h/\n--   A: x{a}";
  for (const std::string value : {"\r\nHost: evil", "\n", "\r", "\x01", "\x7f", "\t"}) {
    BOOST_TEST(refusal(header, value) == refused);
  }
  BOOST_TEST(refusal(header, "é: y") == "none");
}

BOOST_AUTO_TEST_CASE(value_in_a_json_string_stays_in_it) {
  BOOST_TEST(body(kJson + R"({"a": "x {a}"})", "\"},\\\n") == R"({"a": "x \"},\\\n"})");
}

BOOST_AUTO_TEST_CASE(value_in_json_has_the_type_of_its_column) {
  const auto request = kJson + R"({"a": {a}})";
  BOOST_TEST(body(request, "1\", \"b\": 2") == R"({"a": "1\", \"b\": 2"})");
  BOOST_TEST(body(request, "-7", 20) == R"({"a": -7})");
  BOOST_TEST(body(request, "1.50", 1700) == R"({"a": 1.50})");
  BOOST_TEST(body(request, "1e+20", 701) == R"({"a": 1e+20})");
  BOOST_TEST(body(request, "NaN", 701) == R"({"a": "NaN"})");
  BOOST_TEST(body(request, "-Infinity", 1700) == R"({"a": "-Infinity"})");
  BOOST_TEST(body(request, "t", 16) == R"({"a": true})");
  BOOST_TEST(body(request, "f", 16) == R"({"a": false})");
  BOOST_TEST(body(request, std::nullopt, 20) == R"({"a": null})");
  BOOST_TEST(body(request, R"({"b": [1]})", 3802) == R"({"a": {"b": [1]}})");
  BOOST_TEST(body(request, "[1,\n2]", 114) == R"({"a": [1, 2]})");
  BOOST_TEST(body(request, "{1,2}", 1007) == R"({"a": "{1,2}"})");
}

BOOST_AUTO_TEST_CASE(quotes_before_a_reference_tell_whether_it_is_in_a_string) {
  BOOST_TEST(body(kJson + R"(["\"", {a}, "\\", "{a}"])", "x") == R"(["\"", "x", "\\", "x"])");
}

BOOST_AUTO_TEST_CASE(other_types_of_json_are_json_too) {
  const std::string request =
      "POST http://h/\n--   content-type: Application/Problem+JSON\n--\n--   [{a}]";
  BOOST_TEST(body(request, "x") == "[\"x\"]");
}

BOOST_AUTO_TEST_CASE(value_in_a_form_stays_in_its_field) {
  BOOST_TEST(body(kForm + "a={a}&b=1", "x&b=2 +") == "a=x%26b%3D2+%2B&b=1");
}

BOOST_AUTO_TEST_CASE(other_bodies_have_values_as_they_are) {
  BOOST_TEST(body(kText + "<{a}>", "\"&") == "<\"&>");
}

BOOST_AUTO_TEST_CASE(other_braces_are_text) {
  BOOST_TEST(body(kText + "{ {} {{a}} {{ {1} { a } }} {a-b} $ $a {{a}", "x") ==
             "{ {} {a} {{ {1} { a } }} {a-b} $ $a {x");
}

BOOST_AUTO_TEST_CASE(variables_are_shown_by_their_names) {
  const auto step =
      http("POST ${BASE}/{a}?k=${TOKEN}\n--   Authorization: Bearer ${TOKEN}\n--\n--   ${TOKEN}");
  const OneSubject subject({{"a", "7"}});
  BOOST_TEST(step->describe(subject.row(), {}) == "POST ${BASE}/7?k=${TOKEN}");
  BOOST_TEST(step->full_text(subject.row()) ==
             "POST ${BASE}/7?k=${TOKEN}\nAuthorization: Bearer ${TOKEN}\n\n${TOKEN}\n");
}

BOOST_AUTO_TEST_CASE(environment_of_a_program_is_shown_by_its_names) {
  const auto step = make_step("-- exec: tell\n--   mail {a}\n-- environment: TOKEN, HOST\n");
  const OneSubject subject({{"a", "7"}});
  BOOST_TEST(step->describe(subject.row(), {}) == "mail 7");
  BOOST_TEST(step->full_text(subject.row()) ==
             "mail 7\nTOKEN=${TOKEN}\nHOST=${HOST}\n\n{\"a\":\"7\"}\n");
}

BOOST_AUTO_TEST_CASE(hidden_columns_are_shown_by_their_names) {
  const OneSubject subject({{"id", "7"}, {"email", "zoe@h"}});
  BOOST_TEST(http("POST http://h/{id}/{email}")->describe(subject.row(), {"email"}) ==
             "POST http://h/7/{email}");
  BOOST_TEST(
      make_step("-- exec: tell\n--   mail {email} {id}\n")->describe(subject.row(), {"email"}) ==
      "mail '{email}' 7");
}

BOOST_AUTO_TEST_CASE(description_is_one_line) {
  const OneSubject subject({{"a", "x\n\x1b[2J"}});
  BOOST_TEST(make_step("-- exec: tell\n--   echo {a}\n")->describe(subject.row(), {}) ==
             "echo 'x\\n\\x1b[2J'");
}

BOOST_AUTO_TEST_CASE(unknown_column_is_refused_with_its_place) {
  BOOST_TEST(unmet("GET http://h/{a}", {"id"}) ==
             "/c/a.sql:4:19: http call: find returns no column a");
  BOOST_TEST(unmet("GET http://h/\n--   A: {a}", {"id"}) ==
             "/c/a.sql:5:9: http call: find returns no column a");
  BOOST_TEST(unmet(kText + "x {a}", {"id"}) == "/c/a.sql:7:8: http call: find returns no column a");
  BOOST_TEST(unmet("GET http://h/{a}") == "none");
}

BOOST_AUTO_TEST_CASE(variable_that_is_not_set_is_refused_with_its_place) {
  BOOST_TEST(unmet("GET http://h/${CONVERGE_TEST_UNSET}") ==
             "/c/a.sql:4:19: http call: variable CONVERGE_TEST_UNSET is not set");
  BOOST_TEST(unmet("GET http://h/\n--   A: ${TOKEN}") == "none");
}

BOOST_AUTO_TEST_CASE(environment_goes_before_the_configuration) {
  BOOST_REQUIRE(setenv("CONVERGE_TEST_SET", "environment", 1) == 0);
  const Variables variables({{"CONVERGE_TEST_SET", "file"}, {"CONVERGE_TEST_OTHER", "file"}});
  BOOST_TEST(*variables.find("CONVERGE_TEST_SET") == "environment");
  BOOST_TEST(*variables.find("CONVERGE_TEST_OTHER") == "file");
  unsetenv("CONVERGE_TEST_SET");
  BOOST_TEST(*variables.find("CONVERGE_TEST_SET") == "file");
}

BOOST_AUTO_TEST_CASE(variables_make_a_url_that_can_be_called) {
  const std::string bad = "/c/a.sql:4:10: http call: with its variables the URL cannot be called: ";
  BOOST_TEST(unmet("GET ${BASE}/{a}") == "none");
  BOOST_TEST(unmet("GET http://${HOST}:80/{a}") == "none");
  BOOST_TEST(unmet("GET ${HOST}/{a}") == bad + "it begins with neither http:// nor https://");
  BOOST_TEST(unmet("GET http://${BROKEN}/{a}") == bad + "it has a character that no URL has");
  BOOST_TEST(unmet("GET http://${TOKEN}/") == bad + "it has a character that no URL has");
}

// `${SLASH}/{a}` looks as if the column stood in a path.
BOOST_AUTO_TEST_CASE(variables_cannot_put_a_column_into_the_host) {
  for (const char* base : {"http:/", "https:/", "http://"}) {
    for (const std::string path : {"/{a}", "/x{a}"}) {
      const std::map<std::string, std::string> slash = {{"SLASH", base}};
      const OutsideEnvironment environment{.variables = Variables(slash), .http = nullptr};
      const auto step = std::move(
          make_outside_steps(
              tests::define_outside("-- http: call\n--   GET ${SLASH}" + path + "\n"), environment)
              .front());
      BOOST_CHECK_THROW(step->require({"a"}), Error);
      BOOST_CHECK_THROW(step->attempt(OneSubject({{"a", "evil.example"}}).row(),
                                      {.key = "k", .timeout = std::chrono::seconds(1)}),
                        Error);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::convergers
