#include "src/base/error.h"
#include "src/config/config.h"
#include "src/config/settings_file.h"
#include "tests/support/command.h"
#include "tests/support/temp_dir.h"

#include <boost/test/unit_test.hpp>

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace {

using namespace converge;
using namespace converge::tests;
using Names = std::set<std::string>;

/// src/host/converge.toml, what `converge install` puts into /etc/converge.
struct Sample {
  config::Config load(const std::string& toml) const {
    config::Config config;
    config::read_settings(directory.write("converge.toml", toml), config);
    return config;
  }

  /// With every line `#key = value` uncommented.
  std::string uncommented() const {
    static const std::regex line("(^|\n)#([A-Za-z_]+ = )");
    return std::regex_replace(text, line, "$1$2");
  }

  /// What the parser says that it knows.
  Names known(const std::string& toml) const {
    Names names;
    try {
      load(toml);
    } catch (const Error& error) {
      const auto& hint = error.hint();
      std::istringstream words(hint.substr(hint.find(": ") + 1));
      for (std::string name; words >> name;) names.insert(name.substr(0, name.find_first_of(",.")));
    }
    return names;
  }

  std::map<std::string, Names> keys() const {
    std::map<std::string, Names> found;
    std::string section;
    std::istringstream lines(uncommented());
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with('[')) {
        section = line.substr(1, line.find(']') - 1);
        found[section];
      } else if (!line.empty() && !line.starts_with('#')) {
        found[section].insert(line.substr(0, line.find(' ')));
      }
    }
    return found;
  }

  TempDir directory;
  std::string text = read_text("src/host/converge.toml");
};

BOOST_FIXTURE_TEST_SUITE(sample_configuration, Sample)

BOOST_AUTO_TEST_CASE(as_it_is_installed_it_sets_nothing) {
  BOOST_TEST((load(text) == config::Config{}));
}

BOOST_AUTO_TEST_CASE(has_every_key_that_is_read_and_no_other) {
  Names sections;
  for (const auto& [section, names] : keys()) {
    sections.insert(section);
    if (section != "variables")
      BOOST_TEST((names == known("[" + section + "]\nzzzzzzzzzz = 1\n")), section);
  }
  BOOST_TEST((sections == known("[zzzzzzzzzzzz]\n")));
}

BOOST_AUTO_TEST_CASE(what_is_commented_out_says_what_holds_without_it) {
  auto read = load(uncommented());
  // Examples of what has no default.
  BOOST_TEST(!read.database_url.empty());
  BOOST_TEST(read.update.keys.size() == 1u);
  BOOST_TEST(!read.update.url.empty());
  BOOST_TEST(read.journal_keep.count() > 0);
  BOOST_TEST(!read.http.ca_file.empty());
  BOOST_TEST(read.http.proxy.has_value());
  BOOST_TEST(read.variables.size() == 1u);
  BOOST_TEST(read.convergers == "/etc/converge/convergers");
  BOOST_TEST(read.journal == "/var/lib/converge/journal.db");
  const config::Config defaults;
  read.database_url.clear();
  read.update.keys.clear();
  read.update.url.clear();
  read.journal_keep = {};
  read.http.ca_file.clear();
  read.http.ca_file_place.clear();
  read.http.proxy.reset();
  read.http.proxy_place.clear();
  read.variables.clear();
  read.convergers.clear();
  read.journal.clear();
  BOOST_TEST((read == defaults));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
