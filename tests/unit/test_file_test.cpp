#include "convergers/test_file.h"

#include "src/base/error.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <optional>
#include <string>

namespace converge::convergers {
namespace {

constexpr std::string_view kPath = "/etc/c/archive.test.sql";
const std::string kExpect = "-- expect: subject 1, step s, 1 change\n";

TestFile parsed(std::string_view text) { return parse_test_file(kPath, text); }

Expectation expectation(const std::string& value) {
  return parsed("-- expect: " + value + "\n").cases.at(0).expected.at(0);
}

std::vector<Row> rows(const std::string& block) {
  return parsed(kExpect + "-- then:\nselect 1\n-- is:\n" + block).cases.at(0).questions.at(0).rows;
}

/// That the message begins with `PATH:` and this, has the line and a caret, and a hint.
void check_mistake(std::string_view text, std::string_view expected,
                   std::string_view path = kPath) {
  BOOST_TEST_CONTEXT(text) {
    std::optional<Error> error;
    try {
      parse_test_file(path, text);
    } catch (const Error& caught) {
      error = caught;
    }
    BOOST_REQUIRE(error.has_value());
    const std::string message = error->what();
    BOOST_TEST(message.substr(0, message.find('\n')) ==
               std::string(path) + ":" + std::string(expected));
    BOOST_TEST(std::count(message.begin(), message.end(), '\n') == 2);
    BOOST_TEST((error->kind() == ErrorKind::usage));
    BOOST_TEST(!error->hint().empty());
  }
}

BOOST_AUTO_TEST_SUITE(test_file)

BOOST_AUTO_TEST_CASE(whole_file_is_read) {
  const auto file = parsed(
      "-- Tests archiving.\n"
      "--\n"
      "-- And more.\n"
      "\n"
      "-- given:\n"
      "insert into a values (1);\n"
      "\n"
      "-- case: first\n"
      "-- given:\n"
      "insert into b values (';');  -- not the end\n"
      "insert into c\n"
      "values (1)\n"
      "-- expect: subject 1, step s, 2 changes\n"
      "-- A word for people.\n"
      "-- expect: subject 2, http ask, POST ${HOST}/2, please\n"
      "--   POST ${HOST}/2, please\n"
      "--\n"
      "--     {}\n"
      "-- then:\n"
      "select 1;\n"
      "-- is:\n"
      "--   1 | x\n"
      "-- then:\n"
      "select 2\n"
      "-- is:\n"
      "\n"
      "-- case: second\n"
      "-- expect: nothing\n");
  BOOST_TEST(file.converger == "archive");
  BOOST_TEST(file.description == "Tests archiving.\n\nAnd more.");
  BOOST_REQUIRE(file.cases.size() == 2u);

  const TestCase& first = file.cases[0];
  BOOST_TEST(first.title == "first");
  BOOST_TEST(first.line == 8);
  BOOST_REQUIRE(first.given.size() == 3u);
  BOOST_TEST(first.given[0].sql == "insert into a values (1)");
  BOOST_TEST(first.given[1].sql == "insert into b values (';')");
  BOOST_TEST(first.given[2].sql == "insert into c\nvalues (1)");
  BOOST_TEST(first.given[2].line == 11);
  BOOST_REQUIRE(first.expected.size() == 2u);
  BOOST_TEST(text_of(first.expected[0]) == "subject 1, step s, 2 changes");
  BOOST_TEST(first.expected[0].line == 13);
  BOOST_TEST(text_of(first.expected[1]) == "subject 2, http ask, POST ${HOST}/2, please");
  BOOST_TEST(first.expected[1].full_text.value_or("") == "POST ${HOST}/2, please\n\n  {}");
  BOOST_REQUIRE(first.questions.size() == 2u);
  BOOST_TEST(first.questions[0].query.sql == "select 1");
  BOOST_REQUIRE(first.questions[0].rows.size() == 1u);
  BOOST_TEST(text_of(first.questions[0].rows[0]) == "1 | x");
  BOOST_TEST(first.questions[1].rows.empty());

  BOOST_TEST(file.cases[1].title == "second");
  BOOST_TEST(file.cases[1].given.size() == 1u);
  BOOST_TEST(file.cases[1].expected.empty());
}

BOOST_AUTO_TEST_CASE(file_without_a_case_is_one) {
  const auto file = parsed("-- given:\nselect 1;\n" + kExpect);
  BOOST_REQUIRE(file.cases.size() == 1u);
  BOOST_TEST(file.cases[0].title == "archive");
  BOOST_TEST(file.cases[0].given.size() == 1u);
}

BOOST_AUTO_TEST_CASE(keys_and_titles_may_be_quoted) {
  const auto one = expectation("subject 'O''Hara, A.', step 'a, b', 12 changes");
  BOOST_TEST(one.subject == "O'Hara, A.");
  BOOST_TEST(one.title == "a, b");
  BOOST_TEST(one.changes == 12);
  BOOST_TEST(text_of(one) == "subject 'O''Hara, A.', step 'a, b', 12 changes");
  BOOST_TEST(expectation("subject a b@c.d , step it's late, 1 change").subject == "a b@c.d");
  BOOST_TEST(expectation("subject '', exec tell, /bin/x 'y'").request == "/bin/x 'y'");
}

BOOST_AUTO_TEST_CASE(cells_are_read_as_they_are_written) {
  const auto all = rows("--   1 | null | 'null' | '' | it's\n--   ' a|''b'' '\n--    | 2\n");
  BOOST_REQUIRE(all.size() == 3u);
  BOOST_REQUIRE(all[0].size() == 5u);
  BOOST_TEST(!all[0][1].has_value());
  BOOST_TEST(all[0][2].value() == "null");
  BOOST_TEST(all[0][3].value() == "");
  BOOST_TEST(all[0][4].value() == "it's");
  BOOST_TEST(all[1][0].value() == " a|'b' ");
  BOOST_TEST(all[2][0].value() == "");
  BOOST_TEST(text_of(all[0]) == "1 | null | 'null' | '' | it's");
  BOOST_TEST(text_of(all[1]) == "' a|''b'' '");
  BOOST_TEST(text_of(all[2]) == "'' | 2");
}

BOOST_AUTO_TEST_CASE(mistakes_of_order_are_pointed_at) {
  check_mistake("-- A test.\n", "1:11: there is no expect");
  check_mistake("-- case: a\n-- case: b\n" + kExpect, "2:4: there is no expect");
  check_mistake(kExpect + "-- given:\nselect 1\n", "2:4: given stands below expect");
  check_mistake("-- given:\nselect 1;\n-- given:\nselect 1\n", "3:4: given is given twice");
  check_mistake(kExpect + "-- then:\nselect 1\n-- is:\n" + kExpect,
                "5:4: expect stands below then");
  check_mistake("-- then:\nselect 1\n", "1:4: then stands above expect");
  check_mistake(kExpect + "-- then:\nselect 1\n", "2:4: this then has no is");
  check_mistake(kExpect + "-- then:\nselect 1\n-- then:\nselect 1\n-- is:\n",
                "2:4: this then has no is");
  check_mistake("-- case: a\n" + kExpect + "-- then:\nselect 1\n-- case: b\n" + kExpect,
                "3:4: this then has no is");
  check_mistake(kExpect + "-- then:\n-- is:\n", "2:4: this then has no query");
  check_mistake(kExpect + "-- is:\n", "2:4: is without a query");
  check_mistake(kExpect + "-- then:\nselect 1\n-- is:\n-- is:\n", "5:4: is without a query");
  check_mistake(kExpect + "-- case: a\n" + kExpect, "1:4: this stands above the first case");
}

BOOST_AUTO_TEST_CASE(mistakes_of_cases_are_pointed_at) {
  check_mistake("-- case:\n" + kExpect, "1:9: case has no title");
  check_mistake("-- case: a\n" + kExpect + "-- case: a\n" + kExpect,
                "3:10: two cases have the title a");
  check_mistake("-- evry: 1s\n", "1:4: unknown directive: evry");
  check_mistake("-- http: x\n", "1:4: unknown directive: http");
  check_mistake(kExpect, "1:1: not the name of a test: archive.sql", "/etc/c/archive.sql");
  check_mistake("-- \xff\n" + kExpect, "1:4: byte 0xff is not UTF-8");
}

BOOST_AUTO_TEST_CASE(mistakes_of_expect_are_pointed_at) {
  const auto expect = [](const std::string& value, const std::string& expected) {
    check_mistake("-- expect: " + value + "\n", "1:" + expected);
  };
  expect("", "11: expect does not begin with a subject");
  expect("step s, 1 change", "12: expect does not begin with a subject");
  expect("subject , step s, 1 change", "20: no key here");
  expect("subject 1", "21: the step is missing");
  expect("subject 'a", "20: this quote does not end");
  expect("subject 'a' b, step s, 1 change", "24: the step is missing");
  expect("subject 1, sql s, 1 change", "23: not a kind of step: sql");
  expect("subject 1, step , 1 change", "28: no title here");
  expect("subject 1, step s", "29: the number of changes is missing");
  expect("subject 1, step s, many changes", "31: not a number of changes: many changes");
  expect("subject 1, step s, 1 chance", "31: not a number of changes: 1 chance");
  expect("subject 1, step s, 0 changes", "31: a number of changes must be 1 or more: 0 changes");
  expect("subject 1, http s", "29: what the step sends is missing");
  expect("subject 1, exec s, ", "30: what the step sends is missing");
  check_mistake(kExpect + kExpect, "2:12: the same step of the same subject is expected twice");
  check_mistake(kExpect + "-- expect: nothing\n", "2:12: nothing is expected, and something");
  check_mistake("-- expect: nothing\n" + kExpect, "2:12: nothing is expected, and something");
}

BOOST_AUTO_TEST_CASE(mistakes_of_sql_are_pointed_at) {
  check_mistake("select 1;\n" + kExpect, "1:1: SQL that belongs to no directive");
  check_mistake(kExpect + "select 1\n", "2:1: SQL that belongs to no directive");
  check_mistake(kExpect + "-- then:\nselect 1\n-- is:\n--   1\nselect 2",
                "6:1: SQL that belongs to no directive");
  check_mistake(kExpect + "-- then:\nselect 1; select 2\n-- is:\n",
                "3:11: a second query below this then");
  check_mistake("-- given:\nselect 1;;\n", "2:10: an empty statement");
  check_mistake("-- given:\nselect 'a\n", "2:8: this string does not end");
  check_mistake("-- given:\n\\i x.sql\n", "2:1: psql meta-commands are not available in a test");
  check_mistake("-- given:\ncopy a from stdin;\n", "2:13: copy cannot use stdin here");
  check_mistake("-- given:\n-- expect: nothing\n-- is: 1\n", "3:8: is takes no value");
}

BOOST_AUTO_TEST_CASE(transaction_control_is_refused) {
  for (const std::string word :
       {"begin", "COMMIT", "rollback", "end", "abort", "start", "savepoint", "release"}) {
    std::string lower = word;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    check_mistake("-- given:\nselect 1;\n" + word + ";\n", "3:1: " + lower + " in a case");
    check_mistake(kExpect + "-- then:\n" + word + "\n-- is:\n", "3:1: " + lower + " in a case");
  }
  check_mistake("-- given:\nprepare transaction 'x';\n", "2:9: transaction in a case");
  BOOST_TEST(parsed("-- given:\nselect 1 as commit;\n" + kExpect).cases.size() == 1u);
}

BOOST_AUTO_TEST_CASE(mistakes_of_rows_are_pointed_at) {
  const auto is = [](const std::string& row, const std::string& expected) {
    check_mistake(kExpect + "-- then:\nselect 1\n-- is:\n" + row + "\n", "5:" + expected);
  };
  is("-- 1 | 2", "3: a row that is not indented");
  is("--   1 | 'a", "10: this quote does not end");
  is("--   1 | 'a' b", "14: text behind a quoted cell");
}

BOOST_AUTO_TEST_CASE(mistake_shows_its_line_and_a_caret) {
  try {
    parsed("-- expect: subject 1, stp s, 1 change\n");
    BOOST_FAIL("it was accepted");
  } catch (const Error& error) {
    const std::string message = error.what();
    BOOST_TEST(message.substr(message.find('\n') + 1) ==
               "    -- expect: subject 1, stp s, 1 change\n"
               "                          ^");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::convergers
