#include "tests/cli/test_command_fixture.h"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace converge::tests;

BOOST_FIXTURE_TEST_SUITE(test_scratch, Tests)

BOOST_AUTO_TEST_CASE(scratch_database_is_made_and_dropped) {
  directory.write("convergers/schema.sql", "create table only_here (id int primary key, ok bool);");
  define("archive",
         "-- find:\nselect id from only_here;\n-- step: s\n"
         "update only_here set ok = true from subject where only_here.id = subject.id\n"
         "and ok is not true returning subject.id;\n");
  const std::string given = "-- given:\ninsert into only_here values (1);\n";
  write(given + "-- expect: subject 1, step s, 1 change\n" +
        "-- then:\nselect current_database() like 'converge\\_test\\_%';\n-- is:\n--   t\n");
  const auto result = call({"test", "--scratch"});
  BOOST_TEST(result.status == 0, result.out << result.err);
  BOOST_TEST(call({"test"}).status == 1);
  BOOST_TEST(call({"test", "--schema", "x.sql"}).status == 2);
  const auto other = directory.write("other.sql", "create table only_here (id int, ok bool)");
  BOOST_TEST(call({"test", "--scratch", "--schema", other.string()}).status == 0);
  const auto broken = directory.write("broken.sql", "create tabel x ()");
  const auto refused = call({"test", "--scratch", "--schema", broken.string()});
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(contains(refused.err, broken.string() + ": syntax error"));
}

BOOST_AUTO_TEST_CASE(scratch_database_goes_with_an_interrupted_run) {
  write("-- expect: nothing\n");
  // A schema that nobody writes yet keeps the run where it is.
  const auto schema = directory / "schema.sql";
  BOOST_REQUIRE(::mkfifo(schema.c_str(), 0600) == 0);
  const auto scratch = [&] {
    return sql("select datname from pg_database where datname like 'converge_test%'");
  };
  for (const bool killed : {false, true}) {
    auto command = start({"test", "--scratch", "--schema", schema.string()});
    int writer = -1;
    BOOST_REQUIRE(eventually([&] {
      writer = ::open(schema.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
      return writer >= 0;  // It reads by now.
    }));
    BOOST_TEST(scratch() != "");
    command.kill(killed ? SIGKILL : SIGINT);
    ::close(writer);
    const auto result = command.wait();
    if (killed) {
      BOOST_TEST(result.signal == SIGKILL);
    } else {
      BOOST_TEST(result.status == 1, result.out << result.err);
      BOOST_TEST(contains(result.err, "interrupted"));
      BOOST_TEST(scratch() == "");
    }
  }
  const auto left = scratch();
  BOOST_TEST(left != "");
  sql("create database converge_test_00000000_1_1");
  BOOST_REQUIRE(eventually([&] {
    return sql("select count(*) from pg_stat_activity where datname = '" + left + "'") == "0";
  }));
  std::filesystem::remove(schema);
  directory.write("schema.sql", read_text("convergers/platform/schema.sql"));
  BOOST_TEST(call({"test", "--scratch", "--schema", schema.string()}).status == 0);
  BOOST_TEST(scratch() == "converge_test_00000000_1_1");  // Of another host.
  sql("drop database converge_test_00000000_1_1");
}

/// Whether SIGTERM has come to the process and waits.
bool has_pending_sigterm(pid_t pid) {
  const std::string status = read_text("/proc/" + std::to_string(pid) + "/status");
  const auto at = status.find("ShdPnd:");
  if (at == std::string::npos) return false;
  return (std::stoull(status.substr(at + 7), nullptr, 16) >> (SIGTERM - 1) & 1) != 0;
}

BOOST_AUTO_TEST_CASE(second_signal_waits_while_the_scratch_database_is_dropped) {
  write("-- given:\nselect pg_sleep(0.5);\n-- expect: nothing\n");
  directory.write("convergers/schema.sql", read_text("convergers/platform/schema.sql"));
  const auto is_at = [&](const std::string& query) {
    return eventually([&] {
      return sql("select count(*) from pg_stat_activity where pid <> pg_backend_pid() and query "
                 "like '" +
                 query + "'") != "0";
    });
  };
  auto command = start({"test", "--scratch"});
  BOOST_REQUIRE(is_at("%pg_sleep(0.5)%"));
  const auto scratch = sql("select datname from pg_database where datname like 'converge_test%'");
  // Whoever comments on a database keeps it from being dropped.
  Command holder({"psql", "-d", cluster.url(database), "-c",
                  "comment on database " + scratch + " is 'mine'; select pg_sleep(600)"});
  BOOST_REQUIRE(is_at("comment on%pg_sleep(600)%"));
  command.kill(SIGINT);
  BOOST_REQUIRE(is_at("drop database%"));
  command.kill(SIGTERM);
  BOOST_TEST(
      eventually([&] { return !command.is_running() || has_pending_sigterm(command.pid()); }));
  BOOST_TEST(command.is_running());
  sql("select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)%' "
      "and pid <> pg_backend_pid()");
  BOOST_TEST(command.wait().signal == SIGTERM);
  BOOST_TEST(sql("select count(*) from pg_database where datname = '" + scratch + "'") == "0");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
