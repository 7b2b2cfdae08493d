#include "tests/cli/daemon_fixture.h"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string_view>

namespace {

using namespace converge::tests;

/// A label that would colour, retitle and reorder a terminal: ESC, BEL, C1 as UTF-8, and each mark
/// that turns text around.
constexpr const char* kHostile =
    "\x1b[31mred\x1b]0;title\x07\u009b1m\u061c\u200e\u200f\u202e\u2066";

/// Of these, what JSON may have as it is.
constexpr const char* kHostileJson = "\u009b1m\u061c\u200e\u200f\u202e\u2066";

/// What in the output would act on a terminal.
std::string acting(const std::string& text) {
  constexpr std::array<std::string_view, 8> kMarks = {"\u009b", "\u061c", "\u200e", "\u200f",
                                                      "\u202e", "\u2066", "\x1b",   "\x07"};
  std::string found;
  for (const auto mark : kMarks) {
    if (text.find(mark) != std::string::npos) found += "(" + std::string(mark) + ")";
  }
  return found;
}

/// Somebody who can write a label into the database, a file beside the journal, or a line into it.
struct Attacked : Daemon {
  /// That nothing printed acts on a terminal, in any form of output.
  void require_tame(const Words& arguments) const {
    for (const char* form : {"short", "full", "json"}) {
      Words all = {"-o", form};
      all.insert(all.end(), arguments.begin(), arguments.end());
      const auto result = call(all);
      BOOST_TEST_CONTEXT(form << " " << arguments.front()) {
        BOOST_TEST(acting(result.out) == "");
        BOOST_TEST(acting(result.err) == "");
        BOOST_TEST(!(result.out + result.err).empty());
      }
    }
  }

  void correct_hostile() const {
    add_accounts(1);
    sql("update account set email = '" + std::string(kHostile) + "@example.com'");
    archive_accounts();
    BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  }
};

BOOST_FIXTURE_TEST_SUITE(security, Attacked)

BOOST_AUTO_TEST_CASE(escapes_in_labels_act_in_no_output) {
  correct_hostile();
  dirty_again();
  for (const Words& words : {Words{"plan"}, Words{"journal"}, Words{"journal", "--kind", "step"},
                             Words{"why", "1"}, Words{"why", "nothing"}, Words{"show", "archive"},
                             Words{"list"}, Words{"status"}, Words{"run"}}) {
    require_tame(words);
  }
  const auto offered = call({"complete", "fish", "why", ""});
  BOOST_TEST(contains(offered.out, "1"));
  BOOST_TEST(acting(offered.out) == "");
}

BOOST_AUTO_TEST_CASE(escapes_in_what_the_server_says_act_in_no_output) {
  add_accounts(1);
  sql("create function refuse(text) returns boolean language plpgsql as $$ begin "
      "raise exception '%', $1 using detail = $1, hint = $1; end $$");
  define("failing", "-- find:\nselect id from account where refuse('" + std::string(kHostile) +
                        "');\n\n-- step: x\nupdate account set email = email from subject "
                        "where account.id = subject.id returning subject.id;\n");
  for (const Words& words : {Words{"run", "failing"}, Words{"plan", "failing"}, Words{"journal"},
                             Words{"status"}, Words{"list"}, Words{"show", "failing"}}) {
    require_tame(words);
  }
}

BOOST_AUTO_TEST_CASE(escapes_in_names_of_files_act_in_no_output) {
  const std::string place = directory / kHostile;
  for (const Words& words :
       {Words{"--journal", place, "journal"}, Words{"--config", place, "list"},
        Words{"--convergers", place, "list"}, Words{"journal", "backup", place + "/x"}}) {
    const auto result = call(words);
    BOOST_TEST_CONTEXT(words.front()) {
      BOOST_TEST(result.status != 0);
      BOOST_TEST(acting(result.out + result.err) == "");
    }
  }
}

BOOST_AUTO_TEST_CASE(escapes_in_a_journal_that_was_edited_act_in_no_output) {
  correct_hostile();
  const std::string hostile = "'" + std::string(kHostile) + "'";
  tamper("update actor set name = name || " + hostile + "; update definition set version = " +
         hostile + " || version where version <> ''; update last_pass set outcome = " + hostile +
         ", message = " + hostile +
         "; update entry set detail = replace(detail, '\"title\":\"', '\"title\":\"' || " +
         std::string("'") + kHostileJson + "'" + "); insert into pause values ('archive', 1, 0, " +
         hostile + ", " + hostile + "); insert into hold values ('archive', " + hostile + ", " +
         hostile + ", 1, 1, 1, 0, '')");
  for (const Words& words :
       {Words{"journal"}, Words{"journal", "--kind", "step"}, Words{"journal", "verify"},
        Words{"why", "1"}, Words{"list"}, Words{"status"}, Words{"show", "archive"}, Words{"stats"},
        Words{"release", "archive", "x"}, Words{"release", "archive"}}) {
    require_tame(words);
  }
}

BOOST_AUTO_TEST_CASE(escapes_act_in_no_line_of_the_log) {
  add_accounts(1);
  sql("update account set email = '" + std::string(kHostile) + "@example.com'");
  sql("create function refuse(text) returns boolean language plpgsql as $$ begin "
      "raise exception '%', $1; end $$");
  define("failing",
         "-- find:\nselect id from account where refuse(email);\n\n-- step: x\n"
         "update account set email = email from subject "
         "where account.id = subject.id returning subject.id;\n");
  Service service(*this, kQuiet);
  BOOST_REQUIRE(service.logs("\\u001b[31mred"));
  BOOST_TEST(service.stop().status == 0);
  BOOST_TEST(acting(service.log()) == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
