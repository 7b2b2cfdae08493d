#include "convergers/code_converger.h"
#include "convergers/sql_converger.h"
#include "tests/pg/fixture.h"

#include <boost/test/unit_test.hpp>

namespace converge::tests {
namespace {

/// The statement at the end of a warning; empty when it gives none.
std::string advice_in(const std::string& warning) {
  const auto at = warning.find("create index ");
  return at == std::string::npos ? "" : warning.substr(at);
}

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
    return warnings_of(converger);
  }
  std::vector<std::string> warnings_of(convergers::Defined& converger) const {
    postgres::Session session(connect_options());
    converger.inspect(session);
    converger.prepare(session);
    return converger.plan_warnings(session);
  }

  /// A converger of one step that changes nothing, by its find.
  void define_find(const std::string& find) const {
    define("archive", "-- find:\n" + find + ";\n-- step: s\nselect id from subject where false;\n");
  }
  void define_step(const std::string& step) const {
    define("archive",
           "-- find:\nselect id from account where id = 1;\n-- step: s\n" + step + ";\n");
  }

  /// What the only warning advises, which is then done word by word, so that no warning is left.
  std::string advice_that_helps() const {
    const auto warned = warnings();
    BOOST_TEST_REQUIRE(warned.size() == 1u);
    const std::string advice = advice_in(warned[0]);
    BOOST_TEST_REQUIRE(!advice.empty(), warned[0]);
    sql(advice);
    BOOST_TEST(warnings() == std::vector<std::string>{}, boost::test_tools::per_element());
    return advice;
  }
  void require_no_advice() const {
    const auto warned = warnings();
    BOOST_TEST_REQUIRE(warned.size() == 1u);
    BOOST_TEST(advice_in(warned[0]) == "");
  }
};

BOOST_FIXTURE_TEST_SUITE(plan_warnings, PlannedWorld)

BOOST_AUTO_TEST_CASE(scan_of_a_large_table_is_warned_of) {
  define("archive", archive_clusters());
  const auto warned = warnings();
  BOOST_TEST_REQUIRE(warned.size() == 2u);
  BOOST_TEST(warned[0].find("archive.sql:4: find scans all 20000 rows of account on every pass") !=
                 std::string::npos,
             warned[0]);
  BOOST_TEST(
      warned[1].find("step archive clusters scans all 20000 rows of cluster") != std::string::npos,
      warned[1]);
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
}

BOOST_AUTO_TEST_CASE(advised_indexes_spare_the_warnings) {
  define("archive", archive_clusters());
  const auto warned = warnings();
  BOOST_TEST_REQUIRE(warned.size() == 2u);
  BOOST_TEST(advice_in(warned[0]) ==
             "create index concurrently on account (id) where archived_at is not null");
  BOOST_TEST(advice_in(warned[1]) ==
             "create index concurrently on cluster (account_id) where archived_at is null");
  for (const std::string& warning : warned) sql(advice_in(warning));
  BOOST_TEST(warnings() == std::vector<std::string>{}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(range_and_equality_are_advised_on) {
  define_find("select id from account where archived_at > now() - interval '1 day'");
  BOOST_TEST(advice_that_helps() ==
             "create index concurrently on account (archived_at) where archived_at is not null");
  define_find("select id from account where id < 0 and email = 'x' and archived_at is null");
  sql("alter table account drop constraint account_pkey cascade");
  BOOST_TEST(advice_that_helps() ==
             "create index concurrently on account (email, id) where archived_at is null");
}

BOOST_AUTO_TEST_CASE(boolean_is_the_condition_of_the_index) {
  sql("alter table account add gone boolean not null default false; "
      "update account set gone = id = 7; analyze account");
  define_find("select id from account where gone");
  BOOST_TEST(advice_that_helps() == "create index concurrently on account (id) where gone");
}

BOOST_AUTO_TEST_CASE(names_are_quoted_and_qualified) {
  sql("create schema \"Own\"; create table \"Own\".\"Big One\" as "
      "select id, id as \"Owner\" from account; analyze \"Own\".\"Big One\"");
  define_step(
      "select subject.id, b.id as b from subject join \"Own\".\"Big One\" b "
      "on b.\"Owner\" = subject.id");
  BOOST_TEST(advice_that_helps() == "create index concurrently on \"Own\".\"Big One\" (\"Owner\")");
}

BOOST_AUTO_TEST_CASE(chain_of_joins_is_advised_on_table_by_table) {
  sql("create table node (id bigint primary key, cluster_id bigint, archived_at timestamptz); "
      "insert into node select id, id from cluster; analyze node");
  define_step(
      "update node set archived_at = now() from subject, cluster "
      "where cluster.account_id = subject.id and node.cluster_id = cluster.id "
      "and node.archived_at is null returning subject.id");
  const auto warned = warnings();
  BOOST_TEST_REQUIRE(warned.size() == 2u);
  BOOST_TEST(advice_in(warned[0]) ==
             "create index concurrently on node (cluster_id) where archived_at is null");
  BOOST_TEST(advice_in(warned[1]) == "create index concurrently on cluster (account_id)");
  for (const std::string& warning : warned) sql(advice_in(warning));
  BOOST_TEST(warnings() == std::vector<std::string>{}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(no_advice_is_given_that_would_not_help) {
  for (const char* find : {
           "select id from account where archived_at is null",
           "select id from account where lower(email) = 'x'",
           "select id from account where archived_at < clock_timestamp()",
           "select id from account where archived_at is not null or email = 'x'",
           "select a.id from account a left join cluster c on c.id = a.id where c.id is null",
       }) {
    BOOST_TEST_CONTEXT(find) {
      define_find(find);
      for (const std::string& warning : warnings()) BOOST_TEST(advice_in(warning) == "");
      BOOST_TEST(!warnings().empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(condition_that_is_not_understood_is_left_out) {
  sql("alter table cluster add region text, add state text, add disabled boolean; "
      "update cluster set region = 'x', state = 's', disabled = id % 2 = 0; analyze cluster");
  for (const char* condition :
       {"cluster.region <> 'y'", "cluster.region is distinct from 'y'",
        "(cluster.state = 'c' or cluster.disabled is null)", "cluster.disabled is not true"}) {
    BOOST_TEST_CONTEXT(condition) {
      define_step(
          "select subject.id, cluster.id as cluster from subject, cluster "
          "where cluster.account_id = subject.id and " +
          std::string(condition));
      BOOST_TEST(advice_that_helps() == "create index concurrently on cluster (account_id)");
      sql("drop index cluster_account_id_idx");
    }
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_left_out_where_an_equality_leaves_many) {
  sql("alter table account add name text; update account set name = 'n' || id % 3; "
      "analyze account");
  define_find("select id from account where name = 'n1' and lower(email) = 'x'");
  require_no_advice();
}

BOOST_AUTO_TEST_CASE(scan_of_partitions_is_told_of_the_whole_table) {
  sql("create table part (id bigint, at timestamptz, primary key (id)) partition by hash (id); "
      "create table part_0 partition of part for values with (modulus 2, remainder 0); "
      "create table part_1 partition of part for values with (modulus 2, remainder 1); "
      "insert into part select n, case when n < 20 then now() end "
      "from generate_series(1, 30000) n; analyze part");
  define_find("select id from part where at > now() - interval '1 day'");
  const std::string advice = advice_that_helps();
  BOOST_TEST(advice == "create index on part (at) where at is not null");
}

BOOST_AUTO_TEST_CASE(one_index_is_advised_where_it_serves_two_statements) {
  define("archive",
         "-- find:\nselect id from account where id = 1;\n"
         "-- step: a\nselect subject.id, cluster.id as c from subject, cluster "
         "where cluster.account_id = subject.id and cluster.archived_at is null;\n"
         "-- step: b\nselect subject.id, cluster.id as c from subject, cluster "
         "where cluster.account_id = subject.id;\n");
  const auto warned = warnings();
  BOOST_TEST_REQUIRE(warned.size() == 2u);
  for (const std::string& warning : warned) {
    BOOST_TEST(advice_in(warning) == "create index concurrently on cluster (account_id)");
  }
  sql(advice_in(warned[0]));
  BOOST_TEST(warnings() == std::vector<std::string>{}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(index_that_is_there_and_unused_is_not_advised_again) {
  sql("update account set email = case when id < 1500 then 'few' else 'many' end; "
      "create index on account (email); analyze account");
  define_find("select id from account where email = 'many'");
  require_no_advice();
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

BOOST_AUTO_TEST_CASE(fresh_schema_is_not_warned_of) {
  sql("truncate account cascade; drop index api_key_account_id_idx; analyze");
  define("archive", archive_clusters());
  BOOST_TEST(warnings().empty());
}

BOOST_AUTO_TEST_CASE(statements_of_code_are_warned_of_as_well) {
  convergers::CodeConverger converger(
      {.name = "coded",
       .description = "Nothing.",
       .runbook = {},
       .settings = {},
       .parameters = {},
       .find = "select id from account where archived_at is not null",
       .statements = {{.name = "clusters",
                       .sql = "select cluster.id from cluster join subject on account_id = "
                              "subject.id where cluster.archived_at is null"},
                      {.name = "named",
                       .sql = "select id from account where email = $1",
                       .has_parameters = true},
                      {.name = "fine", .sql = "select id from subject where false"}},
       .steps = {"nothing"},
       .converge = [](const convergers::CodeWork&) { return std::vector<postgres::Rows>(1); }},
      nullptr);
  const auto warned = warnings_of(converger);
  BOOST_TEST_REQUIRE(warned.size() == 3u);
  BOOST_TEST(warned[0] ==
             "coded: find scans all 20000 rows of account on every pass; an index would spare "
             "that: create index concurrently on account (id) where archived_at is not null");
  BOOST_TEST(warned[1] ==
             "coded: statement clusters scans all 20000 rows of cluster on every pass; an index "
             "would spare that: create index concurrently on cluster (account_id) where "
             "archived_at is null");
  BOOST_TEST(warned[2].starts_with("coded: statement named scans all 20000 rows of account"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
