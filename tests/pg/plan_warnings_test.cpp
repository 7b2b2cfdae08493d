#include "convergers/sql_converger.h"
#include "tests/pg/fixture.h"

#include <boost/test/unit_test.hpp>

namespace converge::tests {
namespace {

/// Accounts of which few are archived, analyzed.
struct PlannedWorld : World {
  PlannedWorld() {
    sql("drop index cluster_account_id_idx");
    archived_accounts(20'000);
    sql("update account set archived_at = null where id > 20");
    sql("vacuum analyze");
  }

  std::vector<std::string> warnings() const {
    convergers::SqlConverger converger(
        convergers::load_definition(directory / "convergers" / "archive.sql"));
    postgres::Session session(connect_options());
    converger.inspect(session);
    converger.prepare(session);
    return converger.plan_warnings(session);
  }
};

BOOST_FIXTURE_TEST_SUITE(plan_warnings, PlannedWorld)

BOOST_AUTO_TEST_CASE(scan_of_a_large_table_is_warned_of) {
  define("archive", archive_clusters());
  const auto warned = warnings();
  BOOST_TEST_REQUIRE(warned.size() == 2u);
  BOOST_TEST(warned[0].find("archive.sql:4: find ") != std::string::npos, warned[0]);
  BOOST_TEST(warned[0].find("20000 rows of \"public\".\"account\"") != std::string::npos,
             warned[0]);
  BOOST_TEST(warned[1].find("step archive clusters ") != std::string::npos, warned[1]);
  BOOST_TEST(warned[1].find("\"public\".\"cluster\"") != std::string::npos, warned[1]);
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
}

BOOST_AUTO_TEST_CASE(right_index_spares_the_warning) {
  define("archive", archive_clusters());
  sql("create index on account (id) where archived_at is not null;"
      "create index on cluster (account_id) where archived_at is null");
  BOOST_TEST(warnings() == std::vector<std::string>{}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(small_table_may_be_scanned) {
  sql("truncate account cascade");
  archived_accounts(9'000);
  sql("vacuum analyze");
  define("archive", archive_clusters());
  BOOST_TEST(warnings().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
