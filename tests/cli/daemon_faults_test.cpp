#include "tests/cli/daemon_fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace {

using namespace converge::tests;

struct DaemonFaults : Daemon {
  DaemonFaults() { add_accounts(4); }

  /// Makes one account wrong without a notification.
  void archive_silently(int id) const {
    sql("begin; alter table account disable trigger tell; update account set archived_at = now() "
        "where id = " +
        std::to_string(id) + "; alter table account enable trigger tell; commit");
  }
  /// The process id of a server's process that waits for a lock of converge's, or the empty text.
  std::string waiting() const {
    return sql(
        "select pid from pg_stat_activity where datname = current_database() and "
        "application_name = 'converge' and wait_event_type = 'Lock' limit 1");
  }
};

BOOST_FIXTURE_TEST_SUITE(daemon_faults, DaemonFaults)

BOOST_AUTO_TEST_CASE(a_restart_of_the_server_is_waited_for) {
  archive_accounts("id = 1");
  Service service(*this, kQuiet);
  BOOST_REQUIRE(converges());
  int id = 2;
  for (const auto mode : {PostgresCluster::StopMode::fast, PostgresCluster::StopMode::immediate}) {
    // Before the restart: the first pass after it finds this, and there is none after that one.
    archive_silently(id++);
    const auto ready = [&] { return contains(service.manager().told().back(), "STATUS=1 conv"); };
    BOOST_TEST(eventually(ready));
    cluster.stop(mode);
    BOOST_TEST(eventually([&] { return !ready(); }));
    BOOST_TEST(service.logs("nothing is converged until this is over"));
    cluster.start();
    BOOST_TEST_CONTEXT(service.log()) { BOOST_TEST(converges()); }
  }
  archive_accounts("id = 4");  // It listens again.
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
  const auto told = lines(service.log());
  BOOST_TEST(std::count_if(told.begin(), told.end(), [](const auto& line) {
               return contains(line, "it is over, converging again");
             }) == 2);
  require_agreement();
}

BOOST_AUTO_TEST_CASE(it_starts_without_a_server_and_converges_when_there_is_one) {
  archive_accounts();
  cluster.stop();
  Service service(*this, kQuiet);
  BOOST_TEST(service.manager().has_told("READY=1"));
  BOOST_TEST(service.logs("nothing is converged until this is over"));
  cluster.start();
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
}

BOOST_AUTO_TEST_CASE(a_standby_is_waited_for_until_it_is_promoted) {
  archive_accounts();
  cluster.stop();
  const auto signal = cluster.data_directory() / "standby.signal";
  std::ofstream(signal).close();
  struct stat owner {};
  BOOST_REQUIRE(::stat(cluster.data_directory().c_str(), &owner) == 0);
  BOOST_REQUIRE(::chown(signal.c_str(), owner.st_uid, owner.st_gid) == 0);
  cluster.start();
  Service service(*this, kQuiet);
  BOOST_TEST(service.logs("is a standby; waiting for a primary"));
  BOOST_TEST(left_to_do() != "0");
  sql("select pg_promote()");
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
  require_agreement();
}

BOOST_AUTO_TEST_CASE(a_wall_clock_that_is_set_changes_no_schedule_and_is_journaled) {
  define_archive("-- every: 100ms\n");
  const auto clock = directory.write("clock", "+0");
  Service service(*this, kQuiet,
                  {{"LD_PRELOAD", library("faketime/libfaketimeMT.so.1").string()},
                   {"FAKETIME_TIMESTAMP_FILE", clock.string()},
                   {"FAKETIME_NO_CACHE", "1"},
                   {"FAKETIME_DONT_FAKE_MONOTONIC", "1"}});
  int id = 1;
  for (const std::string offset : {"+3600", "-3600"}) {
    archive_silently(id++);
    BOOST_TEST(converges());
    // In one step: an empty file would be another time.
    std::filesystem::rename(directory.write("next", offset), clock);
    BOOST_TEST(service.logs(offset == "+3600" ? "stepped_ms=3" : "stepped_ms=-7"));
    archive_silently(id++);
    BOOST_TEST(converges());
  }
  BOOST_TEST(service.stop().status == 0);
  BOOST_TEST(ask_journal("select count(*) from entry where kind = 16") == "2");
  BOOST_TEST(call({"journal", "verify"}).status == 0);
}

BOOST_AUTO_TEST_CASE(any_of_its_sessions_may_be_terminated) {
  Service service(*this, kQuiet);
  archive_accounts("id = 1");
  BOOST_REQUIRE(converges());
  int id = 2;
  for (const std::string sessions : {"query like '%listen%'", "query like '%advisory%'", "true"}) {
    BOOST_TEST(terminate_sessions(sessions) > 0);
    archive_accounts("id = " + std::to_string(id++));
    BOOST_TEST_CONTEXT(sessions << service.log()) { BOOST_TEST(converges()); }
  }
  BOOST_TEST(service.stop().status == 0);
  require_agreement();
}

BOOST_AUTO_TEST_CASE(too_many_connections_are_waited_out) {
  sql("create role crowd login connection limit 0; grant all on all tables in schema public to "
      "crowd; grant all on all sequences in schema public to crowd");
  environment["CONVERGE_DATABASE"] = cluster.url(database, "crowd");
  archive_accounts();
  Service service(*this, kQuiet);
  BOOST_TEST(service.logs("too many connections"));
  sql("alter role crowd connection limit -1");
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
  sql("drop owned by crowd; drop role crowd");
}

BOOST_AUTO_TEST_CASE(a_locked_subject_stops_nobody_else) {
  Bystander bystander(*this, "select from cluster where account_id = 2 for update");
  archive_accounts();
  Service service(*this, std::string(kQuiet) + "[database]\nlock_timeout = \"100ms\"\n");
  BOOST_TEST(eventually([this] { return left_to_do() == "3"; }));
  bystander.end();
  service.stop();
  require_agreement();
}

BOOST_AUTO_TEST_CASE(a_full_disk_of_the_journal_stops_it_until_there_is_room) {
  Service service(*this, kQuiet);
  archive_accounts("id = 1");
  BOOST_REQUIRE(converges());
  // Its pass is over when the journal has it.
  BOOST_REQUIRE(eventually(
      [this] { return ask_journal("select count(*) from entry where kind = 6") == "1"; }));
  service.limit_file_size(std::filesystem::file_size(journal.string() + "-wal"));
  archive_accounts("id = 2");
  BOOST_TEST(service.logs("nothing is converged until this is over"));
  BOOST_TEST(left_to_do() != "0");
  service.limit_file_size(std::nullopt);
  BOOST_TEST(converges());
  BOOST_TEST(service.logs("it is over, converging again"));
  BOOST_TEST(service.stop().status == 0);
  require_agreement();
}

BOOST_AUTO_TEST_CASE(an_outcome_that_found_no_room_is_told_when_there_is_some) {
  guard_commits("new.account_id = 1");
  Bystander bystander(*this, kCommitLock);
  Service service(*this, kPatient);
  archive_accounts("id = 1");
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  service.limit_file_size(std::filesystem::file_size(journal.string() + "-wal"));
  bystander.end();
  BOOST_TEST(service.logs("nothing is converged until this is over"));
  service.limit_file_size(std::nullopt);
  BOOST_TEST(eventually([this] { return ask_journal("select count(*) from unsettled") == "0"; }));
  BOOST_TEST(service.stop().status == 0);
  require_agreement();
}

BOOST_AUTO_TEST_CASE(a_pass_that_does_not_come_back_ends_the_process) {
  define_archive("-- every: 1h\n-- pass_timeout: 1s\n");
  archive_accounts();
  Bystander bystander(*this, "select from cluster where account_id = 2 for update");
  Service service(*this, std::string(kQuiet) + "grace = \"100ms\"\n");
  // It waits only for so long as the timeouts let it, and may be over when it is stopped.
  pid_t stuck = 0;
  BOOST_REQUIRE(eventually([&] {
    const auto found = waiting();
    if (found.empty()) return !service.is_running();
    stuck = static_cast<pid_t>(std::stol(found));
    if (::kill(stuck, SIGSTOP) == 0 && waiting() == found) return true;
    ::kill(std::exchange(stuck, 0), SIGCONT);
    return false;
  }));
  const auto result = service.wait();
  if (stuck != 0) ::kill(stuck, SIGCONT);
  BOOST_TEST(result.status == 70);
  BOOST_TEST(contains(result.err, "a pass of archive did not come back"));
  bystander.end();
  BOOST_TEST(eventually([this] { return call({"run", "archive"}).status == 0; }));
  BOOST_TEST(left_to_do() == "0");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(killed_at_its_commit_it_goes_on_where_it_was) {
  guard_commits("new.account_id = 1");
  archive_accounts();
  Bystander bystander(*this, kCommitLock);
  {
    Service service(*this, kPatient);
    BOOST_REQUIRE(wait_for_advisory_lock(*this));
    service.signal(SIGKILL);
    service.wait();
  }
  bystander.end();
  Service service(*this, kPatient, {}, "second");
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
  require_agreement();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
