#include "src/base/digest.h"
#include "tests/pg/fixture.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <unistd.h>

namespace converge::tests {
namespace {

using journal::Kind;
using journal::Outcome;

BOOST_FIXTURE_TEST_SUITE(pass, World)

BOOST_AUTO_TEST_CASE(corrects_then_changes_nothing) {
  archived_accounts(3, 2, 1);
  define("archive", kFindArchived + kArchiveClusters + kRevokeApiKeys);
  BOOST_TEST(summary(run("archive")) == "converged: 3 of 3 corrected, 9 changes, 0 failed");
  BOOST_TEST(count("cluster where archived_at is null") == 0);
  BOOST_TEST(count("api_key where revoked_at is null") == 0);
  BOOST_TEST(kinds() == "txn inconsistency inconsistency inconsistency outcome pass");

  const auto second = run("archive");
  BOOST_TEST(summary(second) == "unchanged: 0 of 3 corrected, 0 changes, 0 failed");
  BOOST_TEST(second.pass == 0);
  BOOST_TEST(entries().size() == 6u);
}

BOOST_AUTO_TEST_CASE(bundled_archive_account_corrects_then_changes_nothing) {
  sql("create schema platform; alter database " + database + " set search_path = platform");
  sql(read_text("convergers/platform/schema.sql"));
  sql("insert into account (email, name) select 'a' || n || '@example.com', 'A' "
      "from generate_series(1, 20) n;"
      "insert into cluster (account_id, name, region, plan) "
      "select id, 'main', 'eu-west-1', 'starter' from account;"
      "insert into api_key (account_id, prefix) select id, 'key-000' || id from account;"
      "insert into team_member (account_id, email, role) select id, email, 'owner' from account;"
      "update account set archived_at = now() where id <= 2");
  define("archive_account", read_text("convergers/platform/archive_account.sql"));
  BOOST_TEST(summary(run("archive_account")) == "converged: 2 of 2 corrected, 6 changes, 0 failed");
  const std::string done =
      sql("select (select string_agg(account_id::text, ',' order by account_id) from cluster "
          "where archived_at is not null), (select count(*) from api_key where revoked_at is not "
          "null), (select count(*) from team_member where removed_at is not null)");
  BOOST_TEST(done == "1,2|2|2");
  BOOST_TEST(summary(run("archive_account")) == "unchanged: 0 of 2 corrected, 0 changes, 0 failed");
}

BOOST_AUTO_TEST_CASE(one_entry_for_each_inconsistency_with_exact_steps) {
  archived_accounts(3, 0);
  sql("insert into cluster (account_id) values (1), (2), (2), (3), (3), (3);"
      "insert into api_key (account_id) values (2)");
  define("archive", kFindArchived + kArchiveClusters + kRevokeApiKeys);
  run("archive");
  BOOST_TEST(journaled("select subject, label, count, outcome from inconsistency") ==
             "1|user1@example.com|1|committed\n"
             "2|user2@example.com|3|committed\n"
             "3|user3@example.com|3|committed");
  BOOST_TEST(journaled("select subject, number, title, count, changes from step") ==
             "1|1|archive clusters|1|[{\"cluster\":1}]\n"
             "2|1|archive clusters|2|[{\"cluster\":2},{\"cluster\":3}]\n"
             "2|2|revoke api keys|1|[{\"api_key\":1}]\n"
             "3|1|archive clusters|3|[{\"cluster\":4},{\"cluster\":5},{\"cluster\":6}]");
}

BOOST_AUTO_TEST_CASE(subject_that_is_right_leaves_no_entry) {
  archived_accounts(3);
  sql("update cluster set archived_at = now() where account_id = 2");
  define("archive", archive_clusters());
  BOOST_TEST(summary(run("archive")) == "converged: 2 of 3 corrected, 2 changes, 0 failed");
  BOOST_TEST(journaled("select group_concat(subject) from inconsistency") == "1,3");
}

BOOST_AUTO_TEST_CASE(hundred_changed_rows_are_kept_and_the_count_is_exact) {
  archived_accounts(1, 100);
  sql("insert into account values (2, 'big@example.com', now());"
      "insert into cluster (account_id) select 2 from generate_series(1, 250)");
  define("archive", archive_clusters());
  BOOST_TEST(summary(run("archive")) == "converged: 2 of 2 corrected, 350 changes, 0 failed");
  BOOST_TEST(journaled("select subject, count, json_array_length(changes) from step") ==
             "1|100|100\n2|250|100");
}

BOOST_AUTO_TEST_CASE(values_are_journaled_by_their_types) {
  sql("insert into account values (1, 'a', now()); insert into cluster (account_id) values (1)");
  define("typed", kFindArchived + R"(
-- step: archive
update cluster set archived_at = '2026-11-22 10:00:00+00' from subject
where account_id = subject.id and cluster.archived_at is null
returning subject.id, cluster.id::smallint as small, 9223372036854775807 as big, true as yes,
  null::text as nothing, 1.50::numeric as price, e'a"\\\n' as text, array[1,2] as list,
  '{"k":1}'::jsonb as doc, cluster.archived_at as at, '\x00ff'::bytea as bytes
)");
  BOOST_TEST(summary(run("typed")) == "converged: 1 of 1 corrected, 1 changes, 0 failed");
  BOOST_TEST(journaled("select changes from step") ==
             R"([{"small":1,"big":9223372036854775807,"yes":true,"nothing":null,"price":"1.50",)"
             R"("text":"a\"\\\n","list":"{1,2}","doc":"{\"k\": 1}",)"
             R"("at":"2026-11-22 10:00:00+00","bytes":"\\x00ff"}])");
}

BOOST_AUTO_TEST_CASE(record_names_the_transaction_that_changed_the_rows) {
  archived_accounts(3);
  define("archive", archive_clusters());
  run("archive");
  BOOST_TEST(journaled("select xid, \"database\", system_identifier, outcome, converger, actor, "
                       "pid from \"transaction\"") ==
             sql("select xmin, current_database(), system_identifier, 'committed', 'archive', "
                 "'tester', " +
                 std::to_string(::getpid()) +
                 " from cluster, pg_control_system() "
                 "group by 1, 2, 3"));
  const std::string text = read_text(directory / "convergers" / "archive.sql");
  BOOST_TEST(journaled("select version, text from definition") == hex(sha256(text)) + "|" + text);
}

BOOST_AUTO_TEST_CASE(journal_holds_the_record_before_commit) {
  archived_accounts(2);
  sql("create function wait() returns trigger language plpgsql as "
      "'begin perform pg_advisory_xact_lock(7); return null; end';"
      "create constraint trigger wait after update on cluster deferrable initially deferred "
      "for each row execute function wait()");
  define("archive", archive_clusters());
  postgres::Session blocker(connect_options());
  blocker.execute("select pg_advisory_lock(7)");
  Background pass([&] { return run("archive"); });
  wait_for_blocked_pass();  // In its COMMIT, where the deferred trigger waits.
  BOOST_TEST(kinds() == "txn inconsistency inconsistency");
  BOOST_TEST(journaled("select distinct outcome from inconsistency") == "pending");
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
  blocker.execute("select pg_advisory_unlock(7)");
  BOOST_TEST(summary(pass.result()) == "converged: 2 of 2 corrected, 2 changes, 0 failed");
  BOOST_TEST(journaled("select distinct outcome from inconsistency") == "committed");
}

BOOST_AUTO_TEST_CASE(nothing_is_committed_without_its_record) {
  archived_accounts(5);
  define("archive", archive_clusters("-- chunk: 2"));
  define("archive_limited", archive_clusters("-- limit: 100"));
  for (const std::string name : {"archive", "archive_limited"}) {
    SQLite::Database(journal_file.string(), SQLite::OPEN_READWRITE)
        .exec(
            "create trigger broken before insert on entry begin "
            "select raise(abort, 'no room'); end");
    const auto result = run(name);
    BOOST_TEST(engine::name_of(result.outcome) == "failed");
    BOOST_TEST_REQUIRE(result.error.has_value());
    BOOST_TEST(std::string(result.error->what()).find("no room") != std::string::npos);
    BOOST_TEST(count("cluster where archived_at is not null") == 0);
    SQLite::Database(journal_file.string(), SQLite::OPEN_READWRITE).exec("drop trigger broken");
    BOOST_TEST(entries().empty());
  }
  BOOST_TEST(summary(run("archive")) == "converged: 5 of 5 corrected, 5 changes, 0 failed");
  check_journal_agrees();
}

BOOST_AUTO_TEST_CASE(clean_pass_uses_no_transaction_id) {
  archived_accounts(25);
  define("archive", archive_clusters());
  run("archive");
  const std::string next_id = "select pg_snapshot_xmax(pg_current_snapshot())";
  for (const std::string settings :
       {"", "-- chunk: 10", "-- limit: 9", "-- chunk: 10\n-- limit: 9"}) {
    define("archive", archive_clusters(settings));
    const std::string before = sql(next_id);
    BOOST_TEST(summary(run("archive")) == "unchanged: 0 of 25 corrected, 0 changes, 0 failed");
    BOOST_TEST(sql(next_id) == before);
  }
}

BOOST_AUTO_TEST_CASE(plan_changes_nothing_and_reports_the_same) {
  archived_accounts(25, 2);
  for (const std::string settings : {"-- chunk: 1000", "-- chunk: 10", "-- limit: 100"}) {
    define("archive", archive_clusters(settings));
    std::string planned;
    BOOST_TEST(
        summary(plan("archive", {.observer = {.corrected = [&](const auto& record) {
                                   planned +=
                                       record.subject + "|" + std::to_string(record.count) + '\n';
                                 }}})) == "planned: 25 of 25 corrected, 50 changes, 0 failed");
    BOOST_TEST(count("cluster where archived_at is not null") == 0);
    BOOST_TEST(entries().empty());
    BOOST_TEST(planned.find("1|2\n2|2\n3|2\n") != std::string::npos);
    BOOST_TEST(std::count(planned.begin(), planned.end(), '\n') == 25);
  }
  BOOST_TEST(journal::Reader(journal_file).last_passes().empty());
  BOOST_TEST(summary(run("archive")) == "converged: 25 of 25 corrected, 50 changes, 0 failed");
}

BOOST_AUTO_TEST_CASE(plan_gives_its_lock_back) {
  archived_accounts(2);
  define("archive", archive_clusters());
  plan("archive");
  BOOST_TEST(count("pg_locks where locktype = 'advisory'") == 0);
}

BOOST_AUTO_TEST_CASE(subject_that_was_asked_for_is_the_only_one_corrected) {
  archived_accounts(5);
  define("archive", archive_clusters("-- chunk: 2"));
  BOOST_TEST(summary(run("archive", {.subjects = {"4"}})) ==
             "converged: 1 of 1 corrected, 1 changes, 0 failed");
  BOOST_TEST(sql("select account_id from cluster where archived_at is not null") == "4");
  BOOST_TEST(summary(run("archive", {.subjects = {"77"}})) ==
             "unchanged: 0 of 0 corrected, 0 changes, 0 failed");
  const auto result = run("archive", {.subjects = {"x'y"}});
  BOOST_TEST(engine::name_of(result.outcome) == "failed");
  BOOST_TEST_REQUIRE(result.error.has_value());
  BOOST_TEST(result.error->sqlstate() == "22P02");
}

BOOST_AUTO_TEST_CASE(later_step_sees_what_an_earlier_one_did) {
  archived_accounts(2);
  define("archive", kFindArchived + kArchiveClusters + R"(
-- step: revoke keys of archived clusters
insert into api_key (account_id, revoked_at)
select subject.id, now() from subject join cluster on cluster.account_id = subject.id
where cluster.archived_at is not null
  and not exists (select from api_key where api_key.account_id = subject.id)
returning account_id, id as api_key
)");
  BOOST_TEST(summary(run("archive")) == "converged: 2 of 2 corrected, 4 changes, 0 failed");
  BOOST_TEST(summary(run("archive")) == "unchanged: 0 of 2 corrected, 0 changes, 0 failed");
}

BOOST_AUTO_TEST_CASE(stop_lets_the_chunks_in_flight_end) {
  archived_accounts(50);
  define("archive", archive_clusters("-- chunk: 1"));
  std::atomic<bool> stop{false};
  const auto result =
      run("archive", {.stop = &stop, .observer = {.progress = [&](auto, auto) { stop = true; }}});
  BOOST_TEST(engine::name_of(result.outcome) == "interrupted");
  // Nothing that its converger is to blame for.
  BOOST_TEST(journal::Reader(journal_file).last_passes().empty());
  BOOST_TEST(journaled("select detail ->> '$.outcome', outcome is null from entry "
                       "where kind = 6") == "interrupted|1");
  BOOST_TEST_REQUIRE(result.error.has_value());
  BOOST_TEST(std::string(result.error->what()).starts_with("interrupted: "));
  BOOST_TEST(result.inconsistencies >= 1);
  BOOST_TEST(result.inconsistencies <= 2);
  BOOST_TEST(count("cluster where archived_at is not null") == result.inconsistencies);
  check_journal_agrees();
}

BOOST_AUTO_TEST_CASE(pass_without_subjects_changes_nothing) {
  define("archive", archive_clusters("-- limit: 10% of at least 5"));
  BOOST_TEST(summary(run("archive")) == "unchanged: 0 of 0 corrected, 0 changes, 0 failed");
  BOOST_TEST(entries().empty());
  BOOST_TEST(journal::Reader(journal_file).last_passes().at("archive").outcome == "unchanged");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
