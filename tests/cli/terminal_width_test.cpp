#include "src/cli/columns.h"
#include "tests/cli/fixture.h"
#include "tests/support/terminal.h"

#include <boost/algorithm/string/split.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cctype>
#include <regex>

namespace {

using namespace converge::tests;

/// Somebody at a terminal of 80 columns, who has one converger with a long name.
struct TerminalWidth : Cli {
  TerminalWidth() {
    environment["NO_COLOR"] = "1";
    environment["LC_ALL"] = "C.UTF-8";
    environment["PAGER"] = "cat";
    define("reconcile_subscription", archiver(""));
    add_accounts(2);
    archive_accounts();
  }

  std::string on_terminal(const Words& arguments) const {
    Words words = {binary};
    words.insert(words.end(), arguments.begin(), arguments.end());
    Terminal terminal(words, environment);
    terminal.wait();
    for (const auto& line : lines(terminal.screen())) {
      BOOST_TEST(converge::cli::columns_of(line) <= 80u, line);
    }
    return terminal.screen();
  }
};

/// But dates, which are left out where they are today's.
Words words_in(const std::string& text) {
  static const std::regex date("[0-9]{4}-[0-9]{2}-[0-9]{2}");
  Words words;
  boost::split(
      words, text, [](unsigned char c) { return std::isspace(c) != 0; }, boost::token_compress_on);
  std::erase_if(words,
                [](const auto& word) { return word.empty() || std::regex_match(word, date); });
  return words;
}

BOOST_FIXTURE_TEST_SUITE(terminal_width, TerminalWidth)

BOOST_AUTO_TEST_CASE(status_and_list_fit) {
  BOOST_REQUIRE(call({"run"}).status == 0);
  for (const std::string command : {"status", "list"}) {
    const auto shown = on_terminal({command});
    BOOST_TEST(contains(shown, "subscription"), shown);
    BOOST_TEST(contains(shown, "converged"), shown);
  }
  const auto piped = call({"status"}).out;
  BOOST_TEST(contains(piped, "\nreconcile_subscription  ready  "));
  BOOST_TEST(contains(timeless(piped), "  TIME  converged"));
}

BOOST_AUTO_TEST_CASE(status_fits_whatever_the_dates_are) {
  BOOST_REQUIRE(call({"run"}).status == 0);
  tamper("update last_pass set completed_us = completed_us - 172800000000");
  BOOST_TEST(contains(on_terminal({"status"}), "reconci"));
}

BOOST_AUTO_TEST_CASE(journal_fits_and_says_the_same_words) {
  sql("update account set email = 'somebody.with.a.long.name' || id || '@mail.example.com'"
      " where id = 2");
  BOOST_REQUIRE(call({"run"}).status == 0);
  const auto piped = call({"journal"}).out;
  BOOST_TEST(lines(piped).size() == 3u);
  BOOST_TEST(words_in(on_terminal({"journal"})) == words_in(piped),
             boost::test_tools::per_element());
  // A pager is no pipe: what it shows is on the terminal.
  environment["PAGER"] = "cat -u";
  BOOST_TEST(words_in(on_terminal({"journal"})) == words_in(piped),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(errors_hints_and_notices_are_broken_at_blanks) {
  const Words wrong = {"check", "--convergers", "/nowhere/at/all/in/a/directory/of/a/long/name"};
  BOOST_TEST(words_in(on_terminal(wrong)) == words_in(call(wrong).err),
             boost::test_tools::per_element());
  BOOST_REQUIRE(call({"pause", "--all", "--reason", "the database is being moved"}).status == 0);
  const auto piped = call({"list"}).err;
  BOOST_TEST(lines(piped).at(0).size() > 80u);
  const auto shown = words_in(on_terminal({"list"}));
  const auto notices = words_in(piped);
  const auto found = std::search(shown.begin(), shown.end(), notices.begin(), notices.end());
  BOOST_TEST((found != shown.end()));
  const auto status = words_in(on_terminal({"status"}));
  BOOST_TEST(!contains(call({"status"}).err, "converge:"));
  for (const auto& line : lines(call({"status"}).out)) {
    if (!contains(line, "is paused")) continue;
    const auto told = words_in(line);
    BOOST_TEST(
        (std::search(status.begin(), status.end(), told.begin(), told.end()) != status.end()));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
