#include "tests/cli/daemon_fixture.h"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <memory>
#include <string>

namespace {

using namespace converge::tests;

/// Two hosts that share nothing but the database: each has a journal of its own.
struct DaemonHosts : Daemon {
  DaemonHosts() { add_accounts(40); }

  Environment journal_of(const std::string& host) const {
    return {{"CONVERGE_JOURNAL", (directory / host / "journal.db").string()}};
  }
  /// And with one more converger, which sees to account 4 alone.
  Environment with_other(const std::string& host) const {
    const std::filesystem::path own = std::filesystem::path(host) / "convergers";
    std::string other = archiver("-- every: 1h\n-- listen: account_archived\n");
    other.insert(other.find(" order by id;"), " and id = 4");
    directory.write(own / "other.sql", other);
    directory.write(own / "archive.sql", read_text(convergers / "archive.sql"));
    auto changed = journal_of(host);
    changed["CONVERGE_CONVERGERS"] = (directory / own.string()).string();
    return changed;
  }
  /// Account 1 was the first host's, which died; account 2 is the second one's.
  std::unique_ptr<Service> taken_over() {
    Service first(*this, kQuiet, journal_of("first"), "first");
    archive_accounts("id = 1");
    BOOST_REQUIRE(converges());
    first.signal(SIGKILL);
    first.wait();
    auto second = std::make_unique<Service>(*this, kQuiet, journal_of("second"), "second");
    archive_accounts("id = 2");
    BOOST_REQUIRE(converges());
    return second;
  }
  /// What a person there does.
  CommandResult call_on(const std::string& host, const Words& arguments) {
    environment["CONVERGE_JOURNAL"] = journal_of(host)["CONVERGE_JOURNAL"];
    return call(arguments);
  }
  /// Waits until a person's pass on that host is refused the converger's lock, or is not any more.
  bool eventually_runs(const std::string& host, int status) {
    return eventually([&] { return call_on(host, {"run", "archive"}).status == status; });
  }
  /// By what its journal knows to be committed, which is a moment after the database.
  int corrected_by(const std::string& host) const {
    const auto file = directory / host / "journal.db";
    if (!std::filesystem::exists(file)) return 0;
    const auto result =
        run_command({"sqlite3", "-readonly", file.string(),
                     "select count(*) from inconsistency where outcome = 'committed'"});
    return std::stoi(result.out);
  }
  std::string socket() const { return (directory / "status.sock").string(); }
  /// What the status server at that socket answers.
  std::string ask(const std::string& path) const {
    return run_command({"curl", "-s", "--unix-socket", socket(), "http://localhost" + path}).out;
  }
  /// The locks of owners of converge's that are held.
  std::string owners() const {
    return sql(
        "select count(*) from pg_locks l join pg_stat_activity a using (pid) where "
        "l.locktype = 'advisory' and l.mode = 'ExclusiveLock' and l.granted and "
        "a.datname = current_database() group by a.pid order by 1");
  }
};

BOOST_FIXTURE_TEST_SUITE(daemon_hosts, DaemonHosts)

BOOST_AUTO_TEST_CASE(one_host_converges_and_the_other_takes_over_when_it_dies) {
  Service first(*this, kQuiet, journal_of("first"), "first");
  archive_accounts("id = 1");
  BOOST_REQUIRE(converges());
  Service second(*this, std::string("workers = 1\n") + kQuiet, with_other("second"), "second");
  first.signal(SIGSTOP);
  archive_accounts("id in (2, 4)");
  // With one worker, the other's pass would come after one that is the first host's.
  BOOST_TEST(eventually([this] { return left_to_do() == "3"; }));
  first.signal(SIGCONT);
  BOOST_REQUIRE(converges());
  BOOST_TEST(eventually([this] { return corrected_by("first") == 2; }));
  BOOST_TEST(eventually([this] { return corrected_by("second") == 1; }));

  first.signal(SIGKILL);
  first.wait();
  archive_accounts("id = 3");
  BOOST_TEST(converges());
  BOOST_TEST(eventually([this] { return corrected_by("second") == 2; }));
  BOOST_TEST(second.stop().status == 0);
}

BOOST_AUTO_TEST_CASE(host_that_stands_by_needs_nobody) {
  define_archive("-- every: 1s\n");
  const auto second = taken_over();
  // As long ago as it takes to be silent, and a failure, which is not told any more either.
  const auto file = (directory / "first" / "journal.db").string();
  const auto aged = run_command(
      {"sqlite3", file, "update last_pass set time_us = time_us - 3600000000, outcome = 'failed'"});
  BOOST_REQUIRE(aged.status == 0);
  Service again(*this, "status = \"unix:" + socket() + "\"\n", journal_of("first"), "first");
  const auto status = [&] { return call({"status", "--journal", file}); };
  CommandResult told;
  BOOST_TEST(eventually([&] {
    told = status();
    return told.status == 0;
  }));
  BOOST_TEST(contains(told.out, "on another host"));
  BOOST_TEST(ask("/readyz") == "ready\n");
  BOOST_TEST(contains(ask("/metrics"), "converge_silent{converger=\"archive\"} 0"));
  BOOST_TEST(again.stop().status == 0);
  BOOST_TEST(second->stop().status == 0);
}

BOOST_AUTO_TEST_CASE(cron_and_people_work_beside_it_and_nothing_is_done_twice) {
  define_archive("-- every: 100ms\n-- chunk: 5\n");
  Service first(*this, kQuiet, journal_of("first"), "first");
  Service second(*this, kQuiet, journal_of("second"), "second");
  for (int round = 0; round < 10; ++round) {
    archive_accounts("id % 10 = " + std::to_string(round));
    const auto run = call({"run", "archive"});
    BOOST_TEST((run.status == 0 || run.status == 75));
  }
  BOOST_TEST(converges());
  BOOST_TEST(first.stop().status == 0);
  BOOST_TEST(second.stop().status == 0);
  const int by_hand =
      has_journal() ? std::stoi(ask_journal("select count(*) from inconsistency")) : 0;
  BOOST_TEST(corrected_by("first") + corrected_by("second") + by_hand == 40);
  BOOST_TEST(audited_rows() == "120");
}

BOOST_AUTO_TEST_CASE(shards_spread_over_the_hosts_that_are_there) {
  define_archive("-- every: 1h\n-- listen: account_archived\n-- shards: 4\n");
  Service first(*this, kQuiet, journal_of("first"), "first");
  BOOST_TEST(eventually([this] { return owners() == "4"; }));
  Service second(*this, kQuiet, journal_of("second"), "second");
  BOOST_TEST(eventually([this] { return owners() == "2\n2"; }));
  archive_accounts();
  BOOST_TEST(converges());
  BOOST_TEST(eventually([this] { return corrected_by("first") + corrected_by("second") == 40; }));
  BOOST_TEST(corrected_by("first") > 0);
  BOOST_TEST(corrected_by("second") > 0);

  second.signal(SIGKILL);
  second.wait();
  BOOST_TEST(eventually([this] { return owners() == "4"; }));
  sql("update cluster set archived_at = null where account_id <= 20");
  sql("notify account_archived");
  BOOST_TEST(converges());
  BOOST_TEST(first.stop().status == 0);
}

BOOST_AUTO_TEST_CASE(a_pause_holds_on_all_hosts_whoever_owns_the_converger) {
  const auto second = taken_over();
  BOOST_TEST(eventually([this] { return corrected_by("second") == 1; }));
  BOOST_REQUIRE(eventually_runs("second", 0));  // The daemon's pass is over.

  BOOST_TEST(call_on("first", {"pause", "archive", "--reason", "a migration"}).status == 0);
  Service again(*this, kQuiet, journal_of("first"), "again");
  BOOST_TEST(eventually_runs("second", 75));
  archive_accounts("id = 3");
  BOOST_TEST(call_on("second", {"run", "archive"}).status == 75);
  BOOST_TEST(left_to_do() == "3");
  BOOST_TEST(call_on("first", {"resume", "archive"}).status == 0);
  BOOST_TEST(converges());
  BOOST_TEST(eventually([this] { return corrected_by("second") == 2; }));

  BOOST_TEST(call_on("first", {"pause", "--all", "--reason", "a backup"}).status == 0);
  BOOST_TEST(eventually_runs("second", 75));
  BOOST_TEST(again.stop().status == 0);
  BOOST_TEST(eventually_runs("second", 0));
}

BOOST_AUTO_TEST_CASE(a_pause_holds_for_the_shards_of_other_hosts_too) {
  define_archive("-- every: 1h\n-- listen: account_archived\n-- shards: 4\n");
  Service first(*this, kQuiet, journal_of("first"), "first");
  Service second(*this, kQuiet, journal_of("second"), "second");
  // Their first passes, and those that come with a change of owners, refuse others as well.
  BOOST_REQUIRE(eventually([this] { return owners() == "2\n2"; }));
  BOOST_REQUIRE(eventually_runs("second", 0));
  BOOST_TEST(call_on("first", {"pause", "archive", "--reason", "a migration"}).status == 0);
  BOOST_TEST(eventually_runs("second", 75));
  archive_accounts();
  BOOST_TEST(call_on("second", {"run", "archive"}).status == 75);
  BOOST_TEST(left_to_do() == "120");
  BOOST_TEST(call_on("first", {"resume", "archive"}).status == 0);
  BOOST_TEST(converges());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
