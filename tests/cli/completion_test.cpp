#include "tests/cli/fixture.h"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <sys/stat.h>

namespace {

using namespace converge::tests;

const Words kKeys = {"plain",     "it's a key", "say \"hi\"",
                     "urn:a:b=c", "two\nlines", "$HOME `x` \\"};
/// What a key is completed from, unquoted and so that it is the only one that fits.
const std::map<std::string, std::string> kBeginnings = {
    {"plain", "pl"},         {"it's a key", "it"}, {"say \"hi\"", "sa"},
    {"urn:a:b=c", "urn:a:"}, {"two\nlines", "tw"}, {"$HOME `x` \\", "\\$"},
};

/// A journal with subjects whose keys a shell has to quote, and shells that are typed into.
struct Completing : Cli {
  Completing() {
    sql("create table thing (key text primary key, done bool not null default false)");
    for (const auto& key : kKeys) sql("insert into thing values ($key$" + key + "$key$)");
    define("finish_thing",
           "-- find:\nselect key from thing\n\n-- step: finish\nupdate thing set done = true from "
           "subject where thing.key = subject.key and not done returning subject.key\n");
    const auto ran = call({"run", "finish_thing"});
    BOOST_TEST_REQUIRE(ran.status == 0, ran.err);
    std::filesystem::create_directory(directory / "bin");
    // Answers as converge does, and writes down how it was called else.
    directory.write("bin/converge",
                    "#!/bin/sh\n[ \"$1\" != complete ] && [ \"$1\" != completion ] "
                    "|| exec '" +
                        std::filesystem::absolute(binary).string() +
                        "' \"$@\"\nprintf '%s\\0' \"$@\" > '" + said().string() + "'\n");
    ::chmod((directory / "bin" / "converge").c_str(), 0755);
    environment["PATH"] = (directory / "bin").string() + ":" + std::getenv("PATH");
    environment["HOME"] = directory.path().string();
  }
  std::filesystem::path said() const { return directory / "said"; }

  /// The arguments that the line has after a Tab, in a shell on a terminal.
  Words typed(const std::string& shell, const std::string& line) const {
    const std::map<std::string, std::string> setup = {
        {"bash", "source <(converge completion bash)"},
        {"zsh", "autoload -Uz compinit; compinit -u -D; source <(converge completion zsh)"}};
    std::filesystem::remove(said());
    const auto ran = run_command({"python3", std::filesystem::absolute("tests/support/complete.py"),
                                  shell, setup.at(shell), line},
                                 {.environment = environment, .directory = directory.path()});
    BOOST_TEST_REQUIRE(ran.status == 0, ran.out << ran.err);
    Words arguments;
    const auto text = read_text(said());
    for (std::size_t at = 0; at < text.size(); at += arguments.back().size() + 1) {
      arguments.emplace_back(text.c_str() + at);
    }
    return arguments;
  }
  /// What fish offers for a line, without what is said about it.
  std::string fish(const std::string& line) const {
    const auto ran = run_command({"fish", "--no-config", "-c",
                                  "converge completion fish | source; complete -C $argv[1]", line},
                                 {.environment = environment, .directory = directory.path()});
    BOOST_TEST(ran.err == "");
    return ran.out;
  }
  std::string answer(const Words& words) const {
    Words all = {"complete", "zsh"};
    all.insert(all.end(), words.begin(), words.end());
    const auto answered = call(all);
    BOOST_TEST(answered.status == 0);
    BOOST_TEST(answered.err == "");
    auto out = answered.out;
    std::replace(out.begin(), out.end(), '\0', '\n');
    return out;
  }
};

BOOST_FIXTURE_TEST_SUITE(completion, Completing)

BOOST_DATA_TEST_CASE(keys_arrive_as_they_are_whatever_the_shell_makes_of_them,
                     boost::unit_test::data::make({"bash", "zsh"}), shell) {
  for (const auto& [key, beginning] : kBeginnings) {
    BOOST_TEST((typed(shell, "converge why " + beginning) == Words{"why", key}),
               shell << ": " << key);
  }
}

BOOST_DATA_TEST_CASE(commands_options_values_and_names_are_completed,
                     boost::unit_test::data::make({"bash", "zsh"}), shell) {
  BOOST_TEST((typed(shell, "converge unins") == Words{"uninstall"}));
  BOOST_TEST((typed(shell, "converge run fin") == Words{"run", "finish_thing"}));
  BOOST_TEST((typed(shell, "converge journal --outc") == Words{"journal", "--outcome"}));
  BOOST_TEST((typed(shell, "converge journal --outcome=roll") ==
              Words{"journal", "--outcome=rolled_back"}));
  BOOST_TEST((typed(shell, "converge list -o js") == Words{"list", "-o", "json"}));
  BOOST_TEST((typed(shell, "converge --config sai") == Words{"--config", "sai"}));
}

BOOST_AUTO_TEST_CASE(open_quote_of_bash_is_kept) {
  BOOST_TEST((typed("bash", "converge why 'it") == Words{"why", "it's a key"}));
  BOOST_TEST((typed("bash", "converge why \"sa") == Words{"why", "say \"hi\""}));
}

BOOST_AUTO_TEST_CASE(fish_offers_the_same) {
  BOOST_TEST(fish("converge unins").starts_with("uninstall\tremove what install"));
  BOOST_TEST(fish("converge run fin") == "finish_thing\n");
  BOOST_TEST(fish("converge journal --outcome roll") == "rolled_back\n");
  BOOST_TEST(fish("converge journal --outcome=roll") == "--outcome=rolled_back\n");
  BOOST_TEST(contains(fish("converge why urn"), "urn:a:b=c"));
  BOOST_TEST(contains(fish("converge why it"), "it's a key"));
  BOOST_TEST(contains(fish("converge --config bi"), "bin/"));
}

BOOST_AUTO_TEST_CASE(nothing_is_said_where_nothing_can_be_read) {
  directory.write("broken.toml", "this is no TOML");
  BOOST_TEST(answer({"run", "--config", (directory / "broken.toml").string(), ""}) == "words\n");
  BOOST_TEST(answer({"why", "--journal", "/nowhere", ""}) == "words\n");
  BOOST_TEST(answer({"no_such_command", ""}) == "words\n");
  BOOST_TEST(call({"complete"}).out == "");
  BOOST_TEST(call({"complete", "bash"}).out == "");
}

BOOST_AUTO_TEST_CASE(what_is_on_the_line_is_followed) {
  BOOST_TEST(contains(answer({"why", "--converger", "finish_thing", "pl"}), "plain\n"));
  BOOST_TEST(answer({"why", "--converger", "another", "pl"}) == "words\n");
  BOOST_TEST(answer({"journal", "verify", "--journal", ""}) == "files\n");
  BOOST_TEST(!contains(answer({"run", "--subject", "1", "--s"}), "--subject"));
  BOOST_TEST(answer({"new", ""}) == "words\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
