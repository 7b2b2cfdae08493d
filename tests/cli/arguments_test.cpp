#include "tests/cli/fixture.h"
#include "tests/support/offered.h"

#include <boost/test/unit_test.hpp>

#include <iterator>
#include <regex>
#include <sstream>

namespace {

using namespace converge::tests;

const std::vector<std::string> kCommands = {"run",  "plan",    "check",  "list",
                                            "show", "release", "journal"};

struct Arguments : Cli {
  /// That it is refused as a wrong invocation: an error and a hint, nothing on standard output.
  void require_usage_error(const Words& words, const std::string& message,
                           const std::string& hint) {
    const auto result = call(words);
    BOOST_TEST_CONTEXT(result.err) {
      BOOST_TEST(result.status == 2);
      BOOST_TEST(result.out == "");
      BOOST_REQUIRE(lines(result.err).size() == 2u);
      BOOST_TEST(contains(lines(result.err)[0], "converge: error: "));
      BOOST_TEST(contains(lines(result.err)[0], message));
      BOOST_TEST(lines(result.err)[1].starts_with("converge: hint: "));
      BOOST_TEST(contains(lines(result.err)[1], hint));
    }
    BOOST_TEST(!has_journal());
  }
};

BOOST_FIXTURE_TEST_SUITE(arguments, Arguments)

BOOST_AUTO_TEST_CASE(version_prints_the_build) {
  const auto result = call({"--version"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.err == "");
  BOOST_TEST(
      std::regex_match(result.out,
                       std::regex("converge build \\d+ \\(commit ([0-9a-f]{12}|unknown)\\)\n")),
      result.out);
}

BOOST_AUTO_TEST_CASE(help_lists_every_command_and_the_exit_statuses) {
  const auto result = call({"--help"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.err == "");
  for (const auto& command : kCommands) BOOST_TEST(contains(result.out, "  " + command + " "));
  BOOST_TEST(contains(result.out, "Examples:\n  converge "));
  BOOST_TEST(contains(result.out, "75 another pass has the lock"));
  for (const char* option : {"--config", "--database", "--convergers", "--journal", "--output",
                             "--color", "--quiet", "--verbose"}) {
    BOOST_TEST(contains(result.out, option));
  }
  BOOST_TEST(call({"-h"}).out == result.out);
}

BOOST_AUTO_TEST_CASE(help_of_every_command_has_an_example) {
  for (const auto& command : kCommands) {
    BOOST_TEST_CONTEXT(command) {
      const auto result = call({command, "--help"});
      BOOST_TEST(result.status == 0);
      BOOST_TEST(result.err == "");
      BOOST_TEST(contains(result.out, "Examples:\n  converge " + command));
    }
  }
  const auto verify = call({"journal", "verify", "--help"});
  BOOST_TEST(verify.status == 0);
  BOOST_TEST(contains(verify.out, "Examples:\n  converge journal verify"));
}

BOOST_AUTO_TEST_CASE(help_needs_no_configuration) {
  environment["CONVERGE_CONFIG"] = "/nowhere/at/all.toml";
  for (const auto& command : kCommands) BOOST_TEST(call({command, "--help"}).status == 0);
  BOOST_TEST(call({"--version"}).status == 0);
}

BOOST_AUTO_TEST_CASE(unknown_command_suggests_the_nearest) {
  require_usage_error({"rum"}, "there is no command rum", "Did you mean `converge run`?");
  require_usage_error({"jurnal", "-n", "5"}, "there is no command jurnal", "`converge journal`");
  require_usage_error({"-o", "json", "lst"}, "there is no command lst", "`converge list`");
  require_usage_error({"frobnicate"}, "there is no command frobnicate", "`converge --help`");
  require_usage_error({"\x1b[31m"}, "there is no command \\x1b[31m", "`converge --help`");
}

BOOST_AUTO_TEST_CASE(unknown_option_suggests_the_nearest) {
  require_usage_error({"run", "--sbject", "3"}, "converge run has no option --sbject",
                      "Did you mean --subject?");
  require_usage_error({"run", "--sub", "3"}, "no option --sub", "Did you mean --subject?");
  require_usage_error({"list", "--databse", "x"}, "no option --databse", "mean --database?");
  require_usage_error({"--databse", "x", "list"}, "converge has no option --databse",
                      "Did you mean --database?");
  require_usage_error({"--jurnal=x", "list"}, "converge has no option --jurnal", "--journal?");
  // What is wrong comes before what is missing because of it.
  require_usage_error({"pause", "x", "--resaon", "y"}, "pause has no option --resaon",
                      "Did you mean --reason?");
  require_usage_error({"list", "-x"}, "converge list has no option -x", "`converge list --help`");
  require_usage_error({"run", "--\x1b[31m"}, "no option --\\x1b[31m", "`converge run --help`");
}

BOOST_AUTO_TEST_CASE(run_of_all_is_told_how) {
  const auto result = call({"run", "--all"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(result.err ==
             "converge: error: converge run has no option --all\n"
             "converge: hint: `converge run` without a name is about all that are due.\n");
}

BOOST_AUTO_TEST_CASE(word_that_is_none_of_a_few_is_told_which_they_are) {
  const auto result = call({"completion", "tcsh"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(lines(result.err).at(0) == "converge: error: SHELL: tcsh is none of bash, zsh, fish");
  BOOST_TEST(contains(call({"list", "-o", "yaml"}).err, "yaml is none of short, full, json\n"));
}

BOOST_AUTO_TEST_CASE(unexpected_argument_is_named_with_the_help_of_its_command) {
  require_usage_error({"show", "a", "b"}, "converge show does not take b", "converge show --help");
  require_usage_error({"journal", "verfy"}, "there is no command verfy",
                      "Did you mean `converge journal verify`?");
  require_usage_error({"list", ""}, "converge list does not take an empty argument", "--help");
}

BOOST_AUTO_TEST_CASE(help_of_every_command_fits_into_80_columns) {
  for (const auto& [command, options] : offered_options(binary)) {
    Words words = {"--help"};
    std::istringstream names(command);
    words.insert(words.begin(), std::istream_iterator<std::string>(names), {});
    for (const auto& line : lines(call(words).out)) {
      BOOST_TEST(line.size() <= 80u, command << ": " << line);
      BOOST_TEST(!line.ends_with(' '), command << ": " << line);
    }
  }
}

BOOST_AUTO_TEST_CASE(usage_errors_of_every_command_exit_2_with_a_hint) {
  define("archive", archiver(""));
  for (const auto& command : kCommands) {
    const auto wrong = [&](const Words& options, const std::string& message) {
      Words words = {command};
      if (command == "show" || command == "release") words.emplace_back("archive");
      words.insert(words.end(), options.begin(), options.end());
      require_usage_error(words, message, "--help");
    };
    wrong({"--nonsense"}, "nonsense");
    wrong({"-o", "xml"}, "xml");
    wrong({"--color", "perhaps"}, "perhaps");
    wrong({"--database"}, "--database");
  }
  require_usage_error({}, "no command was given", "`converge --help` lists them");
  require_usage_error({"show"}, "NAME is required", "--help");
  require_usage_error({"release"}, "NAME is required", "--help");
  require_usage_error({"run", "--wait", "soon"}, "soon is not a duration", "--help");
  require_usage_error({"run", "--subject"}, "--subject needs a KEY", "`converge run --help`");
  require_usage_error({"update", "--to", "0"}, "--to: 0 is no number from 1 to", "update --help");
  require_usage_error({"journal", "settle", "x", "committed", "--reason", "y"},
                      "TXN: x cannot be read", "`converge journal settle --help`");
  for (const char* command : {"run", "plan"}) {
    require_usage_error({command, "--subject", "1"}, "--subject needs one NAME",
                        "`converge run NAME --subject KEY`");
  }
  require_usage_error({"journal", "-n", "-1"}, "--lines: -1 is not a number", "or `all`");
  require_usage_error({"journal", "-n", "many"}, "--lines: many is not a number", "or `all`");
  require_usage_error({"journal", "verify", "extra"}, "extra", "--help");
  require_usage_error({"list", "extra"}, "extra", "--help");
}

BOOST_AUTO_TEST_CASE(unknown_converger_exits_2_with_a_hint) {
  define("archive", archiver(""));
  for (const std::string command : {"run", "plan", "check", "show", "release"}) {
    require_usage_error({command, "archiv"}, "there is no converger archiv",
                        "Did you mean archive?");
    require_usage_error({command, "zzzzzzzz"}, "there is no converger zzzzzzzz", "`converge list`");
  }
}

BOOST_AUTO_TEST_CASE(common_options_stand_before_or_after_the_command) {
  define("archive", archiver(""));
  environment["CONVERGE_CONVERGERS"] = std::nullopt;
  const auto after = call({"list", "--convergers", convergers.string(), "-o", "json"});
  const auto before = call({"--convergers", convergers.string(), "-o", "json", "list"});
  BOOST_TEST(after.status == 0);
  BOOST_TEST(before.out == after.out);
}

// The first of 2, 1, 3, 75, 4 that applies.
BOOST_AUTO_TEST_CASE(exit_status_of_several_passes_is_the_first_that_applies) {
  add_accounts(4);
  archive_accounts();
  define("held", archiver("-- limit: 1\n"));
  define("works", archiver(""));
  BOOST_TEST(call({"run", "held", "works", "--exit-code"}).status == 3);
  dirty_again();
  define("fails", "-- find:\nselect id from nowhere;\n-- step: s\nselect id from subject;\n");
  BOOST_TEST(call({"run", "held", "works", "fails", "--exit-code"}).status == 1);
  dirty_again();
  directory.write("converge.toml", "[database]\nlock_timeout = \"60s\"\n");
  Bystander bystander(*this, "select from cluster where id = 1 for update");
  define("busy", archiver("-- timeout: 60s\n"));
  auto busy = start({"run", "busy"});
  BOOST_REQUIRE(waits_for_row(*this));
  BOOST_TEST(call({"run", "busy", "held"}).status == 3);
  BOOST_TEST(call({"run", "busy"}).status == 75);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
