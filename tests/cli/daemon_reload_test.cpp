#include "tests/cli/daemon_fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>

namespace {

using namespace converge::tests;

struct DaemonReload : Daemon {
  DaemonReload() { add_accounts(4); }

  /// SIGHUP, and waits until the service has answered.
  void reload(Service& service) const {
    const auto readies = [&] {
      const auto told = service.manager().told();
      return std::count(told.begin(), told.end(), "READY=1");
    };
    const auto before = readies();
    service.signal(SIGHUP);
    BOOST_REQUIRE(eventually([&] { return readies() > before; }));
    BOOST_TEST(service.manager().has_told("RELOADING=1"));
  }
};

BOOST_FIXTURE_TEST_SUITE(daemon_reload, DaemonReload)

BOOST_AUTO_TEST_CASE(a_broken_file_leaves_its_last_good_version_in_force) {
  Service service(*this, kQuiet);
  define("archive", "-- every: soon\n" + archiver(""));
  reload(service);
  BOOST_TEST(service.logs("a definition is broken"));
  archive_accounts("id = 1");
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
}

BOOST_AUTO_TEST_CASE(a_changed_file_acts_from_the_next_pass_on) {
  Service service(*this, kQuiet);
  archive_accounts("id = 1");
  BOOST_REQUIRE(converges());
  define("archive",
         "-- Another text.\n\n" + archiver("-- every: 1h\n-- listen: account_archived\n"));
  reload(service);
  archive_accounts("id = 2");
  BOOST_REQUIRE(converges());
  BOOST_TEST(service.stop().status == 0);
  BOOST_TEST(ask_journal("select count(distinct version) from inconsistency") == "2");
}

BOOST_AUTO_TEST_CASE(files_may_be_added_removed_and_renamed) {
  Service service(*this, kQuiet);
  std::filesystem::rename(convergers / "archive.sql", convergers / "renamed.sql");
  reload(service);
  archive_accounts("id = 1");
  BOOST_TEST(converges());
  BOOST_TEST(ask_journal("select distinct converger from inconsistency") == "renamed");

  std::filesystem::remove(convergers / "renamed.sql");
  reload(service);
  archive_accounts("id = 2");
  define("later", archiver("-- every: 1h\n"));
  BOOST_TEST(left_to_do() != "0");
  reload(service);
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
  BOOST_TEST(ask_journal("select distinct converger from inconsistency where subject = '2'") ==
             "later");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(a_configuration_that_cannot_be_read_changes_nothing) {
  Service service(*this, kQuiet);
  directory.write("daemon.toml", "[daemon]\nworker = 3\n");
  reload(service);
  BOOST_TEST(service.logs("what was in force stays in force"));
  archive_accounts("id = 1");
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
}

BOOST_AUTO_TEST_CASE(a_new_configuration_takes_effect_without_a_restart) {
  Service service(*this, kQuiet);
  archive_accounts("id = 1");
  BOOST_REQUIRE(converges());
  const auto socket = directory / "status.sock";
  directory.write("daemon.toml", "[daemon]\nstatus = \"unix:" + socket.string() + "\"\n");
  reload(service);
  BOOST_TEST(contains(call({"status"}).out, "at unix:" + socket.string()));
  archive_accounts("id = 2");
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
  require_agreement();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
