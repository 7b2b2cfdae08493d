#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

constexpr const char* kSecret = "hunter2-and-more";

/// A database that does not do what is asked: one error that says so, with a way out, and a journal
/// that claims nothing.
struct DatabaseFaults : Cli {
  DatabaseFaults() {
    define("archive", archiver(""));
    add_accounts(3);
    archive_accounts();
  }

  CommandResult run_at(const std::string& place) {
    environment["CONVERGE_DATABASE"] = place;
    return call({"run", "archive"});
  }

  void require_one_error(const CommandResult& result, const std::string& message,
                         const std::string& hint) {
    BOOST_TEST_CONTEXT(result.out << result.err) {
      BOOST_TEST(result.status == 1);
      BOOST_REQUIRE(lines(result.err).size() == 2u);
      BOOST_TEST(lines(result.err)[0].starts_with("converge: error: "));
      BOOST_TEST(contains(lines(result.err)[0], message));
      BOOST_TEST(lines(result.err)[1].starts_with("converge: hint: "));
      BOOST_TEST(contains(lines(result.err)[1], hint));
    }
    BOOST_TEST(audited_rows() == "0");
    if (has_journal()) {
      BOOST_TEST(ask_journal("select count(*) from inconsistency") == "0");
      BOOST_TEST(ask_journal("select count(*) from \"transaction\"") == "0");
      BOOST_TEST(call({"journal", "verify"}).status == 0);
    }
  }

  /// A role with a password of its own.
  std::string make_role(const std::string& rights) {
    auto role = "role_" + database;
    sql("create role " + role + " login in role needs_password password '" + kSecret + "'; " +
        "grant select on all tables in schema public to " + role + "; " + rights);
    return role;
  }
  std::string url_of(const std::string& role, const std::string& password) const {
    return "postgresql://" + role + ":" + password + "@/" + database +
           "?host=" + cluster.socket_directory().string();
  }

  void require_no_secret(const CommandResult& result, const std::string& secret) {
    BOOST_TEST(!contains(result.out + result.err, secret));
    for (const char* suffix : {"", "-wal"}) {
      const std::filesystem::path file = journal.string() + suffix;
      if (std::filesystem::exists(file)) BOOST_TEST(!contains(read_text(file), secret));
    }
  }
};

BOOST_FIXTURE_TEST_SUITE(database_faults, DatabaseFaults)

BOOST_AUTO_TEST_CASE(nothing_listens_on_the_socket) {
  const auto result = run_at("postgresql:///x?host=" + directory.path().string());
  require_one_error(result, "cannot connect: ", "Is PostgreSQL running there?");
  BOOST_TEST(contains(result.err, directory.path().string()));
  BOOST_TEST(result.out == "");
  BOOST_TEST(!has_journal());
}

BOOST_AUTO_TEST_CASE(nothing_listens_on_the_port) {
  // Port 1 is tcpmux, which nobody runs; nothing else may take it without being root.
  require_one_error(run_at("postgresql://127.0.0.1:1/x"), "Connection refused",
                    "Is PostgreSQL running there?");
  BOOST_TEST(!has_journal());
}

BOOST_AUTO_TEST_CASE(database_does_not_exist) {
  require_one_error(run_at(cluster.url("nowhere")), "database \"nowhere\" does not exist",
                    "Check --database");
  BOOST_TEST(!has_journal());
}

BOOST_AUTO_TEST_CASE(wrong_password) {
  const auto role = make_role("");
  const auto result = run_at(url_of(role, "wrong-secret"));
  require_one_error(result, "password authentication failed for user \"" + role + "\"", ".pgpass");
  require_no_secret(result, "wrong-secret");
  const auto none = run_at("postgresql://" + role + "@/" + database +
                           "?host=" + cluster.socket_directory().string());
  require_one_error(none, "no password supplied", ".pgpass");
  BOOST_TEST(!has_journal());
}

BOOST_AUTO_TEST_CASE(right_password_is_never_shown) {
  const auto role = make_role("grant update on cluster, api_key to role_" + database);
  environment["CONVERGE_DATABASE"] = url_of(role, kSecret);
  for (const Words& words :
       {Words{"check"}, Words{"plan", "-v"}, Words{"run", "archive", "-v"}, Words{"list"},
        Words{"show", "archive"}, Words{"journal"}, Words{"journal", "-o", "json"}}) {
    const auto result = call(words);
    BOOST_TEST(result.status == 0, result.err);
    require_no_secret(result, kSecret);
  }
  BOOST_TEST(left_to_do() == "0");
}

BOOST_AUTO_TEST_CASE(password_in_a_database_url_that_cannot_be_read_is_not_shown) {
  for (const std::string place :
       {"postgresql://u:hunter2-and-more@[::1/x", "postgresql://u:hunter2-and-more@h/x?nosuch=1",
        "postgresql://u:hunter2-and-more%zz@h/x", "password=hunter2-and-more nosuch=1",
        "hunter2-and-more", "password='hunter2-and-more", "host=h password hunter2-and-more"}) {
    BOOST_TEST_CONTEXT(place) {
      const auto result = run_at(place);
      BOOST_TEST(result.status == 2);
      BOOST_TEST(contains(result.err, "converge: error: cannot read the database URL"));
      BOOST_TEST(contains(result.err, "converge: hint: "));
      require_no_secret(result, kSecret);
    }
  }
  BOOST_TEST(!has_journal());
}

BOOST_AUTO_TEST_CASE(missing_right) {
  const auto role = make_role("grant update on api_key to role_" + database);
  const auto result = run_at(url_of(role, kSecret));
  require_one_error(result, "archive: step archive clusters: permission denied for table cluster",
                    "Grant the right");
  BOOST_TEST(timeless(result.out) == "archive  failed (T)\n");
  BOOST_TEST(ask_journal("select detail ->> '$.outcome', detail ->> '$.sqlstate' from entry") ==
             "failed|42501");
  require_no_secret(result, kSecret);
}

BOOST_AUTO_TEST_CASE(missing_table) {
  sql("alter table api_key rename to moved");
  const auto result = call({"run", "archive"});
  require_one_error(result, "relation \"api_key\" does not exist", "Compare the definition");
  // The line of the file in which the name stands.
  BOOST_TEST(
      contains(result.err, (convergers / "archive.sql").string() + ":14: step revoke api keys: "));
}

BOOST_AUTO_TEST_CASE(missing_column_of_find) {
  sql("alter table account rename email to mail");
  require_one_error(call({"run", "archive"}), "column \"email\" does not exist",
                    "Compare the definition");
}

BOOST_AUTO_TEST_CASE(deferred_constraint_that_fails_at_commit_blames_its_subject) {
  sql("create function refuse() returns trigger language plpgsql as $$ begin "
      "raise check_violation using message = 'cluster of account 2 is protected'; end $$;"
      "create constraint trigger refuse after update on cluster deferrable initially deferred "
      "for each row when (new.account_id = 2 and new.archived_at is not null) "
      "execute function refuse()");
  const auto result = call({"run", "archive"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, "archive: subject 2 (a2@example.com): "));
  BOOST_TEST(contains(result.err, "cluster of account 2 is protected"));
  BOOST_TEST(left_to_do() == "3");
  BOOST_TEST(
      ask_journal("select count(*) > 0 from \"transaction\" where outcome = 'rolled_back'") == "1");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(server_that_goes_away_fails_the_run_and_the_next_one_goes_on) {
  define("archive", archiver("-- chunk: 1\n-- timeout: 60s\n"));
  directory.write("converge.toml", "[database]\nlock_timeout = \"60s\"\n");
  // The lock of a session would go before converge's own: whether the COMMIT that was waiting for
  // it then still comes through is a race, and nobody can say afterwards.
  LockAcrossRestarts lock(*this, "select from cluster where account_id = 2 for update");
  auto run = start({"run", "archive"});
  BOOST_REQUIRE(waits_for_row(*this));
  cluster.restart(PostgresCluster::StopMode::immediate);
  lock.end();
  const auto result = run.wait();
  BOOST_TEST(result.signal == 0);
  const auto next = call({"run", "archive"});
  BOOST_TEST(next.status == 0);
  BOOST_TEST(left_to_do() == "0");
  require_agreement();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
