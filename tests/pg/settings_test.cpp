#include "src/postgres/advisory_lock.h"
#include "tests/pg/fixture.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/test/unit_test.hpp>

namespace converge::tests {
namespace {

using journal::Kind;
using std::chrono::milliseconds;

struct SettingsWorld : World {
  /// As if so much time had passed since the subjects were first found.
  void let_settle(const std::string& microseconds) const {
    SQLite::Database(journal_file.string(), SQLite::OPEN_READWRITE)
        .exec("update settling set first_seen_us = first_seen_us - " + microseconds);
  }
  /// The bytes of every file of the journal.
  std::string journal_bytes() const {
    std::string bytes;
    for (const auto& file : std::filesystem::directory_iterator(journal_file.parent_path())) {
      bytes += read_text(file.path());
    }
    return bytes;
  }
  bool is_in_journal(const std::string& text) const {
    return journal_bytes().find(text) != std::string::npos;
  }
};

BOOST_FIXTURE_TEST_SUITE(settings, SettingsWorld)

BOOST_AUTO_TEST_CASE(settle_waits_until_a_subject_was_found_for_so_long) {
  archived_accounts(3);
  define("archive", archive_clusters("-- settle: 1h"));
  BOOST_TEST(summary(run("archive")) == "unchanged: 0 of 0 corrected, 0 changes, 0 failed");
  let_settle("3000000000");
  BOOST_TEST(summary(run("archive")) == "unchanged: 0 of 0 corrected, 0 changes, 0 failed");
  BOOST_TEST(entries().empty());
  let_settle("700000000");
  sql("insert into account values (4, 'late@example.com', now());"
      "insert into cluster (account_id) values (4)");
  BOOST_TEST(summary(run("archive")) == "converged: 3 of 3 corrected, 3 changes, 0 failed");
  BOOST_TEST(sql("select account_id from cluster where archived_at is null") == "4");
}

BOOST_AUTO_TEST_CASE(settle_begins_anew_when_a_subject_went_away) {
  archived_accounts(25);
  define("archive", archive_clusters("-- settle: 1h\n-- chunk: 10"));
  run("archive");
  sql("update account set archived_at = null where id = 11");
  run("archive");
  sql("update account set archived_at = now() where id = 11");
  let_settle("3700000000");
  BOOST_TEST(summary(run("archive")) == "converged: 24 of 24 corrected, 24 changes, 0 failed");
  BOOST_TEST(sql("select account_id from cluster where archived_at is null") == "11");
  let_settle("3700000000");
  BOOST_TEST(summary(run("archive")) == "converged: 1 of 25 corrected, 1 changes, 0 failed");
}

BOOST_AUTO_TEST_CASE(redacted_values_are_nowhere_in_the_journal) {
  sql("insert into account values (1, 'first-secret', now()), (2, 'second-secret', now()),"
      " (3, 'third-secret', now()), (4, 'fourth-secret', now());"
      "insert into cluster (account_id) values (1), (2), (3), (4);"
      "alter table account add check (archived_at > '2000-01-01' or email <> 'second-secret')");
  for (const std::string settings : {"", "-- limit: 9\n-- chunk: 2\n"}) {
    sql("update account set archived_at = now(); update cluster set archived_at = null");
    journal.retry("archive", std::nullopt);
    define("archive", settings + "-- redact: label, mail\n" + kFindArchived + R"(
-- step: archive
update cluster set archived_at = now() from subject
where account_id = subject.id and cluster.archived_at is null
  and (subject.id <> 3 or subject.label::int > 0)
returning subject.id, cluster.id as cluster, subject.label as mail
-- step: touch
update account set archived_at = '1999-01-01' from subject
where account.id = subject.id and account.id = 2
returning account.id
)");
    const auto result = run("archive");
    BOOST_TEST(summary(result) == "failed: 2 of 4 corrected, 2 changes, 2 failed");
    for (const std::string secret : {"first-", "second-", "third-", "fourth-"}) {
      BOOST_TEST(!is_in_journal(secret + "secret"), secret + "secret is in the journal");
    }
    BOOST_TEST(journaled("select subject, detail ->> '$.sqlstate' from entry where kind = 5 "
                         "and pass = " +
                         std::to_string(result.pass) + " order by subject") == "2|23514\n3|22P02");
  }
  // One value has one hash, whatever its column: people can still compare.
  BOOST_TEST(journaled("select count(distinct label), min(label like 'redacted:%'), "
                       "min(label = changes ->> '$[0].mail'), min(changes ->> '$[0].cluster') "
                       "from step") == "2|1|1|1");
}

BOOST_AUTO_TEST_CASE(redacted_values_in_an_error_of_find_are_not_journaled) {
  archived_accounts(1);
  define("archive",
         "-- redact: mail\n-- find:\nselect id, email as mail from account "
         "where email::int > 0\n" +
             kArchiveClusters);
  const auto result = run("archive");
  BOOST_TEST(engine::name_of(result.outcome) == "failed");
  BOOST_TEST(kinds() == "pass");
  BOOST_TEST(!is_in_journal("user1@example.com"));
}

BOOST_AUTO_TEST_CASE(values_are_kept_where_nothing_is_redacted) {
  archived_accounts(1);
  define("archive", archive_clusters());
  run("archive");
  BOOST_TEST(is_in_journal("user1@example.com"));
}

BOOST_AUTO_TEST_CASE(shards_are_shared_by_the_sessions_that_hold_them) {
  archived_accounts(40);
  for (const std::string chunk : {"1000", "3"}) {
    sql("update cluster set archived_at = null");
    define("archive", archive_clusters("-- shards: 4\n-- chunk: " + chunk));
    std::int64_t corrected = 0;
    {
      postgres::Session other(connect_options());
      postgres::AdvisoryLocks locks(other);
      BOOST_TEST(locks.acquire("archive 1/4", milliseconds(0)));
      BOOST_TEST(locks.acquire("archive 3/4", milliseconds(0)));
      corrected = run("archive").inconsistencies;
      BOOST_TEST(corrected ==
                 count("account where mod(mod(hashtextextended(id::text, 0), 4) + 4, 4)"
                       " in (0, 2)"));
      BOOST_TEST(corrected == count("cluster where archived_at is not null"));
    }
    BOOST_TEST(corrected > 0);
    BOOST_TEST(corrected < 40);
    wait_until("the end of that session",
               [&] { return count("pg_locks where locktype = 'advisory'") == 0; });
    BOOST_TEST(run("archive").inconsistencies == 40 - corrected);
    BOOST_TEST(count("cluster where archived_at is null") == 0);
  }
}

BOOST_AUTO_TEST_CASE(pass_whose_shards_are_all_held_is_skipped) {
  archived_accounts(1);
  define("archive", archive_clusters("-- shards: 2"));
  postgres::Session other(connect_options());
  postgres::AdvisoryLocks locks(other);
  BOOST_TEST(locks.acquire("archive 0/2", milliseconds(0)));
  BOOST_TEST(locks.acquire("archive 1/2", milliseconds(0)));
  BOOST_TEST(engine::name_of(run("archive").outcome) == "skipped");
  BOOST_TEST(entries().empty());
}

BOOST_AUTO_TEST_CASE(every_statement_has_the_timeout_of_the_definition) {
  archived_accounts(3);
  for (const std::string settings :
       {"", "-- chunk: 1\n", "-- limit: 9\n", "-- limit: 9\n-- chunk: 1\n"}) {
    sql("update cluster set archived_at = null");
    define("archive", settings + "-- timeout: 7777ms\n" + kFindArchived + R"(
-- step: archive
update cluster set archived_at = now() from subject
where account_id = subject.id and archived_at is null
returning subject.id, current_setting('statement_timeout') as timeout
)");
    run("archive");
  }
  BOOST_TEST(journaled("select changes, count(*) from step group by 1") ==
             R"([{"timeout":"7777ms"}]|12)");
}

BOOST_AUTO_TEST_CASE(statement_over_its_timeout_is_cancelled_on_the_server) {
  archived_accounts(3);
  for (const std::string settings :
       {"", "-- chunk: 1\n", "-- limit: 9\n", "-- limit: 9\n-- chunk: 1\n"}) {
    define("archive", settings + "-- timeout: 50ms\n" + kFindArchived + R"(
-- step: sleep
update cluster set archived_at = now() from subject, pg_sleep(3600)
where account_id = subject.id returning subject.id
)");
    const auto result = run("archive");
    BOOST_TEST(engine::name_of(result.outcome) == "failed");
    BOOST_TEST_REQUIRE(result.error.has_value());
    BOOST_TEST(result.error->sqlstate() == "57014");
    BOOST_TEST(!result.error->hint().empty());
    BOOST_TEST(result.failed == 0);
    wait_until("the end of the statement", [&] {
      return count(
                 "pg_stat_activity where datname = current_database() and "
                 "query like '%pg_sleep%' and state = 'active' and pid <> pg_backend_pid()") == 0;
    });
  }
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
  BOOST_TEST(entries(Kind::txn).empty());
}

BOOST_AUTO_TEST_CASE(pass_over_its_timeout_keeps_what_is_done_and_stops) {
  archived_accounts(500);
  define("archive", "-- pass_timeout: 300ms\n-- chunk: 1\n" + kFindArchived + R"(
-- step: archive slowly
update cluster set archived_at = now() from subject, pg_sleep(0.02)
where account_id = subject.id and archived_at is null
returning subject.id, cluster.id as cluster
)");
  const auto result = run("archive");
  BOOST_TEST(engine::name_of(result.outcome) == "failed");
  BOOST_TEST_REQUIRE(result.error.has_value());
  BOOST_TEST(std::string(result.error->what())
                 .starts_with("the pass was not done within its "
                              "pass_timeout of 300ms: "));
  BOOST_TEST(result.failed == 0);
  BOOST_TEST(result.inconsistencies < 500);
  BOOST_TEST(count("cluster where archived_at is not null") == result.inconsistencies);
  check_journal_agrees();
  BOOST_TEST(entries(Kind::pass).size() == 1u);
}

BOOST_AUTO_TEST_CASE(statement_at_the_end_of_the_pass_is_cancelled) {
  archived_accounts(2);
  for (const std::string settings : {"", "-- limit: 9\n"}) {
    define("archive",
           settings + "-- pass_timeout: 200ms\n-- timeout: 1h\n-- chunk: 1\n" + kFindArchived + R"(
-- step: sleep
update cluster set archived_at = now() from subject, pg_sleep(3600)
where account_id = subject.id returning subject.id
)");
    const auto result = run("archive");
    BOOST_TEST(engine::name_of(result.outcome) == "failed");
    BOOST_TEST_REQUIRE(result.error.has_value());
    BOOST_TEST(std::string(result.error->what()).find("pass_timeout of 200ms") !=
               std::string::npos);
    BOOST_TEST(count("cluster where archived_at is not null") == 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
