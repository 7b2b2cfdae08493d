#include "tests/pg/fixture.h"

#include <boost/test/unit_test.hpp>

namespace converge::tests {
namespace {

/// Steps that do the same in different words: all of cluster is archived and each is told of.
const std::vector<std::string> kSteps = {
    "with mine as (select c.id, s.id as owner from cluster c join subject s on s.id = c.account_id "
    "where c.archived_at is null)\n"
    "update cluster set archived_at = now() from mine where cluster.id = mine.id "
    "returning mine.owner, cluster.id as cluster;",

    "WITH RECURSIVE n (i) as (select 1 union all select i + 1 from n where i < 3),\n"
    "  mine as (select s.id from subject s, n where n.i = 1)\n"
    "update cluster set archived_at = now() from mine\n"
    "where account_id = mine.id and archived_at is null returning mine.id, cluster.id as cluster",

    "/* with */ -- with a comment, in front\n"
    "with/**/x as materialized (select id from subject)\n"
    "update cluster set archived_at = now() from x where account_id = x.id and archived_at is "
    "null\n"
    "returning x.id, cluster.id as cluster -- and at the end",

    "-- update nothing; subject\n"
    "update cluster set archived_at = now() -- where false;\n"
    "from subject /* ; nested /* ' */ */ where account_id = subject.id and archived_at is null\n"
    "returning subject.id, cluster.id as cluster /* end */;",

    "update cluster set archived_at = case when $$subject; 'with' -- $$ <> $q$ returning $$ $q$\n"
    "  and 'subject '';' <> e'\\'subject;' and \"subject\".id > 0 then now() end\n"
    "from subject where account_id = subject.id and archived_at is null\n"
    "returning subject.id, cluster.id as cluster;",
};

BOOST_FIXTURE_TEST_SUITE(statements, World)

BOOST_AUTO_TEST_CASE(steps_in_any_words_see_the_subjects) {
  archived_accounts(5, 2);
  sql("insert into account values (9, 'alive@example.com', null);"
      "insert into cluster (account_id) values (9)");
  for (const std::string& step : kSteps) {
    for (const std::string settings : {"-- chunk: 1000", "-- chunk: 2"}) {
      sql("update cluster set archived_at = null");
      define("archive", settings + kFindArchived + "-- step: archive\n" + step + "\n");
      BOOST_TEST_CONTEXT(step) {
        BOOST_TEST(summary(run("archive")) == "converged: 5 of 5 corrected, 10 changes, 0 failed");
        BOOST_TEST(sql("select account_id from cluster where archived_at is null") == "9");
        BOOST_TEST(summary(run("archive")) == "unchanged: 0 of 5 corrected, 0 changes, 0 failed");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(finds_in_any_words_are_read_again) {
  archived_accounts(5);
  for (
      const std::string find : {
          "select id from account where archived_at is not null for update",
          "select id from account where archived_at is not null for no key update skip locked",
          "with gone as (select * from account where archived_at is not null)\nselect id from gone",
          "with recursive r (id) as (select 1::bigint union all select id + 1 from r where id < 5) "
          "select id from r -- with a comment at the end",
          "select distinct id from account where archived_at is not null order by id limit 5 /* x "
          "*/",
          "select account_id as id from cluster group by account_id",
          "select id from account union all select id from account where false",
          "(select id from account)",
          "select id from account -- a comment before the semicolon\n",
          "select id from account /* a comment -- in front */ -- and one more\n/* and */",
          "values (1::bigint), (2), (3), (4), (5)",
          "table account",
      }) {
    for (const std::string settings :
         {"-- chunk: 1000", "-- chunk: 2", "-- chunk: 2\n-- limit: 9"}) {
      sql("update cluster set archived_at = null");
      define("archive", settings + "\n-- find:\n" + find + ";\n" +
                            (find.starts_with("values")
                                 ? "-- step: archive\nupdate cluster set archived_at = now() from "
                                   "subject where account_id = column1 and archived_at is null "
                                   "returning column1"
                                 : kArchiveClusters));
      BOOST_TEST_CONTEXT(find << " " << settings) {
        BOOST_TEST(summary(run("archive")) == "converged: 5 of 5 corrected, 5 changes, 0 failed");
        BOOST_TEST(summary(run("archive")) == "unchanged: 0 of 5 corrected, 0 changes, 0 failed");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(find_for_update_holds_the_flag_until_the_steps_are_done) {
  archived_accounts(1);
  define("archive", "-- find:\nselect id from account where archived_at is not null for update\n" +
                        kArchiveClusters);
  postgres::Session blocker(connect_options());
  blocker.execute("begin; select from cluster for update");
  Background pass([&] { return run("archive"); });
  wait_for_blocked_pass();
  const Error error = error_of([&] {
    postgres::Session operating(connect_options());
    operating.execute(
        "update account set archived_at = null where id in "
        "(select id from account for update nowait)");
  });
  BOOST_TEST(error.sqlstate() == "55P03");
  blocker.execute("rollback");
  BOOST_TEST(summary(pass.result()) == "converged: 1 of 1 corrected, 1 changes, 0 failed");
}

BOOST_AUTO_TEST_CASE(steps_that_insert_and_delete_are_steps) {
  archived_accounts(2, 1, 1);
  define("archive", kFindArchived + R"(
-- step: delete keys
delete from api_key using subject where account_id = subject.id returning subject.id, api_key.*
-- step: insert clusters
insert into cluster (account_id, archived_at)
select id, now() from subject where (select count(*) from cluster where account_id = subject.id) < 2
returning account_id
)");
  BOOST_TEST(summary(run("archive")) == "converged: 2 of 2 corrected, 4 changes, 0 failed");
  BOOST_TEST(count("api_key") == 0);
  BOOST_TEST(count("cluster") == 4);
  BOOST_TEST(journaled("select changes from step where subject = '1'") ==
             R"([{"id":1,"account_id":1,"revoked_at":null}])"
             "\n[{}]");
  BOOST_TEST(summary(run("archive")) == "unchanged: 0 of 2 corrected, 0 changes, 0 failed");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
