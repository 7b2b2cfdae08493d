#include "convergers/platform/reconcile_subscription.h"

#include "convergers/code_converger.h"
#include "tests/pg/fixture.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <random>
#include <string>

namespace converge::tests {
namespace {

/// What is wrong with the subscriptions of a cluster, told without the converger's own words.
constexpr const char* kWrong = R"sql(
create view timeline as
select *, lag(closed_at, 1, created_at) over by_time as before,
       lead(opened_at) over by_time as after
from (select c.id as cluster, c.created_at, c.changed_at, c.archived_at, s.id as subscription,
             s.opened_at, s.closed_at,
             (s.account_id, s.plan, s.size) = (c.account_id, c.plan, c.size) as fits
      from cluster c join subscription s on s.cluster_id = c.id
      where s.closed_at is distinct from s.opened_at) paid
window by_time as (partition by cluster order by opened_at, subscription);

create view wrong as
select cluster, 'gap or overlap' as what from timeline where opened_at is distinct from before
union all
select cluster, 'wrong end' from timeline
where after is null and closed_at is distinct from archived_at
union all
select cluster, 'wrong account or plan' from timeline
where not fits and (closed_at is null or closed_at > changed_at)
union all
select id, 'none' from cluster
where archived_at is distinct from created_at and id not in (select cluster from timeline)
union all
select id, 'not one open' from cluster
where (archived_at is null)::integer <> (select count(*) from subscription
                                         where cluster_id = cluster.id and closed_at is null);
)sql";

constexpr const char* kCluster =
    "insert into cluster (account_id, name, region, plan, created_at, changed_at) "
    "select 1, 'c' || n, 'eu-west-1', 'standard', '2020-01-01', '2020-01-01' "
    "from generate_series(1, {}) n";

/// The platform's database, with clusters of one account, all paid for.
struct Platform : World {
  Platform() {
    sql("create schema platform; alter database " + database + " set search_path = platform");
    sql(read_text("convergers/platform/schema.sql") + kWrong +
        "insert into account (email, name) values ('ada@example.com', 'Ada'), "
        "('bob@example.com', 'Bob');");
  }

  void clusters(int number) const {
    sql(fmt::format(fmt::runtime(kCluster), number) +
        "; insert into subscription (account_id, cluster_id, plan, size, opened_at) "
        "select account_id, id, plan, size, created_at from cluster");
  }
  /// Of one cluster, as `plan size opened closed`, a line each; days only.
  std::string subscriptions(int of_cluster) const {
    return sql(
        "select plan, size, opened_at::date, closed_at::date from subscription where "
        "cluster_id = " +
        std::to_string(of_cluster) + " order by opened_at, id");
  }
  std::string reconcile() { return summary(run(converger)); }

  config::ConvergerTable table(const std::string& chunk = "1000") const {
    const auto set = [](const char* name, const std::string& value) {
      return config::ConvergerKey{.name = {name, ""}, .values = {{value, ""}}};
    };
    return {.name = {"reconcile_subscription", ""},
            .keys = {set("limit", "none"), set("horizon", "9999d"), set("chunk", chunk)}};
  }
  const config::ConvergerTable whole = table();
  convergers::CodeConverger converger{convergers::reconcile_subscription(), &whole};
};

constexpr const char* kNothing = "unchanged: 0 of 0 corrected, 0 changes, 0 failed";

BOOST_FIXTURE_TEST_SUITE(reconcile_subscription, Platform)

BOOST_AUTO_TEST_CASE(a_new_cluster_gets_one_from_its_creation_on) {
  sql(fmt::format(fmt::runtime(kCluster), 1));
  BOOST_TEST(reconcile() == "converged: 1 of 1 corrected, 1 changes, 0 failed");
  BOOST_TEST(subscriptions(1) == "standard|10|2020-01-01|");
  BOOST_TEST(reconcile() == kNothing);
  BOOST_TEST(kinds() == "txn inconsistency outcome pass");
}

BOOST_AUTO_TEST_CASE(a_change_of_plan_or_size_closes_one_and_opens_one_at_that_instant) {
  clusters(3);
  sql("update cluster set plan = 'premium', changed_at = '2020-02-01' where id = 1;"
      "update cluster set size = 20 where id = 2");
  BOOST_TEST(reconcile() == "converged: 2 of 2 corrected, 4 changes, 0 failed");
  BOOST_TEST(subscriptions(1) == "standard|10|2020-01-01|2020-02-01\npremium|10|2020-02-01|");
  BOOST_TEST(sql("select count(*), bool_and(s.opened_at = c.changed_at or s.closed_at = "
                 "c.changed_at) from subscription s join cluster c on c.id = s.cluster_id "
                 "where c.id = 2") == "2|t");
  BOOST_TEST(subscriptions(3) == "standard|10|2020-01-01|");
  BOOST_TEST(count("wrong") == 0);
  BOOST_TEST(reconcile() == kNothing);
}

BOOST_AUTO_TEST_CASE(an_archived_cluster_has_it_closed_then) {
  clusters(2);
  sql("update cluster set archived_at = '2020-03-01' where id = 2");
  BOOST_TEST(reconcile() == "converged: 1 of 1 corrected, 1 changes, 0 failed");
  BOOST_TEST(subscriptions(2) == "standard|10|2020-01-01|2020-03-01");
  BOOST_TEST(reconcile() == kNothing);
}

BOOST_AUTO_TEST_CASE(duplicates_overlaps_and_gaps_are_mended) {
  clusters(3);
  sql("drop index subscription_open;"
      "insert into subscription (account_id, cluster_id, plan, opened_at) "
      "values (1, 1, 'standard', '2020-02-01');"
      "update subscription set closed_at = '2020-03-01' where cluster_id in (2, 3);"
      "insert into subscription (account_id, cluster_id, plan, opened_at) "
      "values (1, 2, 'standard', '2020-02-01'), (1, 3, 'standard', '2020-04-01')");
  BOOST_TEST(reconcile() == "converged: 3 of 3 corrected, 3 changes, 0 failed");
  BOOST_TEST(subscriptions(1) == "standard|10|2020-01-01|\nstandard|10|2020-02-01|2020-02-01");
  BOOST_TEST(subscriptions(2) == "standard|10|2020-01-01|2020-03-01\nstandard|10|2020-03-01|");
  BOOST_TEST(subscriptions(3) ==
             "standard|10|2020-01-01|2020-03-01\nstandard|10|2020-03-01|2020-04-01\n"
             "standard|10|2020-04-01|");
  BOOST_TEST(reconcile() == kNothing);
}

BOOST_AUTO_TEST_CASE(what_was_archived_before_the_horizon_is_let_be) {
  clusters(2);
  sql("update cluster set archived_at = now() - interval '91 days' where id = 1;"
      "update cluster set archived_at = now() - interval '89 days' where id = 2");
  convergers::CodeConverger usual(convergers::reconcile_subscription(), nullptr);
  BOOST_TEST(summary(run(usual)) == "converged: 1 of 1 corrected, 1 changes, 0 failed");
}

BOOST_AUTO_TEST_CASE(changes_are_in_the_journal_as_those_of_steps_in_sql) {
  clusters(1);
  sql("update cluster set plan = 'premium', changed_at = '2020-02-01'");
  run(converger);
  BOOST_TEST(journaled("select converger, subject, label, count, outcome from inconsistency") ==
             "reconcile_subscription|1|ada@example.com|2|committed");
  BOOST_TEST(journaled("select title, count, changes ->> '$[0].subscription', "
                       "changes ->> '$[0].plan', changes ->> '$[0].was_closed_at' from step") ==
             "close subscriptions|1|1|standard|\nopen subscriptions|1|2|premium|");
  BOOST_TEST(journaled("select text from definition") == converger.profile().text);
}

BOOST_AUTO_TEST_CASE(a_plan_changes_nothing) {
  clusters(2);
  sql("update cluster set archived_at = now() where id = 1");
  BOOST_TEST(summary(plan(converger)) == "planned: 1 of 1 corrected, 1 changes, 0 failed");
  BOOST_TEST(count("subscription where closed_at is not null") == 0);
  BOOST_TEST(entries().empty());
}

BOOST_AUTO_TEST_CASE(a_limit_holds_the_pass) {
  convergers::CodeConverger limited(convergers::reconcile_subscription(), nullptr);
  clusters(501);
  sql("update cluster set archived_at = now()");
  BOOST_TEST((run(limited).outcome == engine::PassOutcome::held));
  BOOST_TEST(count("subscription where closed_at is not null") == 0);
}

BOOST_AUTO_TEST_CASE(a_subject_that_fails_harms_no_other) {
  clusters(3);
  sql("update cluster set archived_at = now();"
      "alter table subscription add check (closed_at is null or cluster_id <> 2)");
  const auto result = run(converger);
  BOOST_TEST(result.failed == 1);
  BOOST_TEST(result.inconsistencies == 2);
  BOOST_TEST(count("subscription where closed_at is null") == 1);
}

BOOST_AUTO_TEST_CASE(a_move_to_another_account_closes_one_and_opens_one_at_that_instant) {
  clusters(2);
  sql("update cluster set account_id = 2, changed_at = '2020-02-01' where id = 1");
  BOOST_TEST(reconcile() == "converged: 1 of 1 corrected, 2 changes, 0 failed");
  BOOST_TEST(sql("select account_id, opened_at::date, closed_at::date from subscription where "
                 "cluster_id = 1 order by opened_at") == "1|2020-01-01|2020-02-01\n2|2020-02-01|");
  BOOST_TEST(count("wrong") == 0);
  BOOST_TEST(reconcile() == kNothing);
}

BOOST_AUTO_TEST_CASE(an_end_at_infinity_is_none) {
  clusters(3);
  sql("update cluster set archived_at = 'infinity' where id = 1;"
      "update subscription set closed_at = 'infinity' where cluster_id = 2;"
      "insert into cluster (account_id, name, region, plan, created_at, changed_at, archived_at) "
      "values (1, 'd', 'eu-west-1', 'standard', '2020-01-01', '-infinity', 'infinity')");
  BOOST_TEST(reconcile() == "converged: 1 of 1 corrected, 1 changes, 0 failed");
  BOOST_TEST(subscriptions(4) == "standard|10|2020-01-01|");
  BOOST_TEST(reconcile() == kNothing);
  sql("update cluster set archived_at = '2020-03-01'");
  BOOST_TEST(reconcile() == "converged: 4 of 4 corrected, 4 changes, 0 failed");
  BOOST_TEST(count("wrong") == 0);
}

BOOST_AUTO_TEST_CASE(a_time_that_is_infinite_fails_its_subject_alone) {
  clusters(5);
  sql("update cluster set created_at = '-infinity' where id = 1;"
      "update cluster set changed_at = 'infinity' where id = 2;"
      "update subscription set opened_at = '-infinity' where cluster_id = 3;"
      "update cluster set created_at = 'infinity' where id = 4;"
      "update cluster set plan = 'premium' where id = 5");
  const auto result = run(converger);
  BOOST_TEST(result.failed == 4);
  BOOST_TEST(result.inconsistencies == 1);
  BOOST_TEST(count("subscription where cluster_id = 5 and plan = 'premium'") == 1);
  BOOST_TEST(journaled("select message from quarantine where subject = '3'") ==
             "opened_at of subscription 3 is infinite");
}

BOOST_AUTO_TEST_CASE(a_far_end_keeps_its_microseconds) {
  clusters(1);
  sql("update cluster set archived_at = '9999-12-31 23:59:59.999999+00'");
  BOOST_TEST(reconcile() == "converged: 1 of 1 corrected, 1 changes, 0 failed");
  BOOST_TEST(count("cluster join subscription on closed_at = archived_at") == 1);
  BOOST_TEST(reconcile() == kNothing);
}

BOOST_AUTO_TEST_CASE(statement_that_the_server_refuses_is_told_by_its_name) {
  sql("alter table subscription rename column size to gigabytes");
  postgres::Session session(connect_options());
  const auto error = error_of([&] { converger.inspect(session); });
  BOOST_TEST(error.what() == "reconcile_subscription: find: line 12: column s.size does not exist");
}

/// Days of 2020 from 1 on, in any order and with any mistake.
class RandomHistories {
 public:
  std::string statements(int clusters) {
    std::string text = "drop index subscription_open;";
    for (int id = 1; id <= clusters; ++id) text += statements_for(id);
    return text;
  }

 private:
  int up_to(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }
  int account() { return up_to(3) == 0 ? 2 : 1; }
  const char* plan() { return up_to(1) == 0 ? "standard" : "premium"; }
  static std::string day(int number) {
    return fmt::format("'2020-01-01'::timestamptz + {} * interval '1 day'", number);
  }
  std::string statements_for(int id) {
    const int created = up_to(10);
    const int changed = up_to(3) == 0 ? created : up_to(40);
    const std::string archived = up_to(1) == 0 ? "null" : day(created + up_to(30));
    std::string text = fmt::format(
        "insert into cluster (account_id, name, region, plan, created_at, changed_at, archived_at) "
        "values ({}, 'c{}', 'eu-west-1', '{}', {}, {}, {});",
        account(), id, plan(), day(created), day(changed), archived);
    for (int n = up_to(4); n > 0; --n) {
      const int opened = up_to(40);
      const std::string closed = up_to(2) == 0 ? "null" : day(opened + up_to(20));
      text += fmt::format(
          "insert into subscription (account_id, cluster_id, plan, opened_at, closed_at) "
          "values ({}, {}, '{}', {}, {});",
          account(), id, plan(), day(opened), closed);
    }
    return text;
  }

  std::mt19937 random_{20261123};  // NOLINT: the same histories each time.
};

BOOST_AUTO_TEST_CASE(a_thousand_random_histories_end_right) {
  sql(RandomHistories().statements(1000) +
      "create table before as select * from subscription;"
      "create table wrong_before as select distinct cluster from wrong");
  const auto small_chunks = table("100");
  convergers::CodeConverger in_chunks(convergers::reconcile_subscription(), &small_chunks);

  const auto result = run(in_chunks);
  BOOST_TEST(result.failed == 0);
  BOOST_TEST(result.inconsistencies == count("wrong_before"));
  BOOST_TEST(result.examined == result.inconsistencies);
  BOOST_TEST(count("wrong") == 0);
  sql("create unique index on subscription (cluster_id) where closed_at is null");
  // What there was is still there, at most shorter; of clusters that were right, as it was.
  BOOST_TEST(count("before b left join subscription s using (id, account_id, cluster_id, plan, "
                   "size) where (tstzrange(s.opened_at, s.closed_at) <@ "
                   "tstzrange(b.opened_at, b.closed_at)) is not true") == 0);
  BOOST_TEST(count("(table before except table subscription) s "
                   "where cluster_id not in (table wrong_before)") == 0);
  BOOST_TEST(count("(table subscription except table before) s") == result.changes);
  BOOST_TEST(std::stoll(journaled("select sum(count) from step where outcome = 'committed'")) ==
             result.changes);

  BOOST_TEST(summary(run(in_chunks)) == kNothing);

  // Clusters move, with others that change as well; the trigger tells when.
  sql("update cluster set account_id = 3 - account_id where id % 3 = 0;"
      "update cluster set plan = 'starter', size = id where id % 5 = 0");
  sql("truncate wrong_before; insert into wrong_before select distinct cluster from wrong");
  BOOST_TEST(count("wrong_before") > 0);
  const auto moved = run(in_chunks);
  BOOST_TEST(moved.failed == 0);
  BOOST_TEST(moved.inconsistencies == count("wrong_before"));
  BOOST_TEST(count("wrong") == 0);
  BOOST_TEST(summary(run(in_chunks)) == kNothing);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
