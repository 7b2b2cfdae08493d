#include "tests/cli/reader.h"

#include <boost/algorithm/string/replace.hpp>
#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

constexpr const char* kPage = "man/converge-writing.7";

std::vector<Block> blocks_of(const std::string& page) {
  const std::string sign = ".\\\" guide ";
  std::vector<Block> blocks;
  std::string mark;
  bool inside = false;
  for (std::string line : lines(page)) {
    if (line.starts_with(sign)) mark = line.substr(sign.size());
    if (line == ".Ed" && inside) mark.clear();
    if (line == ".Ed") inside = false;
    boost::replace_all(line, "\\[u2026]", "…");
    boost::replace_all(line, "\\[u2713]", "✓");
    boost::replace_all(line, "\\[u2717]", "✗");
    if (inside) blocks.back().lines.push_back(line);
    if (!line.starts_with(".Bd") || mark.empty()) continue;
    blocks.push_back({.mark = mark, .lines = {}});
    inside = true;
  }
  return blocks;
}

BOOST_FIXTURE_TEST_SUITE(guide, Reader)

BOOST_AUTO_TEST_CASE(followed_literally_prints_what_it_shows) {
  for (const Block& block : blocks_of(read_text(kPage))) follow(block, "postgresql:///club");
  BOOST_TEST(commands() > 20u);
  require_all_as_printed();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
