#include "convergers/builtin.h"
#include "convergers/registry.h"
#include "src/base/error.h"
#include "src/config/settings_file.h"
#include "tests/support/manual.h"
#include "tests/support/temp_dir.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <set>
#include <sstream>
#include <string>

namespace converge::config {
namespace {

using Names = std::set<std::string>;

constexpr const char* kNobodysKey = "zzzzzzzzzzzzzzzzzzzz";
constexpr const char* kMissing = "(missing)";
const std::string kOfOneConverger = "[convergers.NAME]";

/// `converge.toml.5`, and the parser that it describes.
struct ConfigurationPage {
  Config load(const std::string& text) const {
    Config config;
    read_settings(directory.write("converge.toml", text), config);
    return config;
  }

  /// What the parser says that it knows, where it was given what it does not.
  Names known(const std::string& text) const {
    const std::string sign = "Known are: ";
    try {
      load(text);
    } catch (const Error& error) {
      BOOST_REQUIRE(error.hint().starts_with(sign));
      std::string list = error.hint().substr(sign.size());
      list.pop_back();
      Names names;
      std::istringstream stream(list);
      for (std::string name; stream >> name;) {
        if (name.ends_with(',')) name.pop_back();
        names.insert(name);
      }
      return names;
    }
    BOOST_FAIL(text + " was taken");
    return {};
  }
  Names sections() const { return known(fmt::format("[{}]\n", kNobodysKey)); }
  Names keys_of(const std::string& section) const {
    return known(fmt::format("[{}]\n{} = 1\n", section, kNobodysKey));
  }

  /// As it is written, without quotes.
  std::string value_in_example(const std::string& section, const std::string& key) const {
    const std::string& text = page.block("complete");
    const auto begin = text.find("[" + section + "]\n");
    const auto at = text.find("\n" + key + " = ", begin);
    if (begin == std::string::npos || at >= text.find("\n[", begin)) return kMissing;
    const auto value = at + key.size() + 4;
    std::string written = text.substr(value, text.find('\n', value) - value);
    std::erase(written, '"');
    return written;
  }

  tests::Manual page{"converge.toml.5"};
  tests::TempDir directory;
};

BOOST_FIXTURE_TEST_SUITE(configuration_page, ConfigurationPage)

BOOST_AUTO_TEST_CASE(has_the_sections_that_the_parser_knows_and_no_others) {
  Names described(page.subsections().begin(), page.subsections().end());
  BOOST_TEST(described.erase(kOfOneConverger) == 1u);
  Names known;
  for (const auto& section : sections()) known.insert("[" + section + "]");
  BOOST_TEST(described == known, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(has_the_keys_that_the_parser_knows_and_no_others) {
  for (const auto& section : sections()) {
    if (section == "variables") continue;  // Whose names are anybody's.
    BOOST_TEST_CONTEXT(section) {
      BOOST_TEST(page.items("[" + section + "]", "Va") == keys_of(section),
                 boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(has_the_parameters_of_the_built_in_convergers_and_no_others) {
  Names parameters;
  for (const auto builtin : convergers::builtins()) {
    for (const auto& parameter : builtin().parameters) {
      parameters.insert(parameter.name);
      const auto text = page.text_of(kOfOneConverger, "Va", parameter.name);
      BOOST_TEST(text.find("Default .Ql " + parameter.value) != std::string::npos, text);
    }
  }
  BOOST_TEST(page.items(kOfOneConverger, "Va") == parameters, boost::test_tools::per_element());
}

// `Default:` begins one that is no value; the value is that of the example otherwise.
BOOST_AUTO_TEST_CASE(says_the_default_of_each_key) {
  for (const auto& section : sections()) {
    for (const auto& key : page.items("[" + section + "]", "Va")) {
      const auto text = page.text_of("[" + section + "]", "Va", key);
      const auto value = value_in_example(section, key);
      bool told = text.find("Default: ") != std::string::npos;
      for (const char* macro : {"", ".Ql ", ".Pa "}) {
        told = told || text.find("Default " + (macro + value)) != std::string::npos;
      }
      BOOST_TEST(told, section << "." << key << ", " << value << ": " << text);
    }
  }
}

BOOST_AUTO_TEST_CASE(example_has_every_key_with_its_default) {
  const std::string text = page.block("complete");
  for (const auto& section : sections()) {
    BOOST_TEST(text.find("[" + section + "]\n") != std::string::npos, section);
    if (section == "variables") continue;
    for (const auto& key : keys_of(section)) {
      BOOST_TEST(value_in_example(section, key) != kMissing, section << "." << key);
    }
  }
  const Config config = load(text);
  const Config plain;
  BOOST_TEST(config.connect_timeout.count() == plain.connect_timeout.count());
  BOOST_TEST(config.lock_timeout.count() == plain.lock_timeout.count());
  BOOST_TEST((config.daemon == plain.daemon));
  BOOST_TEST(config.http.connect_timeout.count() == plain.http.connect_timeout.count());
  BOOST_TEST(config.http.idle_timeout.count() == plain.http.idle_timeout.count());
  Update update = config.update;
  update.url.clear();
  update.keys.clear();
  BOOST_TEST((update == plain.update));
}

BOOST_AUTO_TEST_CASE(examples_enable_converge_as_they_say) {
  auto config = load(page.block("complete"));
  config.convergers = directory.path();
  const auto registry = convergers::load_registry(config);
  BOOST_REQUIRE(registry.convergers.size() == 1u);
  const auto& profile = registry.convergers.front()->profile();
  BOOST_TEST(profile.name == "reconcile_subscription");
  BOOST_TEST(profile.settings.limit.value().text == "10% of at least 50");
  BOOST_TEST((profile.settings.every == std::chrono::minutes(5)));
  BOOST_TEST(!load(page.block("small")).database_url.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::config
