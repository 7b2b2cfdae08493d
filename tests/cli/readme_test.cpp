#include "tests/cli/reader.h"

#include <boost/algorithm/string/replace.hpp>
#include <boost/test/unit_test.hpp>

#include <regex>

namespace {

using namespace converge::tests;

/// The fenced blocks below a comment `guide`.
std::vector<Block> blocks_of(const std::string& page) {
  const std::string sign = "<!-- guide ";
  std::vector<Block> blocks;
  std::string mark;
  bool inside = false;
  for (const std::string& line : lines(page)) {
    if (line.starts_with(sign)) mark = line.substr(sign.size(), line.find(" -->") - sign.size());
    if (inside && line == "```") {
      inside = false;
      mark.clear();
    } else if (inside) {
      blocks.back().lines.push_back(line);
    } else if (line.starts_with("```") && !mark.empty()) {
      blocks.push_back({.mark = mark, .lines = {}});
      inside = true;
    }
  }
  return blocks;
}

/// What can be read in the picture of a terminal, each of whose lines is a `text`; but not who drew
/// it, on which server, in which of its transactions.
std::vector<std::string> text_of(const std::string& picture) {
  static const std::regex tag("<[^>]*>");
  static const std::regex who("by .* pass ");
  static const std::regex target("converge: database app at .* as app .PostgreSQL [0-9.]+.");
  static const std::regex transaction("xid [0-9]+$");
  std::vector<std::string> text;
  for (const std::string& line : lines(picture)) {
    if (!line.starts_with("<text")) continue;
    std::string plain = std::regex_replace(line, tag, "");
    boost::replace_all(plain, "&lt;", "<");
    boost::replace_all(plain, "&gt;", ">");
    boost::replace_all(plain, "&amp;", "&");
    plain = std::regex_replace(plain, who, "by [...] pass ");
    plain = std::regex_replace(plain, target, "converge: database [...] (PostgreSQL [...])");
    text.push_back(std::regex_replace(plain, transaction, "xid [...]"));
  }
  return text;
}

BOOST_FIXTURE_TEST_SUITE(readme, Reader)

BOOST_AUTO_TEST_CASE(followed_literally_prints_what_it_and_its_picture_show) {
  const std::string example = "postgresql://app@db.example.com/app";
  for (const Block& block : blocks_of(read_text("README.md"))) follow(block, example);
  BOOST_TEST(commands() > 10u);
  const auto before = commands();
  follow_on_terminal(text_of(read_text("tests/picture.svg")), example);
  BOOST_TEST(commands() - before == 4u);
  require_all_as_printed();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
