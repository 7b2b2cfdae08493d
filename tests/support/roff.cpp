#include "tests/support/roff.h"

#include <boost/algorithm/string/replace.hpp>

#include <array>
#include <sstream>

namespace converge::tests {

std::string shown(std::string text) {
  using Pair = std::array<const char*, 2>;
  for (const auto& [escape, character] :
       {Pair{"\\(dq", "\""}, Pair{"\\-", "-"}, Pair{"\\&", ""}, Pair{"\\e", "\\"}}) {
    boost::replace_all(text, escape, character);
  }
  return text;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(shown(word));
  return words;
}

}  // namespace converge::tests
