#include "tests/cli/daemon_fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>

namespace {

using namespace converge::tests;

struct DaemonReload : Daemon {
  DaemonReload() { add_accounts(4); }

  std::string socket() const { return (directory / "status.sock").string(); }
  std::string served() const { return "status = \"unix:" + socket() + "\"\n"; }
  CommandResult status() const { return call({"status"}); }
  /// What the status server answers.
  std::string ask(const std::string& path) const {
    return run_command({"curl", "-s", "--unix-socket", socket(), "http://localhost" + path}).out;
  }
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

BOOST_AUTO_TEST_CASE(a_file_that_broke_hides_nothing_of_the_version_that_runs) {
  Service service(*this, served());
  archive_accounts("id = 1");
  BOOST_REQUIRE(converges());
  BOOST_REQUIRE(call({"pause", "archive", "--reason", "billing moves"}).status == 0);
  define("archive", "-- every: soon\n" + archiver(""));
  reload(service);
  CommandResult told;
  BOOST_TEST(eventually([&] {
    told = status();
    return contains(told.out, "archive  paused  ");
  }));
  BOOST_TEST(told.status == 1);
  BOOST_TEST(contains(told.out,
                      "archive: its file is broken, and its last good version stays "
                      "in force: "));
  BOOST_TEST(contains(told.out, "Look with `converge check archive`."));
  BOOST_TEST(eventually([this] { return contains(call({"list"}).out, "  paused  "); }));
  BOOST_TEST(contains(ask("/metrics"), "converge_paused{converger=\"archive\"} 1"));
  BOOST_TEST(contains(ask("/metrics"), "converge_broken{converger=\"archive\"} 1"));
  BOOST_TEST(contains(ask("/"), "converge check archive"));
  BOOST_TEST(eventually([this] { return contains(ask("/api/v1/status"), "\"last_pass\":"); }));
  BOOST_TEST(service.stop().status == 0);
}

BOOST_AUTO_TEST_CASE(status_tells_how_the_files_differ_from_what_runs) {
  Service service(*this, served());
  BOOST_REQUIRE(eventually([this] { return status().status == 0; }));
  // Each of them asks the daemon, whose answer is not waited for long.
  const auto tells = [this](const std::string& text) {
    return eventually([&] {
      const auto result = status();
      const auto json = call({"status", "-o", "json"}).out;
      return result.status == 1 && contains(result.out, text + " `systemctl reload converged`.") &&
             contains(call({"list"}).err, text) && contains(json, "\"needs_person\":true");
    });
  };
  define("archive", "-- Another text.\n\n" + archiver("-- listen: account_archived\n"));
  BOOST_TEST(tells("archive: its file has changed since the daemon read it. Let it read again:"));
  std::filesystem::rename(convergers / "archive.sql", convergers / "other.sql");
  BOOST_TEST(tells("archive: its file is gone, and the daemon still runs it. Let it read again:"));
  BOOST_TEST(tells("other: the daemon has not read its file. Let it read again:"));
  BOOST_TEST(contains(call({"list"}).out, "archive  "));
  const auto pause = call({"pause", "archive", "--reason", "it is gone"});
  BOOST_TEST(pause.status == 0);
  BOOST_TEST(eventually([this] { return contains(status().out, "archive  paused  "); }));
  BOOST_TEST(call({"resume", "archive"}).status == 0);
  BOOST_TEST(call({"pause", "archiv", "--reason", "x"}).status == 2);
  reload(service);
  BOOST_TEST(eventually([this] { return status().status == 0; }));
  BOOST_TEST(!contains(call({"list"}).out, "archive "));
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

BOOST_AUTO_TEST_CASE(what_was_told_before_a_new_channel_was_listened_to_is_found) {
  define_archive("-- every: 1h\n-- listen: another\n");
  archive_accounts("id = 1");
  Service service(*this, kQuiet);
  BOOST_REQUIRE(converges());
  const auto listener = static_cast<pid_t>(
      std::stol(sql("select pid from pg_stat_activity where datname = current_database() and "
                    "query like 'listen%'")));
  BOOST_REQUIRE(::kill(listener, SIGSTOP) == 0);
  archive_accounts("id = 2");
  define_archive("-- every: 1h\n-- listen: account_archived\n");
  reload(service);
  BOOST_REQUIRE(converges());  // A changed definition is due at once.
  archive_accounts("id = 3");
  BOOST_REQUIRE(::kill(listener, SIGCONT) == 0);
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
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

BOOST_AUTO_TEST_CASE(a_database_url_that_cannot_be_read_changes_nothing) {
  environment["CONVERGE_DATABASE"] = std::nullopt;
  const std::string database_table = std::string(kQuiet) + "[database]\nurl = ";
  Service service(*this, database_table + '"' + url + "\"\n");
  archive_accounts("id = 1");
  BOOST_REQUIRE(converges());
  const std::string unreadable = database_table + "\"postgresql://x@[bad/p\"\n";
  directory.write("daemon.toml", "[daemon]\n" + unreadable);
  reload(service);
  BOOST_TEST(service.logs("what was in force stays in force"));
  BOOST_TEST(contains(service.log(), "cannot read the database URL"));
  archive_accounts("id = 2");
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);

  Service second(*this, unreadable, {}, "second");
  BOOST_REQUIRE(!second.manager().has_told("READY=1"));
  const auto result = second.wait();
  BOOST_TEST(result.status == 2);
  BOOST_TEST(contains(result.err, "cannot read the database URL"));
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
