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

// The steps act before it is known which of the subjects find returns.
BOOST_AUTO_TEST_CASE(what_find_does_not_return_is_left_as_it_is) {
  archived_accounts(4);
  sql("update account set archived_at = null where id in (2, 3)");
  define("archive", archive_clusters());
  const auto archived = [this] {
    return sql(
        "select coalesce(string_agg(account_id::text, ',' order by account_id), '') "
        "from cluster where archived_at is not null");
  };
  const auto none = run("archive", {.subjects = {"2"}, .lenient = true});
  BOOST_TEST(summary(none) == "unchanged: 0 of 0 corrected, 0 changes, 0 failed");
  BOOST_TEST(none.not_found == 1);
  BOOST_TEST(archived() == "");
  BOOST_TEST(entries().empty());
  const auto some = run("archive", {.subjects = {"1", "2", "3"}, .lenient = true});
  BOOST_TEST(summary(some) == "converged: 1 of 1 corrected, 1 changes, 0 failed");
  BOOST_TEST(some.not_found == 2);
  BOOST_TEST(archived() == "1");
  const auto one = run("archive", {.subjects = {"4"}, .lenient = true});
  BOOST_TEST(summary(one) == "converged: 1 of 1 corrected, 1 changes, 0 failed");
  BOOST_TEST(archived() == "1,4");
  check_journal_agrees();
}

BOOST_AUTO_TEST_CASE(keys_of_any_type_and_spelling_narrow_a_pass) {
  sql("create type colour as enum ('red', 'light blue');"
      "create domain code as text check (value <> '');"
      "create table thing (n bigint, c colour, d code, u uuid, done boolean not null);"
      "insert into thing values (7, 'light blue', E'a\\'b\"{,}\\\\\n', "
      "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', false)");
  const std::vector<std::pair<std::string, std::string>> keys = {
      {"n", "7"},
      {"n", "+07"},
      {"c", "light blue"},
      {"d", "a'b\"{,}\\\n"},
      {"u", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}};
  for (const auto& [column, key] : keys) {
    BOOST_TEST_CONTEXT(column << " " << key) {
      sql("update thing set done = false");
      define("things_" + column,
             fmt::format("-- find:\nselect {0} as key, done from thing;\n-- step: do\n"
                         "update thing set done = true from subject "
                         "where thing.{0} = subject.key and not thing.done returning key",
                         column));
      const auto result = run("things_" + column, {.subjects = {key}, .lenient = true});
      BOOST_TEST(result.changes == 1);
      BOOST_TEST(result.inconsistencies == 1);
    }
  }
}

BOOST_AUTO_TEST_CASE(subject_that_fails_when_it_is_named_is_told_once) {
  archived_accounts(2);
  for (const std::string when : {"", " deferrable initially deferred"}) {
    sql("create or replace function refuse() returns trigger language plpgsql as $$ begin "
        "raise check_violation using message = 'protected'; end $$;"
        "drop trigger if exists refuse on cluster;"
        "create constraint trigger refuse after update on cluster" +
        when + " for each row when (new.account_id = 2) execute function refuse()");
    define("archive" + std::to_string(when.size()), archive_clusters());
    const auto result =
        run("archive" + std::to_string(when.size()), {.subjects = {"2"}, .lenient = true});
    BOOST_TEST(summary(result) == "failed: 0 of 1 corrected, 0 changes, 1 failed");
    BOOST_TEST(journaled("select count(*) from entry where kind = 5 and pass = " +
                         std::to_string(result.pass)) == "1");
  }
  // The second one failed at COMMIT, so it has a record: of a first try, and of the one that was
  // blamed.
  BOOST_TEST(journaled("select group_concat(outcome) from \"transaction\"") ==
             "rolled_back,rolled_back");
}

BOOST_AUTO_TEST_CASE(step_that_needs_more_than_the_key_is_given_it) {
  archived_accounts(2);
  sql("alter table cluster add owner text");
  define("archive",
         "-- find:\nselect id, email as label from account where archived_at is not null;\n"
         "-- step: rename\nupdate cluster set owner = subject.label from subject where "
         "cluster.account_id = subject.id and cluster.owner is distinct from subject.label "
         "returning subject.id, cluster.id as cluster");
  BOOST_TEST(run("archive", {.subjects = {"2"}, .lenient = true}).changes == 1);
  BOOST_TEST(sql("select owner from cluster where account_id = 2") == "user2@example.com");
}

BOOST_AUTO_TEST_CASE(wake_up_and_pass_exclude_each_other) {
  archived_accounts(2);
  define("archive", archive_clusters());
  const RunOptions wake_up{.subjects = {"2"}, .lenient = true};
  postgres::Session other(connect_options());
  postgres::AdvisoryLocks locks(other);
  BOOST_TEST(locks.acquire("archive", std::chrono::milliseconds(0)));
  BOOST_TEST(engine::name_of(run("archive", wake_up).outcome) == "skipped");
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
  locks.release("archive");

  postgres::Session owner(connect_options());
  owner.execute("begin; select from cluster where account_id = 2 for update");
  Background woken([&] { return run("archive", wake_up); });
  wait_for_blocked_pass();
  BOOST_TEST(!locks.acquire("archive", std::chrono::milliseconds(0)));
  BOOST_TEST(engine::name_of(run("archive").outcome) == "skipped");
  owner.execute("rollback");
  BOOST_TEST(summary(woken.result()) == "converged: 1 of 1 corrected, 1 changes, 0 failed");
  BOOST_TEST(locks.acquire("archive", std::chrono::milliseconds(0)));
}

BOOST_AUTO_TEST_CASE(key_that_is_none_fails_or_is_told) {
  archived_accounts(2);
  define("archive", archive_clusters());
  const RunOptions bad{.subjects = {"1", "x"}};
  BOOST_TEST(engine::name_of(run("archive", bad).outcome) == "failed");
  RunOptions lenient = bad;
  lenient.lenient = true;
  const auto result = run("archive", lenient);
  BOOST_TEST(summary(result) == "unchanged: 0 of 0 corrected, 0 changes, 0 failed");
  BOOST_TEST(result.not_keys);
  lenient.subjects = {"77"};
  BOOST_TEST(!run("archive", lenient).not_keys);
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
