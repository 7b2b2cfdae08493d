#include "src/cli/wrapped.h"

#include "src/cli/terminal_text.h"

#include <boost/test/unit_test.hpp>

#include <string>

namespace converge::cli {
namespace {

std::string in_thirty(std::string_view text) { return wrapped(text, 30, 2); }

BOOST_AUTO_TEST_SUITE(wrapped_text)

BOOST_AUTO_TEST_CASE(lines_are_broken_at_blanks_and_go_on_indented) {
  BOOST_TEST(in_thirty("one line that fits exactly....\n") == "one line that fits exactly....\n");
  BOOST_TEST(in_thirty("one line that does not fit well\nand one that does") ==
             "one line that does not fit\n  well\nand one that does");
  BOOST_TEST(in_thirty("ok       a column that was  aligned") ==
             "ok       a column that was\n  aligned");
  BOOST_TEST(in_thirty("") == "");
  BOOST_TEST(in_thirty("\n\n") == "\n\n");
}

BOOST_AUTO_TEST_CASE(without_a_terminal_nothing_is_broken) {
  const std::string text(5'000, 'a');
  BOOST_TEST(wrapped(text + " b", kAll, 2) == text + " b");
}

BOOST_AUTO_TEST_CASE(a_word_wider_than_the_terminal_stays_whole) {
  const std::string path = "/a/very/long/path/of/a/journal.db";
  BOOST_TEST(in_thirty("no journal at " + path + " yet") == "no journal at\n  " + path + "\n  yet");
}

BOOST_AUTO_TEST_CASE(a_command_stays_in_one_piece_where_it_has_room) {
  BOOST_TEST(in_thirty("To let it go on: `converge resume a`.") ==
             "To let it go on:\n  `converge resume a`.");
  BOOST_TEST(in_thirty("Say `converge release archive 1f0c9a7be2` first") ==
             "Say `converge release archive\n  1f0c9a7be2` first");
  BOOST_TEST(in_thirty("a ` that nobody has closed, as it is") ==
             "a ` that nobody has closed, as\n  it is");
}

BOOST_AUTO_TEST_CASE(a_source_with_a_caret_stays_as_it_is) {
  const std::string source = "    select id, from account where archived_at\n               ^";
  BOOST_TEST(in_thirty("x.sql:2:12: wrong\n" + source) == "x.sql:2:12: wrong\n" + source);
}

BOOST_AUTO_TEST_CASE(columns_are_those_of_characters_and_colours_have_none) {
  BOOST_TEST(in_thirty("\x1b[31mthe daemon is not there any\x1b[0m ä") ==
             "\x1b[31mthe daemon is not there any\x1b[0m ä");
  BOOST_TEST(in_thirty("äöü äöü äöü äöü äöü äöü äöü äöü") == "äöü äöü äöü äöü äöü äöü äöü\n  äöü");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::cli
