#include "src/engine/shard_locks.h"
#include "src/postgres/advisory_lock.h"
#include "tests/pg/fixture.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/test/unit_test.hpp>

namespace converge::tests {
namespace {

struct ShardsWorld : World {
  void make_due() const {
    SQLite::Database(journal_file.string(), SQLite::OPEN_READWRITE)
        .exec("update quarantine set next_us = 1");
  }
  std::string shard_of(int account) const {
    return sql("select mod(mod(hashtextextended('" + std::to_string(account) + "', 0), 2) + 2, 2)");
  }
};

BOOST_FIXTURE_TEST_SUITE(shards, ShardsWorld)

// Hosts whose definitions differ, and a daemon that has just got a new one.
BOOST_AUTO_TEST_CASE(passes_that_disagree_on_the_number_of_shards_exclude_each_other) {
  archived_accounts(3);
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"", "-- shards: 2"}, {"-- shards: 2", ""}, {"-- shards: 2", "-- shards: 3"}};
  for (const auto& pair : pairs) {
    BOOST_TEST_CONTEXT(pair.first << " and then " << pair.second) {
      sql("update cluster set archived_at = null");
      const auto in_the_way = [&] {
        define("archive", archive_clusters(pair.second));
        return run("archive");
      };
      std::string others;
      define("archive", archive_clusters(pair.first));
      const auto result = run("archive", {.observer = {.corrected = [&](const auto&) {
                                            others += engine::name_of(in_the_way().outcome);
                                            others += ' ';
                                          }}});
      BOOST_TEST(result.inconsistencies == 3);
      BOOST_TEST(others == "skipped skipped skipped ");
      BOOST_TEST(engine::name_of(in_the_way().outcome) == "unchanged");
    }
  }
}

BOOST_AUTO_TEST_CASE(shards_of_one_process_run_beside_each_other) {
  archived_accounts(20);
  define("archive", archive_clusters("-- shards: 2"));
  postgres::Session session(connect_options());
  postgres::AdvisoryLocks locks(session);
  for (const int times : {1, 2}) {
    BOOST_TEST(locks.acquire_shared("archive", std::chrono::milliseconds(0)), times);
    BOOST_TEST(locks.acquire_variant("shards of archive", 2), times);
    BOOST_TEST(!locks.acquire_variant("shards of archive", 3), times);
    BOOST_TEST(!locks.acquire("archive", std::chrono::milliseconds(0)), times);
  }
  const std::vector<std::string> both = {
      "archive", postgres::AdvisoryLocks::variant_name("shards of archive", 2)};
  locks.release_many(both);
  define("archive", archive_clusters());
  BOOST_TEST(engine::name_of(run("archive").outcome) == "skipped");
  locks.release_many(both);
  BOOST_TEST(engine::name_of(run("archive").outcome) == "converged");
}

BOOST_AUTO_TEST_CASE(failing_subject_backs_off_whatever_the_other_shard_does) {
  archived_accounts(9);
  sql("alter table cluster add constraint odd check (account_id <> 5 or archived_at is null)");
  define("archive", archive_clusters("-- shards: 2"));
  const int own = std::stoi(shard_of(5));
  for (int failures = 1; failures <= 3; ++failures) {
    BOOST_TEST(run("archive", {.shard = own}).failed == 1);
    make_due();
    BOOST_TEST(run("archive", {.shard = 1 - own}).failed == 0);
    const auto known = journal.quarantined("archive");
    BOOST_TEST_REQUIRE(known.size() == 1u);
    BOOST_TEST(known[0].failures == failures);
  }
}

BOOST_AUTO_TEST_CASE(shard_that_fails_is_not_outshone_by_the_others) {
  archived_accounts(9);
  sql("alter table cluster add constraint odd check (account_id <> 5 or archived_at is null)");
  define("archive", archive_clusters("-- shards: 2"));
  const int failing = std::stoi(shard_of(5));
  run("archive", {.shard = failing});
  run("archive", {.shard = 1 - failing});
  journal.flush();
  const auto last = journal::Reader(journal_file).last_passes().at("archive");
  BOOST_TEST(last.outcome == "failed");
  BOOST_TEST(last.failures == 1);
  BOOST_TEST(last.completed_us == 0);
  // Another number of shards, or none, begins anew.
  sql("alter table cluster drop constraint odd");
  define("archive", archive_clusters());
  run("archive");
  journal.flush();
  const auto whole = journal::Reader(journal_file).last_passes().at("archive");
  BOOST_TEST(whole.outcome == "unchanged");
  BOOST_TEST(whole.completed_us > 0);
  BOOST_TEST(journaled("select group_concat(converger) from last_pass") == "archive");
}

BOOST_AUTO_TEST_CASE(fight_of_a_shard_is_seen) {
  archived_accounts(9);
  define("archive", archive_clusters("-- shards: 2"));
  const int own = std::stoi(shard_of(5));
  for (int i = 1; i <= 10; ++i) {
    sql("update cluster set archived_at = null where account_id = 5");
    BOOST_TEST(run("archive", {.shard = own}).failed == (i == 10 ? 1 : 0), i);
    run("archive", {.shard = 1 - own});
  }
  sql("update cluster set archived_at = null where account_id = 5");
  BOOST_TEST(run("archive", {.shard = own}).quarantined == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
