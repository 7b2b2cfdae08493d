#include "src/base/version.h"

#include <boost/test/unit_test.hpp>

namespace converge {
namespace {

BOOST_AUTO_TEST_SUITE(base_version)

BOOST_AUTO_TEST_CASE(build_is_known) {
  BOOST_TEST(build_number() >= 0);
  BOOST_TEST(!build_commit().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge
