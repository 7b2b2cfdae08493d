#include "convergers/definition.h"
#include "convergers/directive.h"
#include "convergers/setting_values.h"
#include "src/base/error.h"
#include "tests/support/manual.h"

#include <boost/test/unit_test.hpp>

#include <map>
#include <regex>
#include <set>
#include <string>

namespace converge::convergers {
namespace {

using Names = std::set<std::string>;

const std::string kFind = "-- find:\nselect 1;\n";
const std::string kStep = "-- step: one\n";
const std::string kRest = kFind + kStep + "select 1;\n";
const std::string kHttp = kFind + "-- http: call\n";
const std::string kPost = kHttp + "--   POST http://h/x\n";
const std::string kExec = kFind + "-- exec: tell\n";

/// What the page says of a mistake in the file, and one such file.
const std::map<std::string, std::string> kMistakes = {
    {"unknown directive: WORD", "-- evry: 10s\n"},
    {"no blank after WORD:", "-- limit:500\n"},
    {"WORD is given twice", "-- every: 1s\n-- every: 1s\n"},
    {"WORD has no value", "-- every:\n"},
    {"WORD is not a duration: VALUE", "-- every: soon\n"},
    {"WORD must not be zero", "-- timeout: 0s\n"},
    {"WORD is too long: VALUE", "-- timeout: 25d\n"},
    {"WORD is not a number from 1 to N: VALUE", "-- chunk: 0\n"},
    {"WORD is not a name: VALUE", "-- listen: a-b\n"},
    {"limit is neither a count nor a percentage with a base: VALUE", "-- limit: 10%\n"},
    {"limit and shards do not go together", "-- limit: 5\n-- shards: 2\n"},
    {"WORD stands below find", kFind + "-- every: 1s\n"},
    {"WORD stands above find", kStep},
    {"there is no find", "-- every: 1s\n"},
    {"there is no step", kFind},
    {"this WORD has no statement", kFind + kStep},
    {"a second statement in this WORD", kFind + "select 2;\n"},
    {"WORD has no title", kFind + "-- step:\n"},
    {"two steps have the title TITLE", kRest + kStep},
    {"SQL that belongs to no directive", "select 1;\n"},
    {"parameters are not available in a definition", "-- find:\nselect $1"},
    {"psql meta-commands are not available in a definition", "-- find:\n\\set x 1\n"},
    {"this WORD does not end", "-- find:\nselect 'x\n"},
    {"not the name of a converger file: NAME", ""},
    {"WORD belongs to no http or exec step", kRest + "-- repeat: 1m\n"},
    {"this http has no request", kHttp},
    {"this exec has no program", kExec},
    {"this line is apart from the request above it", kPost + "\n--   x\n"},
    {"for: found without repeat", kPost + "-- for: found\n"},
    {"repeat without for: found", kPost + "-- repeat: 1m\n"},
    {"expect has no HTTP status: VALUE", kPost + "-- expect: 600\n"},
    {"a column cannot stand before the path of a URL", kHttp + "--   GET {url}\n"},
    {"a variable cannot stand in an argument", kExec + "--   tell ${TOKEN}\n"},
    {"the body is not JSON, as its Content-Type says",
     kPost + "--   Content-Type: application/json\n--\n--   {\n"},
    {"nothing above this step changes a subject: it would never act", kPost}};

/// `converge-sql.5`, and the parser that it describes.
struct DefinitionPage {
  /// The first line, without the place.
  static std::string mistake_in(const std::string& file, const std::string& text) {
    try {
      require_acting(parse_definition(file, text));
    } catch (const Error& error) {
      const std::string message = error.what();
      return std::regex_replace(message.substr(0, message.find('\n')),
                                std::regex(R"(^[^:]*:\d+:\d+: )"), "");
    }
    return "none";
  }

  /// The bounds that the page gives, `LEAST to MOST`.
  std::pair<std::string, std::string> bounds_of(const std::string& setting) const {
    const auto text = page.text_of("SETTINGS", "Ic", setting);
    std::smatch found;
    static const std::regex bounds(R"((\d+[a-z]*) to (\d+[a-z]*)\b)");
    if (!std::regex_search(text, found, bounds)) return {};
    return {found[1], found[2]};
  }

  static bool takes(const std::string& setting, const std::string& value) {
    engine::Settings settings;
    return !apply_setting(settings, setting, value);
  }

  tests::Manual page{"converge-sql.5"};
};

/// The same unit, one more or one less: `24d` and `25d`.
std::string beside(const std::string& value, int by) {
  std::size_t digits = 0;
  const auto number = std::stol(value, &digits);
  return std::to_string(number + by) + value.substr(digits);
}

BOOST_FIXTURE_TEST_SUITE(definition_page, DefinitionPage)

BOOST_AUTO_TEST_CASE(has_the_directives_that_the_parser_knows_and_no_others) {
  Names told = page.items("PARTS", "Ic");
  told.merge(page.items("SETTINGS", "Ic"));
  told.merge(page.items("Below the block", "Ic"));
  BOOST_TEST(told == Names(directive_words().begin(), directive_words().end()),
             boost::test_tools::per_element());
  BOOST_TEST(page.items("SETTINGS", "Ic") == Names(setting_names().begin(), setting_names().end()),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(has_the_default_of_each_setting) {
  std::map<std::string, std::string> defaults;
  for (const auto& name : setting_names()) defaults[name] = "none";
  for (const auto& [name, value] : setting_texts({})) defaults[name] = value;
  for (const auto& [name, value] : defaults) {
    const auto text = page.text_of("SETTINGS", "Ic", name);
    const auto expected = value == "none" ? "Default: none" : "Default .Ql " + value + " ";
    BOOST_TEST(text.find(expected) != std::string::npos, name << ": " << text);
  }
}

BOOST_AUTO_TEST_CASE(has_the_bounds_of_each_number_and_duration) {
  for (const std::string setting :
       {"every", "timeout", "pass_timeout", "chunk", "parallel", "shards", "settle"}) {
    BOOST_TEST_CONTEXT(setting) {
      const auto [least, most] = bounds_of(setting);
      BOOST_REQUIRE(!least.empty());
      BOOST_TEST(takes(setting, least));
      BOOST_TEST(takes(setting, most));
      BOOST_TEST(!takes(setting, beside(least, -1)));
      BOOST_TEST(!takes(setting, beside(most, 1)));
    }
  }
}

BOOST_AUTO_TEST_CASE(every_example_is_a_definition) {
  BOOST_TEST(page.blocks().size() >= 4u);
  for (const auto& [file, text] : page.blocks()) BOOST_TEST(mistake_in(file, text) == "none", file);
  const auto all = parse_definition("every_setting.sql", page.block("every_setting.sql"));
  for (const auto& name : setting_names()) {
    BOOST_TEST(all.text.find("-- " + name + ": ") != std::string::npos, name);
  }
}

BOOST_AUTO_TEST_CASE(has_the_mistakes_of_a_file_as_they_are_told) {
  Names told;
  for (const auto& [message, text] : kMistakes) {
    told.insert(message);
    const auto placeholder = std::regex("WORD|VALUE|TITLE|NAME|\\bN\\b");
    const auto pattern = std::regex_replace(message, placeholder, ".+");
    const std::string file = message.find("name of a converger") != std::string::npos ? "A" : "a";
    const auto mistake = mistake_in(file + ".sql", text);
    BOOST_TEST(std::regex_match(mistake, std::regex(pattern)), message << ": " << mistake);
  }
  BOOST_TEST(page.items("In the file", "Ql") == told, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::convergers
