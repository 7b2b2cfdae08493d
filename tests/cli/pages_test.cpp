#include "tests/cli/fixture.h"
#include "tests/support/command_page.h"
#include "tests/support/offered.h"

#include <boost/algorithm/string/join.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <iterator>
#include <regex>

namespace {

using namespace converge::tests;
using Names = CommandPage::Names;

Names without(const Names& these, const Names& those) {
  Names left;
  std::set_difference(these.begin(), these.end(), those.begin(), those.end(),
                      std::inserter(left, left.begin()));
  return left;
}

std::string shown(const Names& names) { return boost::join(names, ", "); }

/// That all of `these` are among `those`.
void require_among(const Names& these, const Names& those, const std::string& trouble) {
  BOOST_TEST(without(these, those).empty(), trouble << ": " << shown(without(these, those)));
}

/// Both ways.
void require_same(const Names& offered, const Names& told, const std::string& page) {
  require_among(offered, told, page + " does not tell of it");
  require_among(told, offered, page + " tells of what is not there");
}

Names spellings(const std::vector<Spellings>& options) {
  Names all;
  for (const auto& option : options) all.insert(option.begin(), option.end());
  return all;
}

/// The words of the program's sources that name a variable of the environment: what stands in
/// `getenv("...")`, whatever begins with `CONVERGE_`, and in the few files that look for one by a
/// name that they are given, whatever looks like one.
Names variables_in_sources() {
  static const std::regex literal(R"re(getenv\("([A-Za-z_]+)"\))re");
  static const std::regex ours(R"re("(CONVERGE_[A-Z_]+)[="])re");
  static const std::regex by_name(R"re(getenv\([^")])re");
  static const std::regex like_one(R"re("([A-Z][A-Z_]{2,}|[a-z]+_proxy)")re");
  // Where a name is what a definition says, and where only what is passed on is named.
  const std::map<std::string, Names> no_variables = {
      {"convergers/variables.cpp", {}},
      {"src/postgres/connection_string.cpp", {}},
      {"src/cli/pager.cpp", {"FRX", "LESSSECURE"}},
      {"src/daemon/notify.cpp", {}},
      {"src/config/config.cpp", {}},
      {"src/http/proxy.cpp", {}},
  };
  Names found;
  for (const std::string folder : {"src", "journal", "convergers", "updater"}) {
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
      const auto& path = file.path();
      // It is in the twin that tests use, and in no program that is released.
      const bool is_source = path.extension() == ".cpp" || path.extension() == ".h";
      if (!is_source || path.filename() == "fault_on.cpp") continue;
      const std::string text = read_text(path);
      const auto take = [&](const std::regex& pattern) {
        std::transform(std::sregex_iterator(text.begin(), text.end(), pattern), {},
                       std::inserter(found, found.end()),
                       [](const auto& match) { return match[1].str(); });
      };
      take(literal);
      take(ours);
      if (!std::regex_search(text, by_name)) continue;
      const auto known = no_variables.find(path.string());
      BOOST_TEST_REQUIRE((known != no_variables.end()),
                         path << " looks for variables by names that this test does not see");
      take(like_one);
      for (const auto& name : known->second) found.erase(name);
    }
  }
  return found;
}

/// All that libpq knows.
Names variables_of_libpq() {
  Names names;
  PQconninfoOption* options = ::PQconndefaults();
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->envvar != nullptr) names.insert(option->envvar);
  }
  ::PQconninfoFree(options);
  // It looks for these two by itself.
  names.insert({"PGSERVICEFILE", "PGPASSFILE"});
  return names;
}

struct Pages : Cli {
  /// By command, in which page it is told of.
  std::map<std::string, const CommandPage*> tellers() const {
    std::map<std::string, const CommandPage*> found;
    for (const auto& page : pages) {
      for (const auto& [command, options] : page.options) found[command] = &page;
    }
    return found;
  }
  const CommandPage& overview() const { return *tellers().at(""); }

  const std::vector<CommandPage> pages = read_command_pages();
  const std::map<std::string, std::vector<Spellings>> offered = offered_options(binary);
  const Names common = spellings(offered.at(""));
};

BOOST_FIXTURE_TEST_SUITE(pages, Pages)

BOOST_AUTO_TEST_CASE(every_command_has_a_page_and_every_page_a_command) {
  Names commands;
  for (const auto& [command, options] : offered) commands.insert(command);
  Names told;
  for (const auto& [command, page] : tellers()) told.insert(command);
  require_same(commands, told, "no page");
  for (const auto& page : pages) {
    for (const auto& [command, options] : page.options) {
      const std::string name = command.substr(0, command.find(' '));
      const bool is_named = page.names.contains(name.empty() ? "converge" : "converge-" + name) ||
                            (name == "daemon" && page.names.contains("converged"));
      BOOST_TEST(is_named, page.file << ": NAME lacks " << name);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_overview_lists_every_command) {
  const std::string text = read_text(overview().file);
  for (const auto& [command, options] : offered) {
    if (command.empty() || contains(command, " ")) continue;
    const std::regex item("\n\\.It Cm ([a-z]+ , )*" + command + "( ,|\n)");
    BOOST_TEST(std::regex_search(text, item), command);
  }
}

BOOST_AUTO_TEST_CASE(synopsis_has_the_options_of_each_command) {
  for (const auto& [command, page] : tellers()) {
    const auto& told = page->options.at(command);
    const auto& options = offered.at(command);
    for (const auto& option : options) {
      if (option == Spellings{"-h", "--help"}) continue;
      const bool is_told = std::any_of(option.begin(), option.end(),
                                       [&](const auto& one) { return told.contains(one); });
      BOOST_TEST(is_told, page->file << ": synopsis of " << command << " lacks " << option.back());
    }
    Names known = spellings(options);
    known.insert(common.begin(), common.end());
    require_among(told, known, page->file.string() + ": " + command + " has no such option");
  }
}

BOOST_AUTO_TEST_CASE(every_option_is_explained_and_none_that_is_not_there) {
  for (const auto& page : pages) {
    Names there;
    for (const auto& [command, told] : page.options) {
      for (const auto& name : spellings(offered.at(command))) {
        if (command.empty() || (name != "-h" && name != "--help")) there.insert(name);
      }
    }
    require_among(there, page.explained, page.file.string() + " does not explain it");
    there.insert(common.begin(), common.end());
    require_among(page.explained, there, page.file.string() + " explains what is not there");
  }
}

BOOST_AUTO_TEST_CASE(environment_is_what_the_sources_look_for) {
  Names all = variables_in_sources();
  all.merge(variables_of_libpq());
  // What programs of steps are given, which converge-writing(7) tells of.
  for (const char* given : {"CONVERGE_IDEMPOTENCY_KEY", "CONVERGE_CONVERGER"}) all.erase(given);
  // Those that libraries look for by themselves.
  all.insert({"TZ", "LC_ALL", "LC_CTYPE", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR"});
  require_same(all, overview().environment, overview().file);
  Names known = overview().environment;
  known.insert("PG*");
  for (const auto& page : pages) {
    require_among(page.environment, known, page.file.string());
  }
}

BOOST_AUTO_TEST_CASE(statuses_of_the_overview_are_those_of_the_help) {
  static const std::regex status("[:;] ([0-9]+) ");
  std::string help = call({"--help"}).out;
  std::replace(help.begin(), help.end(), '\n', ' ');
  help.erase(0, help.find("Exit status"));
  Names told;
  std::transform(std::sregex_iterator(help.begin(), help.end(), status), {},
                 std::inserter(told, told.end()), [](const auto& match) { return match[1].str(); });
  require_same(told, overview().statuses, overview().file);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
