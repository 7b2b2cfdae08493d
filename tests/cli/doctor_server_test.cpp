#include "tests/cli/doctor_fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/pgbouncer.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace converge::tests;

BOOST_FIXTURE_TEST_SUITE(doctor_server, Patient)

BOOST_AUTO_TEST_CASE(pooler_in_transaction_mode_is_found_and_explained) {
  const PgBouncer pooler("transaction", cluster.socket_directory().string(), "postgres");
  environment["CONVERGE_DATABASE"] = pooler.url(database);
  const auto answer = told("pooling");
  BOOST_TEST(answer.starts_with("bad a pooler such as PgBouncer gives each transaction another "
                                "session (pool_mode = transaction) -> "),
             answer);
  BOOST_TEST(contains(answer, "pool_mode = session"), answer);
}

BOOST_AUTO_TEST_CASE(pooler_in_statement_mode_is_found_and_explained) {
  const PgBouncer pooler("statement", cluster.socket_directory().string(), "postgres");
  environment["CONVERGE_DATABASE"] = pooler.url(database);
  BOOST_TEST(told("pooling").starts_with("bad a pooler such as PgBouncer"));
}

BOOST_AUTO_TEST_CASE(pooler_in_session_mode_is_well) {
  add_accounts(1);
  archive_accounts();
  const PgBouncer pooler("session", cluster.socket_directory().string(), "postgres");
  environment["CONVERGE_DATABASE"] = pooler.url(database);
  const auto result = examine();
  BOOST_TEST(result.status == 0, result.out);
  BOOST_TEST(contains(result.out, "ok       pooling: a pooler is in between, and sessions stay"),
             result.out);
  BOOST_TEST(contains(result.out, "ok       listen: a NOTIFY comes back"), result.out);
  BOOST_TEST(call({"run"}).status == 0);
}

BOOST_AUTO_TEST_CASE(server_that_accepts_and_never_answers_is_given_up) {
  const PgBouncer pooler("session", cluster.socket_directory().string(), "postgres");
  // It knows what to say to who connects once somebody did.
  BOOST_REQUIRE(run_command({"psql", "-X", "-d", pooler.url(database), "-c", "select 1"}).status ==
                0);
  pooler.pause();
  environment["CONVERGE_DATABASE"] = pooler.url(database);
  const auto began = std::chrono::steady_clock::now();
  const auto result = examine();
  BOOST_TEST_CONTEXT(result.out << result.err) {
    BOOST_TEST((std::chrono::steady_clock::now() - began < std::chrono::seconds(30)));
    BOOST_TEST(result.status == 1);
    BOOST_TEST(result.signal == 0);
    BOOST_TEST(contains(result.out, "bad      database: no answer within 12s. Something accepts"));
    BOOST_TEST(contains(result.out, "warning  server: not checked, nor tls"));
    BOOST_TEST(contains(result.out, "ok       space: "));
    BOOST_TEST(contains(result.out, "ok       definitions: "));
  }
}

BOOST_AUTO_TEST_CASE(standby_is_bad) {
  PostgresCluster other;
  const auto name = other.create_database({});
  other.stop();
  std::ofstream(other.data_directory() / "standby.signal").close();
  other.start();
  environment["CONVERGE_DATABASE"] = other.url(name);
  const auto answer = told("server");
  BOOST_TEST(answer.starts_with("bad PostgreSQL 15."), answer);
  BOOST_TEST(contains(answer, "a standby, which cannot be written to -> Connect to the primary"),
             answer);
}

BOOST_AUTO_TEST_CASE(tls_is_verified_or_refused_as_configured) {
  PostgresCluster other;
  const auto name = other.create_database({});
  const Certificates certificates;
  certificates.sign("server", "db.example.com");
  for (const char* file : {"server.pem", "server.key"}) {
    const auto copy = other.data_directory() / file;
    std::filesystem::copy_file(certificates.file(file), copy);
    ::chmod(copy.c_str(), 0600);
    const auto* owner = ::getpwnam("postgres");
    if (::geteuid() == 0) BOOST_REQUIRE(::chown(copy.c_str(), owner->pw_uid, owner->pw_gid) == 0);
  }
  other.query("postgres", "alter system set ssl_cert_file = 'server.pem'");
  other.query("postgres", "alter system set ssl_key_file = 'server.key'");
  other.query("postgres", "alter system set ssl = on");
  const auto address = other.listen();
  const auto at = [&](const std::string& host, const std::string& authority) {
    environment["CONVERGE_DATABASE"] =
        "hostaddr=" + address + " host=" + host + " dbname=" + name +
        " user=postgres sslmode=verify-full sslrootcert=" + authority;
  };
  at("db.example.com", certificates.file("authority.pem"));
  BOOST_TEST(told("tls") == "ok TLSv1.3, and the server proved who it is (sslmode=verify-full)");

  at("db.example.org", certificates.file("authority.pem"));
  auto answer = told("database");
  BOOST_TEST(contains(answer, "server certificate for \"db.example.com\""), answer);
  BOOST_TEST(contains(answer, "-> Give the authority that signed"), answer);

  const Certificates others;
  at("db.example.com", others.file("authority.pem"));
  answer = told("database");
  BOOST_TEST(contains(answer, "certificate verify failed"), answer);
  BOOST_TEST(contains(answer, "-> Give the authority that signed"), answer);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
