#include "src/base/safe_text.h"
#include "src/base/text.h"

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <string>
#include <vector>

namespace converge {
namespace {

const std::vector<std::string> kCommands = {"run", "plan", "check", "status", "journal"};

std::string nearest_command(std::string_view word) {
  return nearest(word, kCommands).value_or("none");
}

BOOST_AUTO_TEST_SUITE(base_text)

BOOST_AUTO_TEST_CASE(nearest_finds_what_was_meant) {
  BOOST_TEST(nearest_command("rnu") == "run");
  BOOST_TEST(nearest_command("chekc") == "check");
  BOOST_TEST(nearest_command("statu") == "status");
  BOOST_TEST(nearest_command("jurnals") == "journal");
  BOOST_TEST(nearest_command("plan") == "plan");
}

BOOST_AUTO_TEST_CASE(nearest_does_not_guess) {
  for (const auto* word : {"", "x", "converge", "unplanned", "statistics"}) {
    BOOST_TEST(nearest_command(word) == "none", word);
  }
  BOOST_TEST(nearest_command(std::string(10'000, 'a')) == "none");
  BOOST_TEST(!nearest("run", {}).has_value());
}

BOOST_AUTO_TEST_CASE(json_escapes_what_it_must) {
  BOOST_TEST(json_string("") == R"("")");
  BOOST_TEST(json_string("plain text") == R"("plain text")");
  BOOST_TEST(json_string("a\"b\\c/d") == R"("a\"b\\c/d")");
  BOOST_TEST(json_string("\n\r\t\b\x1b") == R"("\n\r\t\u0008\u001b")");
  BOOST_TEST(json_string(std::string_view("\0x", 2)) == R"("\u0000x")");
}

BOOST_AUTO_TEST_CASE(json_keeps_valid_unicode) {
  BOOST_TEST(json_string("Zoë 日本 🚀") == "\"Zoë 日本 🚀\"");
}

BOOST_AUTO_TEST_CASE(json_escapes_what_would_act_on_a_terminal) {
  BOOST_TEST(json_string("\x7f\xc2\x9b\u202e\u2066") == R"("\u007f\u009b\u202e\u2066")");
}

BOOST_AUTO_TEST_CASE(json_replaces_what_is_not_utf8) {
  BOOST_TEST(json_string("a\xff\xc3") == R"("a\ufffd\ufffd")");
}

BOOST_AUTO_TEST_CASE(json_is_appended) {
  std::string out = "key:";
  append_json_string(out, "v");
  BOOST_TEST(out == R"(key:"v")");
}

BOOST_AUTO_TEST_CASE(printable_keeps_valid_unicode) {
  BOOST_TEST(printable("Zoë \\ \"日本\" 🚀") == "Zoë \\ \"日本\" 🚀");
}

BOOST_AUTO_TEST_CASE(printable_shows_controls) {
  BOOST_TEST(printable("a\nb\tc\rd") == R"(a\nb\tc\rd)");
  BOOST_TEST(printable("\x1b[31mred\x07\x7f") == R"(\x1b[31mred\x07\x7f)");
  BOOST_TEST(printable(std::string_view("\0", 1)) == R"(\x00)");
  BOOST_TEST(printable("\xc2\x9b"
                       "31m") == R"(\u009b31m)");
}

BOOST_AUTO_TEST_CASE(printable_shows_marks_that_reorder_text) {
  BOOST_TEST(printable("\u202a\u202e\u2066\u2069\u2028") == R"(\u202a\u202e\u2066\u2069\u2028)");
  BOOST_TEST(printable("\u061c\u200e\u200f") == R"(\u061c\u200e\u200f)");
}

BOOST_AUTO_TEST_CASE(printable_lines_keep_their_breaks_and_tabs) {
  BOOST_TEST(printable_lines("a\x1b\n\tb\u202e\n") == "a\\x1b\n\tb\\u202e\n");
  BOOST_TEST(printable_lines("").empty());
}

BOOST_AUTO_TEST_CASE(json_from_elsewhere_becomes_one_line_that_does_not_act) {
  const auto safe = [](std::string_view json) {
    std::string out;
    append_safe_json(out, json);
    return out;
  };
  BOOST_TEST(safe(R"({"a":"\u001b Zoë 🚀","b":[1,null]})") ==
             R"({"a":"\u001b Zoë 🚀","b":[1,null]})");
  BOOST_TEST(safe("{\"a\":\n\"\u009b\u202e\x1b\xff\"}") == R"({"a": "\u009b\u202e\u001b\ufffd"})");
}

BOOST_AUTO_TEST_CASE(printable_shows_bytes_that_are_not_utf8) {
  BOOST_TEST(printable("\xff") == R"(\xff)");
  BOOST_TEST(printable("\xc0\xaf") == R"(\xc0\xaf)", "overlong");
  BOOST_TEST(printable("\xed\xa0\x80") == R"(\xed\xa0\x80)", "a surrogate");
  BOOST_TEST(printable("\xf4\x90\x80\x80") == R"(\xf4\x90\x80\x80)", "beyond U+10FFFF");
  BOOST_TEST(printable("\xe6\x97") == R"(\xe6\x97)", "cut short");
}

BOOST_AUTO_TEST_CASE(utf8_length_is_that_of_the_first_sequence) {
  BOOST_TEST(utf8_length("") == 0u);
  BOOST_TEST(utf8_length("ab") == 1u);
  BOOST_TEST(utf8_length("ëb") == 2u);
  BOOST_TEST(utf8_length("日b") == 3u);
  BOOST_TEST(utf8_length("🚀b") == 4u);
  BOOST_TEST(utf8_length("\x80") == 0u);
}

BOOST_AUTO_TEST_CASE(trim_removes_blanks_at_both_ends) {
  BOOST_TEST(trim(" \t\r\n a b \n") == "a b");
  BOOST_TEST(trim(" \n ").empty());
  BOOST_TEST(trim("").empty());
}

BOOST_AUTO_TEST_CASE(reason_begins_in_lower_case) {
  BOOST_TEST(system_reason(ENOENT) == "no such file or directory");
  BOOST_TEST(system_reason(EACCES) == "permission denied");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge
