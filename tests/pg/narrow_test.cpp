#include "convergers/sql_converger.h"
#include "src/postgres/advisory_lock.h"
#include "tests/pg/fixture.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

namespace converge::tests {
namespace {

BOOST_FIXTURE_TEST_SUITE(narrow, World)

BOOST_AUTO_TEST_CASE(only_the_named_subjects_are_corrected) {
  archived_accounts(9);
  for (const std::string chunk : {"100", "2"}) {
    sql("update cluster set archived_at = null");
    define("archive", archive_clusters("-- chunk: " + chunk));
    const auto result = run("archive", {.subjects = {"8", "2", "5", "77", "2", "6"}});
    BOOST_TEST(summary(result) == "converged: 4 of 4 corrected, 4 changes, 0 failed");
    BOOST_TEST(!result.complete);
    BOOST_TEST(result.not_found == 1);
    BOOST_TEST(sql("select string_agg(account_id::text, ',' order by account_id) from cluster "
                   "where archived_at is not null") == "2,5,6,8");
  }
  const auto whole = run("archive");
  BOOST_TEST(whole.complete);
  BOOST_TEST(whole.inconsistencies == 5);
  BOOST_TEST(journaled("select count(*) from entry where detail ->> 'narrowed'") == "2");
}

BOOST_AUTO_TEST_CASE(key_that_is_none_fails_or_was_not_found) {
  archived_accounts(2);
  define("archive", archive_clusters());
  const RunOptions bad{.subjects = {"1", "x"}};
  BOOST_TEST(engine::name_of(run("archive", bad).outcome) == "failed");
  RunOptions lenient = bad;
  lenient.lenient = true;
  const auto result = run("archive", lenient);
  BOOST_TEST(summary(result) == "unchanged: 0 of 0 corrected, 0 changes, 0 failed");
  BOOST_TEST(result.not_found == 2);
}

BOOST_AUTO_TEST_CASE(pass_over_one_shard_needs_its_lock_alone) {
  archived_accounts(40);
  define("archive", archive_clusters("-- shards: 3"));
  postgres::Session other(connect_options());
  postgres::AdvisoryLocks locks(other);
  BOOST_TEST(locks.acquire("archive 0/3", std::chrono::milliseconds(0)));
  BOOST_TEST(engine::name_of(run("archive", {.shard = 0}).outcome) == "skipped");
  std::int64_t corrected = 0;
  for (const int shard : {1, 2}) {
    const auto result = run("archive", {.shard = shard});
    BOOST_TEST(result.inconsistencies ==
               count(fmt::format("account where mod(mod(hashtextextended(id::text, 0), 3) + 3, 3) "
                                 "= {}",
                                 shard)));
    corrected += result.inconsistencies;
  }
  BOOST_TEST(corrected == count("cluster where archived_at is not null"));
  // Named subjects may be in the shard that is held.
  BOOST_TEST(engine::name_of(run("archive", {.subjects = {"1"}}).outcome) == "skipped");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
