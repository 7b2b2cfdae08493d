#include "tests/cli/disk_fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

BOOST_FIXTURE_TEST_SUITE(power_cut, Disk)

// The harness `disk_errors` of `make torture` does it at each sync.
BOOST_AUTO_TEST_CASE(sync_that_failed_costs_no_record_when_the_power_is_cut_later) {
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  dirty_again();
  const auto before = files();
  BOOST_TEST(run_on_disk("sync:2:5").status == 1);  // EIO
  require_records_after_power_cut(before);
  BOOST_TEST(run_further_on_disk().status == 0);
  require_records_after_power_cut(before);
  require_agreement();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
