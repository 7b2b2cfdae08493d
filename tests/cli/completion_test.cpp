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
  /// Adds rows that a check refuses, so that they were never corrected.
  void fail_at(const Words& keys) const {
    sql("alter table thing add check (key not like 'bad%' or not done)");
    for (const auto& key : keys) sql("insert into thing values ('" + key + "')");
    BOOST_TEST_REQUIRE(call({"run", "finish_thing"}).status == 1);
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

BOOST_DATA_TEST_CASE(topics_of_help_are_commands_and_pages,
                     boost::unit_test::data::make({"bash", "zsh"}), shell) {
  BOOST_TEST((typed(shell, "converge help ru") == Words{"help", "run"}));
  BOOST_TEST((typed(shell, "converge help sq") == Words{"help", "sql"}));
  BOOST_TEST((typed(shell, "converge help journal.") == Words{"help", "journal.5"}));
  BOOST_TEST((typed(shell, "converge help journal veri") == Words{"help", "journal", "verify"}));
}

BOOST_AUTO_TEST_CASE(every_topic_of_help_is_offered_once) {
  std::string listed = "words\n";
  for (const auto& line : lines(call({"help", "-o", "json"}).out)) {
    listed += member(line, "topic") + "\t" + member(line, "summary") + "\n";
  }
  BOOST_TEST(lines(listed).size() > 20u);
  BOOST_TEST(answer({"help", ""}) == listed);
  BOOST_TEST(fish("converge help toml") == "toml\tthe configuration of converge\n");
  BOOST_TEST(answer({"help", "run", ""}) == "words\n");
  BOOST_TEST(answer({"help", "journal", "verify", ""}) == "words\n");
}

BOOST_DATA_TEST_CASE(subject_that_only_failed_is_offered,
                     boost::unit_test::data::make({"bash", "zsh"}), shell) {
  fail_at({"bad one"});
  BOOST_TEST((typed(shell, "converge why ba") == Words{"why", "bad one"}));
  BOOST_TEST(
      (typed(shell, "converge retry finish_thing ") == Words{"retry", "finish_thing", "bad one"}));
}

BOOST_AUTO_TEST_CASE(retry_offers_what_is_in_quarantine) {
  fail_at({"bad one", "bad two"});
  auto offered = lines(answer({"retry", "finish_thing", ""}));
  std::sort(offered.begin(), offered.end());
  BOOST_TEST((offered == Words{"bad one", "bad two", "words"}));
  BOOST_TEST(answer({"retry", "finish_thing", "bad t"}) == "words\nbad two\n");
  BOOST_TEST(answer({"retry", "another", ""}) == "words\n");
}

BOOST_AUTO_TEST_CASE(nothing_is_offered_twice) {
  const auto options = lines(answer({"run", "-"}));
  BOOST_TEST(std::count_if(options.begin(), options.end(),
                           [](const auto& line) { return line.starts_with("--help\t"); }) == 1);
  BOOST_TEST(answer({"run", "fini"}) == "words\nfinish_thing\n");
  BOOST_TEST(answer({"run", "finish_thing", "fini"}) == "words\n");
}

BOOST_AUTO_TEST_CASE(actors_times_and_channels_are_offered) {
  environment["SUDO_USER"] = "ada.lovelace";
  sql("update thing set done = false");
  BOOST_TEST_REQUIRE(call({"run", "finish_thing"}).status == 0);
  const auto actor = member(lines(call({"journal", "-n1", "-o", "json"}).out).at(0), "actor");
  BOOST_TEST(contains(answer({"journal", "--actor", ""}), "\n" + actor + "\n"));
  BOOST_TEST(contains(answer({"journal", "--since", "-"}), "\n-7d\t"));
  BOOST_TEST(
      (typed("bash", "converge journal --until yes") == Words{"journal", "--until", "yesterday"}));
  for (const auto& line : lines(answer({"stats", "--since", ""}))) {
    if (line == "words") continue;
    BOOST_TEST(call({"stats", "--since", line.substr(0, line.find('\t'))}).status == 0, line);
  }
  directory.write("converge.toml", "[update]\nchannel = \"nightly\"\n");
  environment["CONVERGE_CONFIG"] = (directory / "converge.toml").string();
  BOOST_TEST(answer({"update", "--channel", ""}) == "words\ncanary\nnightly\nstable\n");
  BOOST_TEST(answer({"publish", "promote", "/srv", "--to", "can"}) == "words\ncanary\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
