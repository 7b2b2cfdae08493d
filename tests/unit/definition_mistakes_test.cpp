#include "convergers/definition.h"
#include "src/base/error.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <optional>
#include <string>

namespace converge::convergers {
namespace {

constexpr std::string_view kPath = "/etc/c/archive.sql";
const std::string kFind = "-- find:\nselect 1;\n";
const std::string kFindAndStep = kFind + "-- step: one\n";  // The statement is in line 4.

std::optional<Error> mistake(std::string_view text, std::string_view path = kPath) {
  try {
    parse_definition(path, text);
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

// That the first line is `PATH:` and this, and that there is a hint.
void check_mistake(std::string_view text, std::string_view expected,
                   std::string_view path = kPath) {
  BOOST_TEST_CONTEXT(text.substr(0, 200)) {
    const auto error = mistake(text, path);
    BOOST_REQUIRE(error.has_value());
    const std::string message = error->what();
    const auto first_line = message.substr(0, message.find('\n'));
    BOOST_TEST(first_line == std::string(path) + ":" + std::string(expected));
    BOOST_TEST(std::count(message.begin(), message.end(), '\n') == 2);
    BOOST_TEST((error->kind() == ErrorKind::usage));
    BOOST_TEST(!error->hint().empty());
  }
}

// What follows the first line.
std::string pointed_at(std::string_view text) {
  const std::string message = mistake(text).value().what();
  return message.substr(message.find('\n') + 1);
}

BOOST_AUTO_TEST_SUITE(definition_mistakes)

BOOST_AUTO_TEST_CASE(unknown_directive_is_refused_with_the_nearest) {
  const std::string text = "-- evry: 10s\n" + kFindAndStep + "select 1";
  check_mistake(text, "1:4: unknown directive: evry");
  BOOST_TEST(mistake(text)->hint() ==
             "Did you mean every? A comment with a colon can be indented: put two blanks or more "
             "after the dashes.");
  check_mistake(kFindAndStep + "select 1\n-- note: because\n+ 1", "5:4: unknown directive: note");
  check_mistake("--note:\n", "1:3: unknown directive: note");
}

BOOST_AUTO_TEST_CASE(directive_without_a_blank_is_refused) {
  check_mistake("-- limit:500\n" + kFindAndStep + "select 1", "1:10: no blank after limit:");
}

BOOST_AUTO_TEST_CASE(setting_given_twice_is_refused) {
  check_mistake("-- every: 1s\n-- chunk: 5\n-- every: 1s\n", "3:4: every is given twice");
  check_mistake("-- operator:\n--   a;\n-- operator:\n", "3:4: operator is given twice");
}

BOOST_AUTO_TEST_CASE(limit_of_one_in_shards_is_refused) {
  check_mistake("-- limit: 5\n-- shards: 2\n" + kFindAndStep + "select 1",
                "2:4: limit and shards do not go together");
  check_mistake("-- shards: 2\n-- every: 1s\n-- limit: 5\n" + kFindAndStep + "select 1",
                "3:4: limit and shards do not go together");
}

BOOST_AUTO_TEST_CASE(setting_below_find_is_refused) {
  check_mistake(kFind + "-- every: 1s\n", "3:4: every stands below find");
  check_mistake(kFindAndStep + "select 1\n-- operator:\n", "5:4: operator stands below find");
}

BOOST_AUTO_TEST_CASE(bad_value_is_pointed_at) {
  check_mistake("-- every: soon\n", "1:11: every is not a duration: soon");
  check_mistake("-- timeout:   0s\n", "1:15: timeout must not be zero");
  check_mistake("-- redact: a, b, a\n", "1:18: redact names a twice");
  check_mistake("-- limit: many\n",
                "1:11: limit is neither a count nor a percentage with a base: many");
  check_mistake("-- chunk: 0\n", "1:11: chunk is not a number from 1 to 100000: 0");
  check_mistake("-- listen:\n", "1:11: listen has no value");
}

BOOST_AUTO_TEST_CASE(operator_and_find_take_no_value) {
  check_mistake("-- operator: begin;\n", "1:14: operator takes no value");
  check_mistake("-- find: select 1\n", "1:10: find takes no value");
}

BOOST_AUTO_TEST_CASE(sql_above_find_is_refused) {
  check_mistake("-- Text.\n\n  select 1;\n", "3:3: SQL that belongs to no directive");
}

BOOST_AUTO_TEST_CASE(missing_find_is_refused) {
  check_mistake("", "1:1: there is no find");
  check_mistake("\xef\xbb\xbf", "1:1: there is no find");
  check_mistake("-- every: 1s\n\n\n", "1:13: there is no find");
  check_mistake("-- step: one\nselect 1\n", "1:4: step stands above find");
}

BOOST_AUTO_TEST_CASE(second_find_is_refused) {
  check_mistake(kFind + kFind, "3:4: find is given twice");
}

BOOST_AUTO_TEST_CASE(missing_step_is_refused) { check_mistake(kFind, "2:10: there is no step"); }

BOOST_AUTO_TEST_CASE(title_is_required) {
  check_mistake(kFind + "-- step:\nselect 1", "3:9: step has no title");
  check_mistake(kFind + "-- step:  \nselect 1", "3:9: step has no title");
}

BOOST_AUTO_TEST_CASE(title_is_unique) {
  const auto text = kFindAndStep + "select 1\n-- step:  one \nselect 2";
  check_mistake(text, "5:11: two steps have the title one");
  BOOST_TEST(mistake(text)->hint() ==
             "The other stands above the statement in line 4; rename one.");
}

BOOST_AUTO_TEST_CASE(title_is_short) {
  check_mistake(kFind + "-- step: " + std::string(101, 'x') + "\nselect 1",
                "3:10: the title has 101 characters, more than 100");
}

BOOST_AUTO_TEST_CASE(empty_statement_is_refused) {
  check_mistake("-- find:\n-- step: one\nselect 1", "1:4: this find has no statement");
  check_mistake(kFindAndStep + "-- only\n/* comments */\n", "3:4: this step has no statement");
  check_mistake(kFindAndStep + " ;\n", "4:2: an empty statement");
}

BOOST_AUTO_TEST_CASE(second_statement_is_refused) {
  check_mistake("-- find:\nselect 1; select 2\n", "2:11: a second statement in this find");
  check_mistake(kFindAndStep + "select 1;\n-- and\nselect 2;",
                "6:1: a second statement in this step");
  check_mistake(kFindAndStep + "select 1;;", "4:10: a second statement in this step");
}

BOOST_AUTO_TEST_CASE(what_does_not_end_is_refused) {
  check_mistake(kFindAndStep + "select 'a\n", "4:8: this string does not end");
  check_mistake(kFindAndStep + "select E'a\\'\n", "4:8: this string does not end");
  check_mistake(kFindAndStep + "select \"a'\n", "4:8: this quoted name does not end");
  check_mistake(kFindAndStep + "select $f$ $$\n", "4:8: this dollar quote does not end");
  check_mistake(kFindAndStep + "select 1 /* /* */\n", "4:10: this comment does not end");
  check_mistake("/* Text.\n", "1:1: this comment does not end");
}

BOOST_AUTO_TEST_CASE(parameter_is_refused) {
  check_mistake(kFindAndStep + "select $1", "4:8: parameters are not available in a definition");
}

BOOST_AUTO_TEST_CASE(psql_command_is_refused) {
  check_mistake("-- find:\n\\set x 1\n",
                "2:1: psql meta-commands are not available in a definition");
  check_mistake(kFindAndStep + "select 1 \\gexec",
                "4:10: psql meta-commands are not available in a definition");
}

BOOST_AUTO_TEST_CASE(nul_byte_is_refused) {
  check_mistake(kFindAndStep + std::string("select \0", 8), "4:8: a NUL byte");
}

BOOST_AUTO_TEST_CASE(what_is_not_utf8_is_refused) {
  const auto text = kFindAndStep + "select 'Zo\xeb'";
  check_mistake(text, "4:11: byte 0xeb is not UTF-8");
  BOOST_TEST(pointed_at(text) == "    select 'Zo\\xeb'\n              ^");
}

BOOST_AUTO_TEST_CASE(other_file_names_are_refused) {
  for (const std::string name :
       {"Archive.sql", "1a.sql", "_a.sql", "a-b.sql", "a.SQL", ".sql", "a.b.sql", "a", "é.sql"}) {
    check_mistake(kFindAndStep + "select 1", "1:1: not the name of a converger file: " + name,
                  "/etc/c/" + name);
  }
}

BOOST_AUTO_TEST_CASE(large_file_is_refused) {
  const auto text = kFindAndStep + "select 1";
  BOOST_TEST(!mistake(text + std::string(1024 * 1024 - text.size(), ' ')).has_value());
  check_mistake(text + std::string(1024 * 1024 + 1 - text.size(), ' '),
                "1:1: the file has 1048577 bytes, more than 1 MiB");
}

BOOST_AUTO_TEST_CASE(caret_stands_under_the_mistake) {
  BOOST_TEST(pointed_at("-- every: soon\n") == "    -- every: soon\n              ^");
}

BOOST_AUTO_TEST_CASE(columns_are_counted_in_characters) {
  const auto text = kFindAndStep + "select 'Zoë 日本', $1 -- x\r\n";
  check_mistake(text, "4:18: parameters are not available in a definition");
  BOOST_TEST(pointed_at(text) == "    select 'Zoë 日本', $1 -- x\n                     ^");
}

BOOST_AUTO_TEST_CASE(tab_moves_the_caret_as_it_moves_the_line) {
  const auto text = kFindAndStep + "\tselect\t$1";
  check_mistake(text, "4:9: parameters are not available in a definition");
  BOOST_TEST(pointed_at(text) == "    \tselect\t$1\n    \t      \t^");
}

BOOST_AUTO_TEST_CASE(byte_order_mark_takes_no_column) {
  BOOST_TEST(pointed_at("\xef\xbb\xbf-- every: x\n") == "    -- every: x\n              ^");
  check_mistake("\xef\xbb\xbf-- every: x\n", "1:11: every is not a duration: x");
}

BOOST_AUTO_TEST_CASE(escape_sequences_in_the_file_are_shown) {
  BOOST_TEST(pointed_at("select '\x1b[2J'\n") == "    select '\\x1b[2J'\n    ^");
  BOOST_TEST(pointed_at(kFindAndStep + "select '\x1b[2J', $1\n") ==
             "    select '\\x1b[2J', $1\n                      ^");
}

BOOST_AUTO_TEST_CASE(long_line_is_shown_in_part) {
  const auto text =
      kFindAndStep + "select '" + std::string(100'000, 'x') + "', $1, " + std::string(100'000, '2');
  check_mistake(text, "4:100012: parameters are not available in a definition");
  const auto shown = pointed_at(text);
  BOOST_TEST(shown.size() < 300u);
  BOOST_TEST(shown.substr(0, 8) == "    ...x");
  BOOST_TEST(shown.find("$1") == shown.substr(shown.find('\n') + 1).find('^'));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::convergers
