#include "tests/torture/kill_matrix.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <cstdlib>

namespace {

using namespace converge::tests;

BOOST_AUTO_TEST_SUITE(kill_matrix)

// SCENE=NAME is one scene alone, as the last column of the table names it.
BOOST_AUTO_TEST_CASE(every_point_is_killed_at_each_occurrence) {
  const char* only = std::getenv("SCENE");
  KillMatrix matrix;
  ClosingTable table("kill_matrix: every named point, killed at each occurrence",
                     {"point", "kills", "verdict", "scenes"});
  for (const auto& scenes : {pass_scenes(), outside_scenes(), upkeep_scenes(), update_scenes()}) {
    for (const auto& make : scenes) {
      const auto scene = make();
      if (only == nullptr || scene->name() == only) matrix.kill_everywhere(*scene);
    }
  }
  matrix.tell(table);
  table.add({"all", std::to_string(matrix.kills()), "", ""});
  if (only != nullptr) return;
  for (const auto& point : matrix.never_killed()) BOOST_ERROR("no scene comes by " + point);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
