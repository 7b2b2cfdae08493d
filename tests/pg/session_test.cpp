#include "src/postgres/pool.h"
#include "src/postgres/transaction.h"
#include "tests/pg/session_world.h"

#include <boost/test/unit_test.hpp>

namespace converge::tests {
namespace {

using postgres::Session;
using postgres::Transaction;
using std::chrono::milliseconds;
using std::string_literals::operator""s;

const std::string kOurSessions =
    "pg_stat_activity where datname = current_database() and application_name = 'converge'";

BOOST_FIXTURE_TEST_SUITE(session, SessionWorld)

BOOST_AUTO_TEST_CASE(the_server_soon_gives_up_a_host_that_says_nothing_any_more) {
  const std::string address = cluster.listen();
  Session session({.url = "postgresql://postgres@" + address + "/" + database});
  BOOST_TEST(ask(session, "select host(inet_server_addr())") == address);
  BOOST_TEST(ask(session, "show tcp_keepalives_idle") == "1");
  BOOST_TEST(ask(session, "show tcp_keepalives_interval") == "1");
  BOOST_TEST(ask(session, "show tcp_keepalives_count") == "3");
  BOOST_TEST(ask(session, "show tcp_user_timeout") == "3000");
}

BOOST_AUTO_TEST_CASE(session_that_was_lost_is_never_reconnected) {
  Session session(connect_options());
  session.prepare("one", "select 1");
  terminate(pid_of(session));
  for (int call = 0; call < 3; ++call) {
    const Error error = error_of([&] { session.execute("select 1"); });
    BOOST_TEST((error.kind() == ErrorKind::transient));
    BOOST_TEST(!session.is_open());
    const std::string why = call == 0 ? "terminating connection" : "it was closed";
    BOOST_TEST(std::string(error.what()).find(why) != std::string::npos, error.what());
    BOOST_TEST((error_of([&] { session.execute_prepared("one"); }).kind() == ErrorKind::transient));
    BOOST_TEST((error_of([&] { session.describe("select 1"); }).kind() == ErrorKind::transient));
  }
  BOOST_TEST(count("pg_stat_activity where datname = current_database() and "
                   "application_name = 'converge'") == 0);
}

BOOST_AUTO_TEST_CASE(lost_session_is_noticed_without_a_round_trip) {
  Session session(connect_options());
  session.check_alive();
  terminate(pid_of(session));
  wait_until("the news", [&] { return is_noticed([&] { session.check_alive(); }); });
}

BOOST_AUTO_TEST_CASE(settings_are_in_force) {
  auto options = connect_options();
  options.lock_timeout = milliseconds(1234);
  Session session(options);
  BOOST_TEST(ask(session, "show application_name") == "converge");
  BOOST_TEST(ask(session, "show lock_timeout") == "1234ms");
  BOOST_TEST(ask(session, "show statement_timeout") == "10s");
  BOOST_TEST(ask(session, "show idle_in_transaction_session_timeout") == "1min");
  BOOST_TEST(ask(session, "show client_connection_check_interval") == "500ms");
  BOOST_TEST(ask(session, "show client_encoding") == "UTF8");
  session.set_statement_timeout(milliseconds(77));
  BOOST_TEST(ask(session, "show statement_timeout") == "10s");
  Transaction transaction(session);
  BOOST_TEST(ask(session, "show statement_timeout") == "77ms");
  transaction.rollback();
  BOOST_TEST(ask(session, "show statement_timeout") == "10s");
  Transaction(session).commit();
  BOOST_TEST(ask(session, "show statement_timeout") == "10s");
}

BOOST_AUTO_TEST_CASE(settings_of_the_role_do_not_change_how_values_are_written) {
  sql("create role odd superuser login; alter role odd set datestyle = 'SQL, DMY';"
      "alter role odd set bytea_output = 'escape'; alter role odd set extra_float_digits = -15;"
      "alter role odd set intervalstyle = 'iso_8601'; "
      "alter role odd set standard_conforming_strings = off");
  {
    Session session(connect_options({.user = "odd"}));
    BOOST_TEST(ask(session, "select '2026-11-22'::date") == "2026-11-22");
    BOOST_TEST(ask(session, "select decode('00ff', 'hex')") == "\\x00ff");
    BOOST_TEST(ask(session, "select 0.1::float8 + 0.2") == "0.30000000000000004");
    BOOST_TEST(ask(session, "select interval '1 day 02:00'") == "1 day 02:00:00");
    BOOST_TEST(ask(session, "select 'a\\b'") == "a\\b");
  }
  sql("drop role odd");
}

BOOST_AUTO_TEST_CASE(url_wins_over_what_is_set_for_it) {
  auto options = connect_options();
  options.url += "&application_name=mine";
  Session session(options);
  BOOST_TEST(ask(session, "show application_name") == "mine");
}

BOOST_AUTO_TEST_CASE(server_says_who_it_is) {
  Session session(connect_options());
  BOOST_TEST(session.server().system_identifier ==
             sql("select system_identifier from pg_control_system()"));
  BOOST_TEST(session.server().timeline == 1);
  BOOST_TEST(!session.server().in_recovery);
  BOOST_TEST(session.server().database == database);
  BOOST_TEST(session.server().user == "postgres");
  BOOST_TEST(session.server().version / 10000 == 15);
}

BOOST_AUTO_TEST_CASE(errors_have_their_kinds_and_codes) {
  sql("create table one (id int primary key, other int references one deferrable initially "
      "deferred); insert into one values (1)");
  Session session(connect_options());
  const auto of = [&](const std::string& statement) {
    return error_of([&] { session.execute(statement); });
  };
  const auto raised = [&](const std::string& code) {
    return of("do $$begin raise 'x' using errcode = '" + code + "'; end$$");
  };
  for (const std::string code : {"40001", "40P01", "55P03", "57P01", "57P03", "53300", "08006"}) {
    Session own(connect_options());
    const Error error = error_of(
        [&] { own.execute("do $$begin raise 'x' using errcode = '" + code + "'; end$$"); });
    BOOST_TEST_CONTEXT(code) {
      BOOST_TEST((error.kind() == ErrorKind::transient));
      BOOST_TEST(error.sqlstate() == code);
      BOOST_TEST(!postgres::is_about_data(error));
    }
  }
  for (const std::string code : {"23505", "22012", "P0001", "23514", "44000"}) {
    const Error error = raised(code);
    BOOST_TEST_CONTEXT(code) {
      BOOST_TEST((error.kind() == ErrorKind::failure));
      BOOST_TEST(error.sqlstate() == code);
      BOOST_TEST(postgres::is_about_data(error));
    }
  }
  for (const std::string code : {"42P01", "42501", "57014", "53100", "XX000"}) {
    const Error error = raised(code);
    BOOST_TEST_CONTEXT(code) {
      BOOST_TEST((error.kind() == ErrorKind::failure));
      BOOST_TEST(error.sqlstate() == code);
      BOOST_TEST(!postgres::is_about_data(error));
    }
  }
  const Error twice = of("insert into one values (1)");
  BOOST_TEST(twice.what() ==
             "duplicate key value violates unique constraint \"one_pkey\"; detail: "
             "Key (id)=(1) already exists"s);
}

BOOST_AUTO_TEST_CASE(nobody_to_connect_to_is_one_clear_error) {
  const Error none = error_of([&] { Session({.url = "host=/nowhere dbname=x"}); });
  BOOST_TEST((none.kind() == ErrorKind::transient));
  BOOST_TEST(std::string(none.what()).starts_with("cannot connect: "), none.what());
  BOOST_TEST(!none.hint().empty());
  const Error missing = error_of([&] { Session({.url = cluster.url("no_such_database")}); });
  BOOST_TEST(std::string(missing.what()).find("no_such_database") != std::string::npos);
  BOOST_TEST((error_of([&] { Session({.url = "postgresql://%zz"}); }).kind() == ErrorKind::usage));
}

BOOST_AUTO_TEST_CASE(wrong_password_is_one_clear_error_without_the_password) {
  sql("create role guarded login password 'right' in role needs_password");
  auto url = cluster.url(database, "guarded:wr0ng");
  const Error error = error_of([&] { Session({.url = url}); });
  sql("drop role guarded");
  BOOST_TEST(std::string(error.what()).find("password authentication failed") != std::string::npos,
             error.what());
  BOOST_TEST(std::string(error.what()).find("wr0ng") == std::string::npos);
  BOOST_TEST(error.hint().find(".pgpass") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(transaction_that_is_left_is_rolled_back) {
  archived_accounts(1);
  Session session(connect_options());
  {
    Transaction transaction(session);
    transaction.execute("update cluster set archived_at = now()");
  }
  BOOST_TEST(ask(session, "select count(*) from cluster where archived_at is not null") == "0");
  BOOST_TEST(ask(session, "select pg_current_xact_id_if_assigned()") == "null");
  { Transaction unused(session); }
  BOOST_TEST(ask(session, "select now() = statement_timestamp()") == "t");
}

BOOST_AUTO_TEST_CASE(answer_that_is_less_than_was_asked_for_is_an_error) {
  Session session(connect_options());
  const auto one = session.execute("select 1");
  BOOST_TEST((error_of([&] { one.at(1, 0); }).kind() == ErrorKind::failure));
  BOOST_TEST((error_of([&] { one.at(0, 1); }).kind() == ErrorKind::failure));
  BOOST_TEST((error_of([&] { session.execute("select 1 where false").at(0, 0); }).kind() ==
              ErrorKind::failure));
}

BOOST_AUTO_TEST_CASE(failed_transaction_has_no_id_to_record) {
  archived_accounts(1);
  Session session(connect_options());
  Transaction transaction(session);
  transaction.execute("update cluster set archived_at = now()");
  error_of([&] { transaction.execute("select 1 / 0"); });
  BOOST_TEST(error_of([&] { transaction.xid(); }).sqlstate() == "25P02");
  transaction.rollback();
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
}

BOOST_AUTO_TEST_CASE(batch_gives_the_rows_of_each_call_and_the_transaction_id) {
  archived_accounts(3);
  Session session(connect_options());
  session.prepare("double", "select 2 * $1::int");
  session.prepare("archive", "update cluster set archived_at = now() returning id");
  Transaction transaction(session);
  const auto rows = transaction.execute_all(
      {{.statement = "double", .parameters = {"21"}}, {.statement = "archive", .parameters = {}}});
  BOOST_TEST_REQUIRE(rows.size() == 2u);
  BOOST_TEST(rows[0].at(0, 0).value() == "42");
  BOOST_TEST(rows[1].size() == 3u);
  BOOST_TEST(rows[1].name(0) == "id");
  BOOST_TEST(transaction.xid() == ask(session, "select pg_current_xact_id()"));
  transaction.commit();
  BOOST_TEST(count("cluster where archived_at is not null") == 3);
}

BOOST_AUTO_TEST_CASE(batch_ends_at_the_first_call_that_fails) {
  archived_accounts(1);
  Session session(connect_options());
  session.prepare("divide", "select 1 / $1::int");
  session.prepare("archive", "update cluster set archived_at = now()");
  const std::vector<postgres::Call> calls = {
      {.statement = "divide", .parameters = {"1"}, .what = "first"},
      {.statement = "divide", .parameters = {"0"}, .what = "second"},
      {.statement = "archive", .parameters = {}, .what = "third"}};
  {
    Transaction transaction(session);
    const Error error = error_of([&] { transaction.execute_all(calls); });
    BOOST_TEST(error.what() == "second: division by zero"s);
    BOOST_TEST(error.sqlstate() == "22012");
    BOOST_TEST(error_of([&] { transaction.execute("select 1"); }).sqlstate() == "25P02");
  }
  // Outside of a transaction too: a batch is one.
  BOOST_TEST(error_of([&] { session.execute_all(calls); }).sqlstate() == "22012");
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
  BOOST_TEST(ask(session, "select 7") == "7");
}

BOOST_AUTO_TEST_CASE(batch_that_looks_is_rolled_back_at_once) {
  archived_accounts(3);
  Session session(connect_options());
  session.prepare("archive", "update cluster set archived_at = now() returning id");
  session.prepare("fail", "select 1 / 0 from cluster");
  {
    Transaction transaction(session);
    const auto rows =
        transaction.execute_all_and_roll_back({{.statement = "archive", .parameters = {}}});
    BOOST_TEST(rows.at(0).size() == 3u);
    BOOST_TEST(count("pg_stat_activity where state like 'idle in transaction%'") == 0);
  }
  error_of([&] {
    Transaction(session).execute_all_and_roll_back(
        {{.statement = "archive", .parameters = {}}, {.statement = "fail", .parameters = {}}});
  });
  BOOST_TEST(count("pg_stat_activity where state like 'idle in transaction%'") == 0);
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
}

/// Much more each way than sockets hold: a side that only wrote would wait for the other for ever.
BOOST_AUTO_TEST_CASE(batch_may_be_large_both_ways) {
  Session session(connect_options());
  session.prepare("echo", "select $1::text from generate_series(1, 4)");
  const std::string large(3'000'000, 'x');
  const std::vector<postgres::Call> calls(4, {.statement = "echo", .parameters = {large}});
  const auto all = session.execute_all(calls);
  BOOST_TEST_REQUIRE(all.size() == 4u);
  for (const auto& rows : all) {
    BOOST_TEST_REQUIRE(rows.size() == 4u);
    BOOST_TEST((rows.at(3, 0) == large));
  }
}

BOOST_AUTO_TEST_CASE(connection_that_is_lost_within_a_batch_is_noticed) {
  Session session(connect_options());
  session.prepare("end", "select pg_terminate_backend(pg_backend_pid())");
  session.prepare("one", "select 1");
  const std::vector<postgres::Call> calls = {{.statement = "end", .parameters = {}},
                                             {.statement = "one", .parameters = {}}};
  BOOST_TEST((error_of([&] { session.execute_all(calls); }).kind() == ErrorKind::transient));
  BOOST_TEST(!session.is_open());
}

BOOST_AUTO_TEST_CASE(commit_without_an_answer_is_in_doubt) {
  archived_accounts(1);
  Session session(connect_options());
  Transaction transaction(session);
  transaction.execute("update cluster set archived_at = now()");
  const std::string xid = transaction.xid();
  terminate(pid_of(session));
  BOOST_TEST((error_of([&] { transaction.commit(); }).kind() == ErrorKind::in_doubt));
  Session other(connect_options());
  BOOST_TEST((postgres::xact_status(other, xid) == postgres::XactStatus::aborted));
}

BOOST_AUTO_TEST_CASE(refused_statement_is_told_with_its_line_and_columns_are_described) {
  Session session(connect_options());
  const auto columns = session.describe("select id, email as \"E\" from account");
  BOOST_TEST_REQUIRE(columns.size() == 2u);
  BOOST_TEST(columns[0].name == "id");
  BOOST_TEST(columns[0].type == postgres::kInt8);
  BOOST_TEST(columns[1].name == "E");
  const Error error = error_of([&] { session.describe("select 'ünï',\n  1,\n nothing"); });
  BOOST_TEST(std::string(error.what()) == "line 3: column \"nothing\" does not exist");
  BOOST_TEST(session.describe("delete from account").empty());
}

BOOST_AUTO_TEST_CASE(pool_gives_a_session_back_and_never_a_dead_one) {
  postgres::Pool pool(connect_options());
  const std::string first = pid_of(*pool.lease());
  BOOST_TEST(pid_of(*pool.lease()) == first);
  {
    const auto one = pool.lease();
    BOOST_TEST(pid_of(*pool.lease()) != first);
  }
  sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
      "and application_name = 'converge'");
  wait_until("their end", [&] {
    return count(
               "pg_stat_activity where datname = current_database() and application_name = "
               "'converge'") == 0;
  });
  // The server forgets a session before it closes the connection: the first call may still fail.
  wait_until("a session that lives",
             [&] { return !is_noticed([&] { BOOST_TEST(pid_of(*pool.lease()) != first); }); });
}

BOOST_AUTO_TEST_CASE(pool_gives_no_more_sessions_than_its_capacity) {
  postgres::Pool pool(connect_options(), 2);
  auto one = pool.lease();
  BOOST_TEST(pool.in_use() == 1);
  {
    const auto two = pool.try_lease();
    BOOST_TEST(two.has_value());
    BOOST_TEST(!pool.try_lease().has_value());
    const Error error = error_of([&] { pool.lease(Clock::now() + std::chrono::milliseconds(20)); });
    BOOST_TEST((error.kind() == ErrorKind::transient));
    BOOST_TEST(std::string(error.what()).starts_with("no connection was free within "));
    BOOST_TEST(pid_of(*pool.lease_beyond()) != pid_of(**two));
    BOOST_TEST(pool.in_use() == 2);
  }
  BOOST_TEST(pool.try_lease().has_value());
  const auto two = pool.lease();
  std::string third;
  std::jthread waiting([&] { third = pid_of(*pool.lease()); });
  const std::string first = pid_of(*one);
  one.reset();
  waiting.join();
  BOOST_TEST(third == first);
  BOOST_TEST(pool.in_use() == 1);
  pool.clear();
  wait_until("the end of what was idle", [&] { return count(kOurSessions) == 1; });
}

BOOST_AUTO_TEST_CASE(place_is_free_again_when_connecting_failed) {
  auto options = connect_options();
  options.url += " options='-c no_such_setting=1'";
  postgres::Pool pool(options, 1);
  for (int i = 0; i < 2; ++i) BOOST_CHECK_THROW(pool.lease(), Error);
  BOOST_TEST(pool.in_use() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
