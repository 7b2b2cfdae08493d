#include "tests/pg/fixture.h"

#include <boost/test/unit_test.hpp>

namespace converge::tests {
namespace {

using journal::Kind;

/// A trigger of clusters that calls a function with this body for each row.
std::string trigger(const std::string& body, const std::string& when = "before update") {
  return "create or replace function act() returns trigger language plpgsql as $$begin " + body +
         " return new; end$$; create " +
         (when == "before update" ? "trigger act before update on cluster "
                                  : "constraint trigger act after update on cluster deferrable "
                                    "initially deferred ") +
         "for each row execute function act();";
}

BOOST_FIXTURE_TEST_SUITE(chunks, World)

BOOST_AUTO_TEST_CASE(more_subjects_than_a_chunk_are_all_corrected) {
  archived_accounts(105, 2);
  for (const std::string settings : {"-- chunk: 10", "-- chunk: 10\n-- parallel: 4"}) {
    sql("update cluster set archived_at = null");
    define("archive", archive_clusters(settings));
    BOOST_TEST(summary(run("archive")) == "converged: 105 of 105 corrected, 210 changes, 0 failed");
    BOOST_TEST(count("cluster where archived_at is null") == 0);
    BOOST_TEST(summary(run("archive")) == "unchanged: 0 of 105 corrected, 0 changes, 0 failed");
  }
  BOOST_TEST(entries(Kind::txn).size() == 22u);
  BOOST_TEST(entries(Kind::outcome).size() == 22u);
  BOOST_TEST(journaled("select count(*), count(distinct subject) from inconsistency "
                       "where outcome = 'committed'") == "210|105");
}

BOOST_AUTO_TEST_CASE(chunk_of_exactly_the_subjects_is_one_transaction) {
  archived_accounts(10);
  define("archive", archive_clusters("-- chunk: 10"));
  BOOST_TEST(summary(run("archive")) == "converged: 10 of 10 corrected, 10 changes, 0 failed");
  BOOST_TEST(entries(Kind::txn).size() == 1u);
}

BOOST_AUTO_TEST_CASE(parallel_chunks_do_not_wait_for_each_other) {
  archived_accounts(2);
  define("archive", archive_clusters("-- chunk: 1\n-- parallel: 2"));
  postgres::Session blocker(connect_options());
  blocker.execute("begin; select from cluster where account_id = 1 for update");
  Background pass([&] { return run("archive"); });
  wait_until("the other chunk", [&] {
    return count("cluster where account_id = 2 and archived_at is not null") == 1;
  });
  blocker.execute("rollback");
  BOOST_TEST(summary(pass.result()) == "converged: 2 of 2 corrected, 2 changes, 0 failed");
  check_journal_agrees();
}

BOOST_AUTO_TEST_CASE(flag_taken_back_before_a_later_chunk_leaves_that_subject_alone) {
  archived_accounts(4);
  for (const std::string settings : {"-- chunk: 1", "-- chunk: 2", "-- chunk: 1\n-- limit: 9"}) {
    sql("update cluster set archived_at = null; update account set archived_at = now()");
    define("archive", archive_clusters(settings));
    postgres::Session blocker(connect_options());
    blocker.execute("begin; select from cluster where account_id = 1 for update");
    Background pass([&] { return run("archive"); });
    wait_for_blocked_pass();  // Found are all four; the first chunk is at work.
    sql("update account set archived_at = null where id = 4");
    blocker.execute("rollback");
    BOOST_TEST(summary(pass.result()) == "converged: 3 of 4 corrected, 3 changes, 0 failed");
    BOOST_TEST(sql("select string_agg(account_id::text, ',' order by account_id) from cluster "
                   "where archived_at is not null") == "1,2,3");
  }
  BOOST_TEST(journaled("select count(*) from inconsistency where subject = '4'") == "0");
}

BOOST_AUTO_TEST_CASE(bad_subject_among_five_thousand_fails_alone) {
  archived_accounts(5000);
  sql("alter table cluster add constraint not_this_one check (id <> 3210 or archived_at is null)");
  define("archive", archive_clusters("-- chunk: 1000"));
  std::string told;
  const auto result = run(
      "archive", {.observer = {.failed = [&](const auto& subject, const auto& label, const Error&) {
                    told += subject + " " + label;
                  }}});
  BOOST_TEST(summary(result) == "failed: 4999 of 5000 corrected, 4999 changes, 1 failed");
  BOOST_TEST(told == "3210 user3210@example.com");
  BOOST_TEST(sql("select account_id from cluster where archived_at is null") == "3210");
  BOOST_TEST(journaled("select count(*), count(distinct subject) from inconsistency "
                       "where outcome = 'committed'") == "4999|4999");
  BOOST_TEST(journaled("select subject, label, detail ->> '$.sqlstate', "
                       "instr(detail, 'not_this_one') > 0 from entry where kind = 5") ==
             "3210|user3210@example.com|23514|1");
  BOOST_TEST(journaled("select outcome from entry where kind = 6") == "4");
}

BOOST_AUTO_TEST_CASE(bad_subjects_fail_and_the_others_go_through) {
  archived_accounts(40);
  sql("alter table cluster add constraint bad check (archived_at is null or "
      "account_id not in (1, 2, 17, 31, 32, 33, 34, 40))");
  define("archive", archive_clusters("-- chunk: 4\n-- parallel: 3"));
  BOOST_TEST(summary(run("archive")) == "failed: 32 of 40 corrected, 32 changes, 8 failed");
  BOOST_TEST(sql("select string_agg(account_id::text, ',' order by account_id) from cluster "
                 "where archived_at is null") == "1,2,17,31,32,33,34,40");
  BOOST_TEST(journaled("select group_concat(subject) from "
                       "(select subject from entry where kind = 5 order by subject + 0)") ==
             "1,2,17,31,32,33,34,40");
  check_journal_agrees();
}

BOOST_AUTO_TEST_CASE(failed_step_takes_back_the_earlier_steps_of_its_subject) {
  archived_accounts(3, 1, 1);
  sql("alter table api_key add check (account_id <> 2 or revoked_at is null)");
  define("archive", kFindArchived + kArchiveClusters + kRevokeApiKeys);
  BOOST_TEST(summary(run("archive")) == "failed: 2 of 3 corrected, 4 changes, 1 failed");
  BOOST_TEST(sql("select account_id from cluster where archived_at is null") == "2");
  check_journal_agrees();
}

BOOST_AUTO_TEST_CASE(only_subject_that_fails_is_one_failure) {
  archived_accounts(1);
  sql("alter table cluster add check (archived_at is null)");
  define("archive", archive_clusters());
  BOOST_TEST(summary(run("archive")) == "failed: 0 of 1 corrected, 0 changes, 1 failed");
  BOOST_TEST(kinds() == "failure pass");
}

BOOST_AUTO_TEST_CASE(deferred_constraint_that_fails_at_commit_isolates_its_subject) {
  archived_accounts(8);
  sql(trigger("if new.account_id = 5 then raise check_violation; end if;", "at commit"));
  define("archive", archive_clusters());
  BOOST_TEST(summary(run("archive")) == "failed: 7 of 8 corrected, 7 changes, 1 failed");
  BOOST_TEST(sql("select account_id from cluster where archived_at is null") == "5");
  // 1-8, 5-8, 5-6 and 5 are rolled back; 1-4, 6, 7-8 are committed.
  BOOST_TEST(journaled("select outcome, count(*) from \"transaction\" group by 1") ==
             "committed|3\nrolled_back|4");
  BOOST_TEST(journaled("select subject, detail ->> '$.sqlstate' from entry where kind = 5") ==
             "5|23514");
  BOOST_TEST(journaled("select count(*) from unsettled") == "0");
  check_journal_agrees();
}

BOOST_AUTO_TEST_CASE(raised_exception_is_its_subjects) {
  archived_accounts(5);
  sql(trigger("if new.account_id = 2 then raise exception 'not \"%\"', new.account_id; end if;"));
  define("archive", archive_clusters());
  BOOST_TEST(summary(run("archive")) == "failed: 4 of 5 corrected, 4 changes, 1 failed");
  BOOST_TEST(journaled("select subject, detail ->> '$.sqlstate', detail ->> '$.message' "
                       "from entry where kind = 5") == "2|P0001|step archive clusters: not \"2\"");
  check_journal_agrees();
}

BOOST_AUTO_TEST_CASE(find_that_fails_for_one_key_isolates_that_one) {
  archived_accounts(6);
  define("archive", R"(-- chunk: 2
-- find:
select id, 12 / (case when (select count(*) from cluster where archived_at is not null) > 1
                 then id - 5 else 1 end) as twelfth
from account where archived_at is not null
)" + kArchiveClusters);
  BOOST_TEST(summary(run("archive")) == "failed: 5 of 6 corrected, 5 changes, 1 failed");
  BOOST_TEST(sql("select account_id from cluster where archived_at is null") == "5");
  // Nor does the next pass fail when it looks at what is in quarantine.
  sql("insert into cluster (account_id) values (1)");
  BOOST_TEST(run("archive").quarantined == 1);
}

BOOST_AUTO_TEST_CASE(locked_row_fails_alone_and_the_others_go_on) {
  archived_accounts(4);
  define("archive", archive_clusters());
  postgres::Session blocker(connect_options());
  blocker.execute("begin; select from cluster where account_id = 3 for update");
  BOOST_TEST(summary(run("archive", {.lock_timeout = std::chrono::milliseconds(100)})) ==
             "failed: 3 of 4 corrected, 3 changes, 1 failed");
  BOOST_TEST(sql("select account_id from cluster where archived_at is null") == "3");
  BOOST_TEST(journaled("select subject, detail ->> '$.sqlstate' from entry where kind = 5") ==
             "3|55P03");
  blocker.execute("rollback");
  journal.retry("archive", "3");
  BOOST_TEST(summary(run("archive")) == "converged: 1 of 4 corrected, 1 changes, 0 failed");
  check_journal_agrees();
}

BOOST_AUTO_TEST_CASE(error_that_is_nobodys_fault_is_tried_again) {
  for (const std::string sqlstate : {"40001", "40P01", "57P03", "53300"}) {
    World world;
    world.archived_accounts(6);
    world.sql("create sequence times;" +
              trigger("if new.account_id = 4 and nextval('times') <= 2 then raise exception "
                      "'again' using errcode = '" +
                      sqlstate + "'; end if;"));
    world.define("archive", archive_clusters("-- chunk: 2"));
    BOOST_TEST(summary(world.run("archive")) == "converged: 6 of 6 corrected, 6 changes, 0 failed");
    BOOST_TEST(world.entries(Kind::failure).empty());
    world.check_journal_agrees();
  }
}

BOOST_AUTO_TEST_CASE(serialization_failure_between_two_sessions_is_tried_again) {
  archived_accounts(3);
  define("archive", archive_clusters());
  sql("create role careful superuser login;"
      "alter role careful set default_transaction_isolation = 'repeatable read'");
  postgres::Session blocker(connect_options());
  blocker.execute("begin; update cluster set account_id = 3 where account_id = 2");
  Background pass([&] { return run("archive", {.user = "careful"}); });
  wait_for_blocked_pass();
  blocker.execute("commit");  // The pass gets 40001 now.
  BOOST_TEST(summary(pass.result()) == "converged: 2 of 3 corrected, 3 changes, 0 failed");
  check_journal_agrees();
  sql("drop role careful");
}

BOOST_AUTO_TEST_CASE(error_that_stays_nobodys_fault_ends_the_pass) {
  archived_accounts(4);
  sql(trigger("raise serialization_failure;"));
  define("archive", archive_clusters("-- chunk: 2"));
  const auto result = run("archive");
  BOOST_TEST(engine::name_of(result.outcome) == "failed");
  BOOST_TEST_REQUIRE(result.error.has_value());
  BOOST_TEST(result.error->sqlstate() == "40001");
  BOOST_TEST(result.failed == 0);
  BOOST_TEST(kinds() == "pass");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
