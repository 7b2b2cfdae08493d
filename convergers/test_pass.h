#pragma once

#include "convergers/test_expectation.h"
#include "src/engine/converger.h"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace converge::convergers {

/// What a pass did in a test.
struct TestPass {
  std::vector<Expectation> done;  ///< Step by step, in the order of the subjects.
  /// Of each step in the database that changed something: its title and its rows, as text.
  struct Changed {
    std::string title;
    std::vector<std::string> rows;
    std::set<std::string, std::less<>> subjects;  ///< Whose keys they begin with.
  };
  std::vector<Changed> changed;
  std::set<std::string, std::less<>> found;  ///< The keys of all subjects.
};

/// Finds and converges in the transaction, and leaves it open. With `again`, steps `for: found` are
/// within their `repeat`, and send nothing. Throws what a pass would fail with.
TestPass run_test_pass(const engine::Converger& converger, postgres::Transaction& transaction,
                       bool again);

}  // namespace converge::convergers
