#include "tests/support/temp_dir.h"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace converge::tests {
namespace {

using Names = std::set<std::string>;

/// `suite/case` of all tests.
Names tests_that_exist() {
  static const std::regex place(R"re(BOOST_(AUTO|FIXTURE|DATA)_TEST_(SUITE|CASE)\((\w+))re");
  Names found;
  for (const auto& file : std::filesystem::recursive_directory_iterator("tests")) {
    if (file.path().extension() != ".cpp") continue;
    const std::string text = read_text(file.path());
    std::string suite;
    for (std::sregex_iterator match(text.begin(), text.end(), place), end; match != end; ++match) {
      const std::string name = (*match)[3];
      if ((*match)[2] == "SUITE") {
        suite = name;
      } else {
        found.insert(suite + "/" + name);
      }
    }
  }
  return found;
}

/// What the last cell of each row of the table of claims names.
std::vector<Names> tests_of_claims() {
  static const std::regex row(R"re(^\| .+ \| .+ \| (`.+`) \|$)re");
  static const std::regex name(R"re(`(\w+/\w+)`)re");
  std::vector<Names> claims;
  std::istringstream page(read_text("SECURITY.md"));
  std::smatch cells;
  for (std::string line; std::getline(page, line);) {
    if (!std::regex_match(line, cells, row)) continue;
    const std::string cell = cells[1];
    Names names;
    for (std::sregex_iterator match(cell.begin(), cell.end(), name), end; match != end; ++match) {
      names.insert((*match)[1]);
    }
    claims.push_back(names);
  }
  return claims;
}

BOOST_AUTO_TEST_SUITE(security_page)

BOOST_AUTO_TEST_CASE(each_claim_names_tests_that_there_are) {
  const Names known = tests_that_exist();
  const auto claims = tests_of_claims();
  BOOST_TEST(claims.size() == 20u);
  for (const Names& names : claims) {
    BOOST_TEST(!names.empty());
    for (const auto& name : names) BOOST_TEST(known.contains(name), name << " is no test");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
