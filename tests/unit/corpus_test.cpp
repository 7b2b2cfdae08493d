#include "tests/fuzz/target.h"
#include "tests/support/temp_dir.h"

#include <boost/test/unit_test.hpp>

#include <exception>
#include <filesystem>
#include <string>

namespace converge::fuzz {
namespace {

const std::filesystem::path kCorpus = "tests/fuzz/corpus";

/// What a target found in an input; empty for nothing.
std::string finding_in(const Target& target, std::string_view input) {
  try {
    target.run(input);
    return {};
  } catch (const std::exception& finding) {
    return finding.what();
  }
}

BOOST_AUTO_TEST_SUITE(corpus)

BOOST_AUTO_TEST_CASE(every_input_is_played_again) {
  for (const Target& target : targets()) {
    int played = 0;
    for (const auto& entry : std::filesystem::directory_iterator(kCorpus / target.name)) {
      const auto finding = finding_in(target, tests::read_text(entry.path()));
      BOOST_TEST(finding.empty(), entry.path().native() << ": " << finding);
      ++played;
    }
    BOOST_TEST(played > 0, target.name);
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_called_by_a_target_is_not_in_the_corpus) {
  for (const auto& entry : std::filesystem::directory_iterator(kCorpus)) {
    bool known = false;
    for (const Target& target : targets()) known |= entry.path().filename() == target.name;
    BOOST_TEST(known, entry.path().native());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::fuzz
