#include "src/cli/columns.h"
#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <regex>

namespace {

using namespace converge::tests;

/// Somebody on a host where nothing is installed.
struct HelpTopic : Cli {
  HelpTopic() {
    environment = {{"LC_ALL", "C.UTF-8"},
                   {"NO_COLOR", std::nullopt},
                   {"PAGER", std::nullopt},
                   {"HOME", "/nonexistent"},
                   {"CONVERGE_CONFIG", "/nowhere/at/all.toml"}};
  }

  std::string help(const Words& topic) {
    Words words = {"help"};
    words.insert(words.end(), topic.begin(), topic.end());
    const auto result = call(words);
    BOOST_TEST(result.status == 0, result.err);
    BOOST_TEST(result.err == "");
    return result.out;
  }

  /// Of the sources, `converge-run.1`.
  static Words pages() {
    Words names;
    for (const auto& entry : std::filesystem::directory_iterator("man")) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  /// What a help text lists as commands.
  static Words subcommands_in(const std::string& help) {
    static const std::regex command(R"(  ([a-z]+) .*)");
    Words names;
    bool inside = false;
    for (const auto& line : lines(help)) {
      std::smatch found;
      if (inside && std::regex_match(line, found, command)) names.push_back(found[1]);
      if (!line.starts_with("  ")) inside = line == "Commands:";
    }
    return names;
  }

  /// What a terminal gets.
  std::string on_terminal(const std::string& arguments) const {
    const auto command = binary + " " + arguments;
    const auto result = run_command({"script", "-qec", command, "/dev/null"},
                                    {.environment = environment, .input = ""});
    BOOST_TEST(result.status == 0, result.out);
    return result.out;
  }

  void require_refused(const Words& topic, const std::string& hint) {
    Words words = {"help"};
    words.insert(words.end(), topic.begin(), topic.end());
    const auto result = call(words);
    BOOST_TEST(result.status == 2);
    BOOST_TEST(result.out == "");
    BOOST_TEST(lines(result.err).at(0).starts_with("converge: error: there is no topic "));
    BOOST_TEST(lines(result.err).at(1) == "converge: hint: " + hint);
    BOOST_TEST(contains(result.err, "  converge, run, "));
    for (const auto& line : lines(result.err)) BOOST_TEST(line.size() <= 80u, line);
  }
};

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); });
}

BOOST_FIXTURE_TEST_SUITE(help_topic, HelpTopic)

BOOST_AUTO_TEST_CASE(every_page_is_what_mandoc_makes_of_its_source) {
  const auto names = pages();
  BOOST_TEST(names.size() > 15u);
  for (const auto& name : names) {
    const auto made = run_command({"sh", "-c",
                                   "mandoc -T utf8 -O width=78 -I os=Converge man/" + name +
                                       " | perl -CSD -pe 's/.\\x08//g'"});
    BOOST_TEST_REQUIRE(made.status == 0);
    BOOST_TEST_REQUIRE(made.out.size() > 500u);
    BOOST_TEST(help({name}) == made.out, name);
  }
}

BOOST_AUTO_TEST_CASE(every_page_fits_a_terminal_of_80_columns) {
  for (const auto& name : pages()) {
    for (const auto& line : lines(help({name}))) {
      BOOST_TEST(converge::cli::columns_of(line) <= 80u, name << ": " << line);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_command_has_a_page_that_is_about_it) {
  const auto commands = subcommands_in(call({"--help"}).out);
  BOOST_TEST(commands.size() > 18u);
  for (const auto& command : commands) {
    BOOST_TEST(contains(help({command}), "converge-" + command), command);
    for (const auto& action : subcommands_in(call({command, "--help"}).out)) {
      const auto page = help({command, action});
      BOOST_TEST(contains(page, "converge " + command + " " + action), command << " " << action);
      BOOST_TEST(help({"converge", command, action}) == page);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_page_goes_by_its_name_with_section_and_without) {
  for (const std::string topic :
       {"converge-sql.5", "converge-sql(5)", "converge-sql", "sql", "sql.5"}) {
    BOOST_TEST(help({topic}).starts_with("CONVERGE-SQL(5)"), topic);
  }
  BOOST_TEST(help({"toml"}).starts_with("CONVERGE.TOML(5)"));
  BOOST_TEST(help({"writing"}).starts_with("CONVERGE-WRITING(7)"));
  BOOST_TEST(help({"daemon"}).starts_with("CONVERGED(8)"));
  BOOST_TEST(help({"converged"}).starts_with("CONVERGED(8)"));
  BOOST_TEST(help({"journal"}).starts_with("CONVERGE-JOURNAL(1)"));
  BOOST_TEST(help({"journal.5"}).starts_with("CONVERGE-JOURNAL(5)"));
  BOOST_TEST(help({"converge"}).starts_with("CONVERGE(1)"));
}

BOOST_AUTO_TEST_CASE(unknown_topic_suggests_the_nearest_and_lists_all) {
  require_refused({"sqll"}, "Did you mean `converge help sql`? Topics are:");
  require_refused({"journal", "vrify"}, "Did you mean `converge help journal verify`? Topics are:");
  require_refused({"run", "now"}, "Topics are:");
  require_refused({"frobnicate"}, "Topics are:");
  require_refused({"1"}, "Topics are:");
  require_refused({""}, "Topics are:");
}

BOOST_AUTO_TEST_CASE(without_a_topic_all_are_listed) {
  const auto list = help({});
  for (const auto& line : lines(list)) BOOST_TEST(line.size() <= 80u, line);
  for (const auto& command : subcommands_in(call({"--help"}).out)) {
    BOOST_TEST(contains(list, "\n  " + command + " "), command);
  }
  // Of each listed topic there is a page, and of each page a topic.
  Words shown;
  for (const auto& line : lines(call({"help", "-o", "json"}).out)) {
    shown.push_back(member(line, "page"));
    BOOST_TEST(contains(list, "  " + member(line, "topic") + " "));
    BOOST_TEST(contains(list, "  " + member(line, "summary") + "\n"));
    const auto page = call({"help", member(line, "topic"), "-o", "json"}).out;
    BOOST_TEST(member(page, "page") == shown.back());
    BOOST_TEST(member(page, "text") == help({shown.back()}));
  }
  std::sort(shown.begin(), shown.end());
  shown.erase(std::unique(shown.begin(), shown.end()), shown.end());
  BOOST_TEST(shown == pages(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(emphasis_is_for_terminals_and_pagers) {
  BOOST_TEST(!contains(help({"run"}), "\b"));
  BOOST_TEST(!contains(help({"run"}), "\x1b"));
  BOOST_TEST(contains(help({"run", "--color", "always"}), "\x1b[0;1mNAME\x1b[0m"));
  environment["CONVERGE_PAGER"] = "cat -v";  // less(1) knows overstrike.
  BOOST_TEST(contains(on_terminal("help run"), "N^HNA^HAM^HME^HE"));
  environment["CONVERGE_PAGER"] = "cat";  // No pager at all.
  BOOST_TEST(contains(on_terminal("help run"), "\x1b[0;1mNAME\x1b[0m"));
  environment["NO_COLOR"] = "1";
  BOOST_TEST(contains(on_terminal("help run"), "\nNAME\r\n"));
  environment["CONVERGE_PAGER"] = "cat -v";
  BOOST_TEST(contains(on_terminal("help run"), "\nNAME\r\n"));
}

BOOST_AUTO_TEST_CASE(locale_without_utf8_gets_ascii) {
  for (const auto& name : pages()) {
    environment["LC_ALL"] = "C.UTF-8";
    const auto text = help({name});
    environment["LC_ALL"] = "C";
    const auto plain = help({name});
    BOOST_TEST(is_ascii(plain), name);
    BOOST_TEST(!contains(plain, "??"), name);
    BOOST_TEST(lines(plain).size() == lines(text).size());
  }
  environment["LC_ALL"] = std::nullopt;
  environment["LC_CTYPE"] = std::nullopt;
  environment["LANG"] = std::nullopt;
  BOOST_TEST(contains(help({"toml"}), "converge.toml - the configuration"));
  environment["LANG"] = "C.utf8";
  BOOST_TEST(contains(help({"toml"}), "converge.toml – the configuration"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
