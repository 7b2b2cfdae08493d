#include "tests/pg/fixture.h"

#include <boost/test/unit_test.hpp>

namespace converge::tests {
namespace {

const std::string kEffect = R"(
-- step: first
update cluster set archived_at = now() from subject where account_id = subject.id
returning subject.id
)";

struct RefusalsWorld : World {
  RefusalsWorld() { archived_accounts(25); }

  /// Runs a definition that is to be refused; its message. Nothing has happened.
  std::string refused(const std::string& text) {
    define("refused", text);
    const auto result = run("refused");
    BOOST_TEST(engine::name_of(result.outcome) == "failed");
    BOOST_TEST(result.failed == 0);
    BOOST_TEST(count("cluster where archived_at is not null") == 0);
    BOOST_TEST(entries(journal::Kind::txn).empty());
    BOOST_TEST(entries(journal::Kind::inconsistency).empty());
    if (!result.error) return "no error";
    return result.error->what();
  }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

BOOST_FIXTURE_TEST_SUITE(refusals, RefusalsWorld)

BOOST_AUTO_TEST_CASE(step_without_columns_is_refused) {
  const auto message = refused(kFindArchived + kEffect + R"(
-- step: second
delete from api_key using subject where account_id = subject.id
)");
  BOOST_TEST(contains(message, "refused.sql:10: step second: it returns no columns"), message);
}

BOOST_AUTO_TEST_CASE(step_whose_first_column_is_no_key_is_refused) {
  for (const std::string column : {"subject.label", "cluster.archived_at", "subject.id::int"}) {
    const auto message = refused(kFindArchived + kEffect + R"(
-- step: second
update cluster set archived_at = now() from subject where account_id = subject.id
returning )" + column + ", subject.id");
    BOOST_TEST(contains(message, "step second: its first column"), message);
    BOOST_TEST(contains(message, "the key, id, is bigint"), message);
  }
}

BOOST_AUTO_TEST_CASE(key_that_stands_twice_is_refused) {
  for (const std::string chunk : {"1000", "10"}) {
    // 7 and 7 in one chunk, 1 and 25 in two.
    for (const std::string twice : {"7", "25 - account.id + 1"}) {
      const auto message = refused("-- chunk: " + chunk + R"(
-- find:
select id from account union all select )" +
                                   twice + " from account where id in (1)" + kEffect);
      BOOST_TEST(contains(message, " twice"), message);
    }
  }
  BOOST_TEST(contains(refused("-- limit: 100\n-- chunk: 10\n-- find:\nselect a.id from account a "
                              "join account b on b.id in (a.id, 25)\n" +
                              kEffect),
                      " twice"));
}

BOOST_AUTO_TEST_CASE(null_key_is_refused) {
  for (const std::string chunk : {"1000", "10"}) {
    const auto message = refused(
        "-- chunk: " + chunk + "\n-- find:\nselect nullif(id, 23) as id from account\n" + kEffect);
    BOOST_TEST(contains(message, "find returned a null key"), message);
  }
}

BOOST_AUTO_TEST_CASE(step_that_returns_a_foreign_key_is_refused) {
  for (const std::string settings :
       {"", "-- chunk: 10\n", "-- limit: 100\n", "-- limit: 100\n-- chunk: 10\n"}) {
    const auto message = refused(settings + "-- find:\nselect id from account where id <> 3\n" + R"(
-- step: all
update cluster set archived_at = now() returning account_id
)");
    BOOST_TEST(contains(message, "step all returned the key "), message);
    BOOST_TEST(contains(message, ", which find did not"), message);
  }
}

BOOST_AUTO_TEST_CASE(step_that_returns_a_null_key_is_refused) {
  const auto message = refused(kFindArchived + R"(
-- step: all
update cluster set archived_at = now() from subject where account_id = subject.id
returning nullif(subject.id, 9)
)");
  BOOST_TEST(contains(message, "step all returned a null key"), message);
}

BOOST_AUTO_TEST_CASE(column_that_stands_twice_is_refused) {
  const auto message = refused("-- find:\nselect id, email, 1 as email from account\n" + kEffect);
  BOOST_TEST(contains(message, "refused.sql:2: find: "), message);
  BOOST_TEST(contains(message, "email"), message);
}

BOOST_AUTO_TEST_CASE(key_that_is_an_array_is_refused) {
  const auto message = refused(R"(-- find:
select array[id] as id from account
-- step: first
update cluster set archived_at = now() from subject where account_id = subject.id[1]
returning subject.id
)");
  BOOST_TEST(contains(message, "refused.sql:2: find: "), message);
  BOOST_TEST(contains(message, "the key, id, is an array"), message);
}

BOOST_AUTO_TEST_CASE(redacted_column_that_is_not_there_is_refused) {
  BOOST_TEST(contains(refused("-- redact: label, emial\n" + kFindArchived + kEffect), "emial"));
}

BOOST_AUTO_TEST_CASE(redacted_key_is_refused) {
  BOOST_TEST(contains(refused("-- redact: id\n" + kFindArchived + kEffect), "id is the key"));
}

BOOST_AUTO_TEST_CASE(statement_that_the_server_refuses_is_told_with_its_line) {
  const auto find = refused("-- find:\nselect id\nfrom acount\n" + kEffect);
  BOOST_TEST(contains(find, "refused.sql:3: find: relation \"acount\" does not exist"), find);
  const auto step = refused(kFindArchived + kEffect + R"(
-- step: second
update cluster set archived_at = now()
from subject, other
where account_id = subject.id
returning subject.id
)");
  BOOST_TEST(contains(step, "refused.sql:11: step second: relation \"other\" does not exist"),
             step);
  const auto type = refused(R"(-- find:
select id, email from account

-- step: first
update cluster set archived_at = now() from subject
where account_id = subject.email returning subject.id
)");
  BOOST_TEST(contains(type, "refused.sql:6: step first: operator does not exist"), type);
}

BOOST_AUTO_TEST_CASE(step_that_is_no_statement_or_find_that_changes_is_refused) {
  refused("-- find:\nselect id from account\n-- step: x\nvacuum\n");
  refused("-- find:\nupdate cluster set archived_at = now() returning account_id as id\n" +
          kEffect);
  refused(
      "-- find:\nwith x as (update cluster set archived_at = now() returning account_id as id) "
      "select id from x\n" +
      kEffect);
}

BOOST_AUTO_TEST_SUITE_END()

/// A role that may look but not change.
struct RightsWorld : World {
  RightsWorld() {
    archived_accounts(3);
    define("archive", archive_clusters());
    sql("create role reader login; grant select on all tables in schema public to reader");
  }
  ~RightsWorld() { sql("drop owned by reader; drop role reader"); }
};

BOOST_FIXTURE_TEST_SUITE(rights, RightsWorld)

BOOST_AUTO_TEST_CASE(missing_right_is_one_clear_error) {
  const auto result = run("archive", {.user = "reader"});
  BOOST_TEST(engine::name_of(result.outcome) == "failed");
  BOOST_TEST_REQUIRE(result.error.has_value());
  BOOST_TEST(contains(result.error->what(),
                      "step archive clusters: permission denied for table "
                      "cluster"),
             result.error->what());
  BOOST_TEST(result.error->sqlstate() == "42501");
  BOOST_TEST(contains(result.error->hint(), "Grant"));
  BOOST_TEST(kinds() == "pass");
  BOOST_TEST(journaled("select outcome from entry") == "4");
}

BOOST_AUTO_TEST_CASE(role_with_just_the_rights_of_the_statements_is_enough) {
  sql("grant update on cluster to reader; revoke all on api_key from reader");
  BOOST_TEST(summary(run("archive", {.user = "reader"})) ==
             "converged: 3 of 3 corrected, 3 changes, 0 failed");
  check_journal_agrees();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
