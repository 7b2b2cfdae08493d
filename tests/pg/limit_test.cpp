#include "tests/pg/fixture.h"

#include <boost/test/unit_test.hpp>

namespace converge::tests {
namespace {

using journal::Kind;

BOOST_FIXTURE_TEST_SUITE(limit, World)

BOOST_AUTO_TEST_CASE(set_over_the_limit_changes_nothing_and_is_held) {
  for (const std::string chunk : {"1000", "10", "1"}) {
    World world;
    world.archived_accounts(25, 2);
    world.define("archive", archive_clusters("-- limit: 24\n-- chunk: " + chunk));
    const auto result = world.run("archive");
    BOOST_TEST(summary(result) == "held: 25 of 25 corrected, 0 changes, 0 failed");
    BOOST_TEST_REQUIRE(result.hold.has_value());
    BOOST_TEST(result.hold->digest.size() == 16u);
    BOOST_TEST(result.hold->inconsistencies == 25);
    BOOST_TEST(result.hold->allowed == 24);
    BOOST_TEST(world.count("cluster where archived_at is not null") == 0);
    BOOST_TEST(world.kinds() == "hold pass");
    BOOST_TEST(world.journaled("select count, detail ->> '$.digest', detail ->> '$.allowed', "
                               "detail ->> '$.limit' from entry where kind = 7") ==
               "25|" + result.hold->digest + "|24|24");
  }
}

BOOST_AUTO_TEST_CASE(set_within_the_limit_is_corrected_in_one_transaction) {
  archived_accounts(25, 2);
  define("archive", archive_clusters("-- limit: 25\n-- chunk: 10"));
  BOOST_TEST(summary(run("archive")) == "converged: 25 of 25 corrected, 50 changes, 0 failed");
  BOOST_TEST(entries(Kind::txn).size() == 1u);
  BOOST_TEST(journaled("select count(*), sum(count), min(label), min(outcome) "
                       "from inconsistency") == "25|50|user10@example.com|committed");
  check_journal_agrees();
  BOOST_TEST(summary(run("archive")) == "unchanged: 0 of 25 corrected, 0 changes, 0 failed");
}

BOOST_AUTO_TEST_CASE(limit_counts_the_inconsistencies_and_not_the_subjects) {
  archived_accounts(25);
  define("archive", archive_clusters("-- limit: 3\n-- chunk: 10"));
  sql("update cluster set archived_at = now() where account_id not in (2, 11, 25)");
  BOOST_TEST(summary(run("archive")) == "converged: 3 of 25 corrected, 3 changes, 0 failed");
}

BOOST_AUTO_TEST_CASE(held_pass_is_told_once) {
  archived_accounts(5);
  define("archive", archive_clusters("-- limit: 4"));
  const auto first = run("archive");
  const auto second = run("archive");
  BOOST_TEST(engine::name_of(second.outcome) == "held");
  BOOST_TEST_REQUIRE(second.hold.has_value());
  BOOST_TEST(second.hold->digest == first.hold->digest);
  BOOST_TEST(entries().size() == 2u);
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
}

BOOST_AUTO_TEST_CASE(release_of_another_digest_is_refused) {
  archived_accounts(5);
  define("archive", archive_clusters("-- limit: 4"));
  run("archive");
  const Error error = error_of([&] { journal.release("archive", "0123456789abcdef"); });
  BOOST_TEST((error.kind() == ErrorKind::usage));
  BOOST_TEST(engine::name_of(run("archive").outcome) == "held");
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
}

BOOST_AUTO_TEST_CASE(released_set_goes_through_once) {
  archived_accounts(25);
  define("archive", archive_clusters("-- limit: 4\n-- chunk: 10"));
  journal.release("archive", run("archive").hold->digest);
  BOOST_TEST(summary(run("archive")) == "converged: 25 of 25 corrected, 25 changes, 0 failed");
  check_journal_agrees();
  BOOST_TEST(!journal.hold("archive").has_value());
  sql("update cluster set archived_at = null");  // Exactly the same set again.
  BOOST_TEST(engine::name_of(run("archive").outcome) == "held");
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
}

BOOST_AUTO_TEST_CASE(set_that_changed_after_its_release_is_held_anew) {
  archived_accounts(25);
  for (const std::string change : {"update account set archived_at = null where id = 25",
                                   "update account set archived_at = null where id = 13",
                                   "insert into account values (26, 'new@example.com', now());"
                                   "insert into cluster (account_id) values (26)"}) {
    define("archive", archive_clusters("-- limit: 4\n-- chunk: 10"));
    journal.release("archive", run("archive").hold->digest);
    const auto before = journal.hold("archive")->digest;
    sql(change);
    const auto result = run("archive");
    BOOST_TEST(engine::name_of(result.outcome) == "held");
    BOOST_TEST_REQUIRE(result.hold.has_value());
    BOOST_TEST(result.hold->digest != before);
    BOOST_TEST(!journal.hold("archive")->released);
    BOOST_TEST(count("cluster where archived_at is not null") == 0);
    journal.release("archive", std::nullopt);
  }
}

BOOST_AUTO_TEST_CASE(release_of_a_set_says_nothing_of_another_text) {
  archived_accounts(5);
  define("archive", archive_clusters("-- limit: 4"));
  journal.release("archive", run("archive").hold->digest);
  define("archive", archive_clusters("-- limit: 3"));
  BOOST_TEST(engine::name_of(run("archive").outcome) == "held");
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
}

BOOST_AUTO_TEST_CASE(release_without_a_digest_lets_the_limit_judge_again) {
  archived_accounts(5);
  define("archive", archive_clusters("-- limit: 4"));
  run("archive");
  journal.release("archive", std::nullopt);
  BOOST_TEST(engine::name_of(run("archive").outcome) == "held");
  BOOST_TEST(kinds() == "hold pass release hold pass");
  journal.release("archive", std::nullopt);
  sql("update account set archived_at = null where id = 5");
  BOOST_TEST(summary(run("archive")) == "converged: 4 of 4 corrected, 4 changes, 0 failed");
  BOOST_TEST(!journal.hold("archive").has_value());
}

BOOST_AUTO_TEST_CASE(released_set_that_shrank_below_the_limit_is_judged_by_it) {
  archived_accounts(5);
  define("archive", archive_clusters("-- limit: 4"));
  journal.release("archive", run("archive").hold->digest);
  sql("update account set archived_at = null where id > 2");
  BOOST_TEST(summary(run("archive")) == "converged: 2 of 2 corrected, 2 changes, 0 failed");
  BOOST_TEST(!journal.hold("archive").has_value());
}

BOOST_AUTO_TEST_CASE(release_of_a_set_that_is_gone_is_used_up) {
  archived_accounts(5);
  define("archive", archive_clusters("-- limit: 4"));
  for (const std::string where : {"where id > 0", "where id > 1"}) {
    journal.release("archive", run("archive").hold->digest);
    sql("update account set archived_at = null " + where);
    sql("update cluster set archived_at = now() where account_id = 1");
    BOOST_TEST(engine::name_of(run("archive").outcome) == "unchanged");
    BOOST_TEST(!journal.hold("archive").has_value());
    sql("update account set archived_at = now(); update cluster set archived_at = null");
    BOOST_TEST(engine::name_of(run("archive").outcome) == "held");
  }
}

BOOST_AUTO_TEST_CASE(percentage_is_of_the_subjects_found) {
  archived_accounts(100);
  define("archive", archive_clusters("-- limit: 10% of at least 50"));
  sql("update cluster set archived_at = now() where account_id > 11");
  BOOST_TEST(run("archive").hold.value_or(journal::Hold{}).allowed == 10);
  sql("update cluster set archived_at = now() where account_id = 11");
  journal.release("archive", std::nullopt);
  BOOST_TEST(summary(run("archive")) == "converged: 10 of 100 corrected, 10 changes, 0 failed");

  sql("update account set archived_at = null where id > 20; update cluster set archived_at = null");
  BOOST_TEST(run("archive").hold.value_or(journal::Hold{}).allowed == 5);  // Counted as if of 50.
  sql("update cluster set archived_at = now() where account_id > 5");
  journal.release("archive", std::nullopt);
  BOOST_TEST(summary(run("archive")) == "converged: 5 of 20 corrected, 5 changes, 0 failed");
}

BOOST_AUTO_TEST_CASE(digest_names_the_set_whatever_its_chunks) {
  archived_accounts(25);
  define("archive", archive_clusters("-- limit: 4\n-- chunk: 10"));
  const auto planned = plan("archive");
  BOOST_TEST(engine::name_of(planned.outcome) == "held");
  BOOST_TEST(entries().empty());
  const std::string digest = run("archive").hold->digest;
  BOOST_TEST(planned.hold->digest == digest);
  sql("update cluster set archived_at = now() where account_id < 12");
  BOOST_TEST(plan("archive").hold->digest != digest);
}

BOOST_AUTO_TEST_CASE(bad_subjects_stand_alone_within_the_limit) {
  archived_accounts(20);
  sql("alter table cluster add check (account_id <> 7 or archived_at is null);"
      "create function reject() returns trigger language plpgsql as "
      "$$begin if new.account_id = 13 then raise 'no'; end if; return null; end$$;"
      "create constraint trigger reject after update on cluster deferrable initially deferred "
      "for each row execute function reject()");
  define("archive", archive_clusters("-- limit: 20\n-- chunk: 8"));
  BOOST_TEST(summary(run("archive")) == "failed: 18 of 20 corrected, 18 changes, 2 failed");
  BOOST_TEST(sql("select string_agg(account_id::text, ',' order by account_id) from cluster "
                 "where archived_at is null") == "7,13");
  BOOST_TEST(journaled("select subject, detail ->> '$.sqlstate' from entry where kind = 5") ==
             "7|23514\n13|P0001");
  BOOST_TEST(entries(Kind::txn).size() == 1u);
  check_journal_agrees();
}

BOOST_AUTO_TEST_CASE(failure_is_told_once_when_the_transaction_is_begun_again) {
  archived_accounts(6);
  sql("alter table cluster add check (account_id <> 2 or archived_at is null);"
      "create sequence times; create function die() returns trigger language plpgsql as "
      "$$begin if nextval('times') = 1 then raise serialization_failure; end if; return new; end$$;"
      "create trigger die before update on cluster for each row when (new.account_id = 5) "
      "execute function die()");
  define("archive", archive_clusters("-- limit: 9\n-- chunk: 2"));
  BOOST_TEST(summary(run("archive")) == "failed: 5 of 6 corrected, 5 changes, 1 failed");
  BOOST_TEST(journaled("select group_concat(subject) from entry where kind = 5") == "2");
  check_journal_agrees();
}

BOOST_AUTO_TEST_CASE(paused_converger_does_nothing_and_leaves_no_trace) {
  archived_accounts(1);
  define("archive", archive_clusters());
  journal.pause({.converger = "", .reason = "restoring"});
  const auto paused = run("archive");
  BOOST_TEST(engine::name_of(paused.outcome) == "skipped");
  BOOST_TEST_REQUIRE(paused.paused.has_value());
  BOOST_TEST(paused.paused->reason == "restoring");
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
  BOOST_TEST(kinds() == "pause");
  BOOST_TEST(journal::Reader(journal_file).last_passes().empty());
  journal.resume("", "");
  BOOST_TEST(summary(run("archive")) == "converged: 1 of 1 corrected, 1 changes, 0 failed");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
