#include "convergers/registry.h"

#include "src/base/clock.h"
#include "src/config/settings_file.h"
#include "tests/support/temp_dir.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <string>

namespace converge::convergers {
namespace {

const std::string kEnabled = "[convergers]\nbuiltin = [\"reconcile_subscription\"]\n";

struct Configured {
  Configured() { std::filesystem::create_directory(directory / "convergers"); }

  Registry load(const std::string& text) {
    config::Config config;
    config.convergers = directory / "convergers";
    config::read_settings(directory.write("converge.toml", text), config);
    return load_registry(config);
  }
  void require_refused(const std::string& text, const std::string& place_and_message,
                       const std::string& hint) {
    BOOST_TEST_CONTEXT(text) {
      BOOST_CHECK_EXCEPTION(load(text), Error, [&](const Error& error) {
        BOOST_TEST(error.what() ==
                   (directory / "converge.toml").string() + ":" + place_and_message);
        BOOST_TEST(error.hint() == hint);
        return error.kind() == ErrorKind::usage;
      });
    }
  }
  /// One key of the converger's table, which stands in line 4.
  void require_key_refused(const std::string& key, const std::string& place_and_message,
                           const std::string& hint) {
    require_refused(kEnabled + "[convergers.reconcile_subscription]\n" + key + "\n",
                    place_and_message, hint);
  }

  tests::TempDir directory;
};

BOOST_FIXTURE_TEST_SUITE(builtin_convergers, Configured)

BOOST_AUTO_TEST_CASE(run_only_where_they_are_enabled) {
  BOOST_TEST(load("").convergers.empty());
  BOOST_TEST(load("[convergers]\nbuiltin = []\n").convergers.empty());
  const Registry registry = load(kEnabled);
  BOOST_REQUIRE(registry.find("reconcile_subscription") != nullptr);
  BOOST_TEST(registry.names() == std::vector<std::string>{"reconcile_subscription"});
  BOOST_TEST(registry.convergers.front()->profile().steps.size() == 2u);
}

BOOST_AUTO_TEST_CASE(stand_among_those_of_files_in_the_order_of_the_names) {
  const std::string text = "-- find:\nselect 1 as id;\n-- step: a\nselect id from subject;\n";
  directory.write("convergers/a.sql", text);
  directory.write("convergers/z.sql", text);
  const Registry registry = load(kEnabled);
  BOOST_TEST(registry.names() == (std::vector<std::string>{"a", "reconcile_subscription", "z"}));
  BOOST_TEST(registry.convergers[1]->profile().name == "reconcile_subscription");
}

BOOST_AUTO_TEST_CASE(take_settings_as_a_definition_has_them_and_their_parameters) {
  const Registry registry = load(kEnabled +
                                 "[convergers.reconcile_subscription]\nevery = \"5s\"\n"
                                 "chunk = 50\nparallel = \"2\"\nlimit = \"10% of at least 50\"\n"
                                 "listen = [\"cluster_changed\", \"Plan\"]\nhorizon = \"2d\"\n");
  const Defined& converger = *registry.convergers.front();
  const engine::Settings& settings = converger.profile().settings;
  BOOST_TEST(format_duration(settings.every.value()) == "5s");
  BOOST_TEST(settings.chunk == 50);
  BOOST_TEST(settings.parallel == 2);
  BOOST_TEST(settings.limit->allowed(1) == 5);
  BOOST_TEST(settings.listen == (std::vector<std::string>{"cluster_changed", "plan"}));
  BOOST_TEST(converger.parameters().front().value == "2d");
  BOOST_TEST(converger.profile().text.find("interval '172800000 milliseconds'") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(lose_their_limit_only_by_a_word) {
  const auto limit = [&](const std::string& more) {
    const Registry registry = load(kEnabled + "[convergers.reconcile_subscription]\n" + more);
    return registry.convergers.front()->profile().settings.limit;
  };
  BOOST_TEST(limit("")->count == 500);
  BOOST_TEST(!limit("limit = \"none\"\n").has_value());
}

BOOST_AUTO_TEST_CASE(have_a_version_that_tells_what_acts) {
  const auto profile = [&](const std::string& more) {
    return load(kEnabled + "[convergers.reconcile_subscription]\n" + more)
        .convergers.front()
        ->profile();
  };
  const engine::Profile usual = profile("");
  BOOST_TEST(usual.version == profile("horizon = \"90d\"\n").version);
  BOOST_TEST(usual.version != profile("horizon = \"91d\"\n").version);
  BOOST_TEST(usual.version != profile("every = \"2m\"\n").version);
  for (const char* part : {"-- reconcile_subscription is written in C++: build 0, commit ",
                           "-- limit: 500\n", "-- horizon: 90d\n", "\n-- find:\nselect c.id",
                           "\n-- statement: shorten\nupdate", "\n-- step: open subscriptions\n"}) {
    BOOST_TEST(usual.text.find(part) != std::string::npos, part);
  }
}

BOOST_AUTO_TEST_CASE(name_that_is_unknown_is_refused_with_the_nearest) {
  require_refused("[convergers]\nbuiltin = [\"reconcile_subscriptions\"]\n",
                  "2:12: there is no built-in converger reconcile_subscriptions",
                  "Did you mean reconcile_subscription?");
  require_refused("[convergers.bill]\n", "1:13: settings for what is no built-in converger: bill",
                  "Known are: reconcile_subscription.");
}

BOOST_AUTO_TEST_CASE(mistake_in_a_table_is_refused_before_it_is_enabled) {
  require_refused("[convergers.reconcile_subscription]\nevery = \"soon\"\n",
                  "2:9: every is not a duration: soon",
                  "Write numbers with units, largest first, such as every = \"1h30m\".");
}

BOOST_AUTO_TEST_CASE(key_that_is_unknown_is_refused_with_the_nearest) {
  require_key_refused("horizn = \"2d\"",
                      "4:1: unknown key convergers.reconcile_subscription.horizn",
                      "Did you mean horizon?");
  require_key_refused("evry = \"2d\"", "4:1: unknown key convergers.reconcile_subscription.evry",
                      "Did you mean every?");
}

BOOST_AUTO_TEST_CASE(value_of_the_wrong_kind_is_refused_with_its_place) {
  require_key_refused("horizon = 90", "4:11: horizon is not a duration: 90",
                      "Write numbers with units, largest first, such as horizon = \"1h30m\".");
  require_key_refused("chunk = true", "4:9: chunk is not a number from 1 to 100000: true",
                      "Write digits only, such as chunk = 4.");
  require_key_refused("every = 1.5",
                      "4:9: the value must be a string, a whole number, true or false",
                      "Put it in double quotes.");
  require_key_refused("every = [\"1s\", \"2s\"]", "4:1: every takes one value",
                      "Write it without brackets.");
  require_key_refused("every = \" \"", "4:9: every has no value", "Write it between the quotes.");
  require_key_refused("horizon = [\"1d\"]", "4:1: horizon takes one value",
                      "Write it without brackets.");
  require_key_refused("chunk = [4]", "4:1: chunk takes one value", "Write it without brackets.");
  require_key_refused("limit = \"some\"",
                      "4:9: limit is neither a count nor a percentage with a base: some",
                      "Write a count such as limit = \"10% of at least 50\".");
  require_key_refused("horizon = \"1d\"\nlisten = [\"a\", \"a\"]", "5:16: listen names a twice",
                      "Remove one of the two.");
}

BOOST_AUTO_TEST_CASE(list_of_them_is_an_array_of_strings) {
  require_refused("[convergers]\nbuiltin = \"reconcile_subscription\"\n",
                  "2:11: the value must be an array of strings", R"(Write it as ["NAME"].)");
  require_refused("[convergers]\nbuiltin = [1]\n", "2:12: the value must be a string",
                  "Put it in double quotes.");
}

BOOST_AUTO_TEST_CASE(limit_does_not_go_with_shards) {
  require_key_refused(
      "shards = 2", "3:13: limit and shards do not go together",
      "Each shard would have a limit of its own: keep the one that matters more; `limit = "
      "\"none\"` takes away that of the converger itself.");
}

BOOST_AUTO_TEST_CASE(name_of_a_file_too_is_broken_and_harms_no_other) {
  directory.write("convergers/other.sql",
                  "-- find:\nselect 1 as id;\n-- step: a\nselect id from subject;\n");
  const auto file =
      directory.write("convergers/reconcile_subscription.sql",
                      "-- find:\nselect 1 as id;\n-- step: a\nselect id from subject;\n");
  const Registry registry = load(kEnabled);
  BOOST_TEST(registry.find("reconcile_subscription") == nullptr);
  BOOST_TEST(registry.find("other") != nullptr);
  BOOST_REQUIRE(registry.find_broken("reconcile_subscription") != nullptr);
  BOOST_TEST(registry.find_broken("reconcile_subscription")->error.what() ==
             fmt::format("{}: reconcile_subscription is built in, too, and enabled in {}:2:12",
                         file.string(), (directory / "converge.toml").string()));
  BOOST_TEST(load("").find("reconcile_subscription") != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(parameters)

std::string put(ParameterKind kind, const std::string& value) {
  const std::vector<Parameter> one = {
      {.name = "it", .kind = kind, .value = value, .description = ""}};
  return with_parameters("a ${it}, ${it} b", one);
}

BOOST_AUTO_TEST_CASE(stand_as_literals_of_their_kind) {
  BOOST_TEST(put(ParameterKind::text, "O'Neil\\") ==
             R"(a E'O''Neil\\'::text, E'O''Neil\\'::text b)");
  BOOST_TEST(put(ParameterKind::whole_number, "-5") == "a (-5)::bigint, (-5)::bigint b");
  BOOST_TEST(put(ParameterKind::duration, "1m") ==
             "a interval '60000 milliseconds', interval '60000 milliseconds' b");
  BOOST_TEST(put(ParameterKind::boolean, "true") == "a true, true b");
}

BOOST_AUTO_TEST_CASE(have_values_of_their_kind) {
  const auto refuses = [](ParameterKind kind, const std::string& value) {
    return problem_with({.name = "it", .kind = kind, .value = "", .description = ""}, value)
        .has_value();
  };
  BOOST_TEST(!refuses(ParameterKind::text, "anything"));
  BOOST_TEST(!refuses(ParameterKind::whole_number, "-12"));
  BOOST_TEST(refuses(ParameterKind::whole_number, "1; drop table account"));
  BOOST_TEST(refuses(ParameterKind::duration, "90"));
  BOOST_TEST(!refuses(ParameterKind::boolean, "false"));
  BOOST_TEST(refuses(ParameterKind::boolean, "yes"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::convergers
