#include "tests/cli/daemon_fixture.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <csignal>

namespace {

using namespace converge::tests;

BOOST_FIXTURE_TEST_SUITE(daemon, Daemon)

BOOST_AUTO_TEST_CASE(converges_what_is_wrong_when_it_starts_and_stops_cleanly) {
  add_accounts(3);
  archive_accounts();
  Service service(*this, kQuiet);
  BOOST_TEST(converges());
  const auto result = service.stop();
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.out == "");
  BOOST_TEST(service.manager().has_told("STOPPING=1"));
  BOOST_TEST_CONTEXT(result.err) {
    BOOST_TEST(contains(result.err, "level=info msg=\"converged\" converger=archive"));
    BOOST_TEST(contains(result.err, "msg=\"stopped\""));
  }
  BOOST_TEST(ask_journal("select distinct actor from inconsistency") == "daemon");
  BOOST_TEST(ask_journal("select count(*) from service") == "0");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(a_flag_wakes_it_and_narrows_the_pass_to_its_subject) {
  add_accounts(3);
  archive_accounts("id = 1");  // For its first pass, which is over all.
  Service service(*this, kQuiet);
  BOOST_REQUIRE(converges());
  archive_accounts("id = 2");
  BOOST_TEST(converges());
  archive_accounts("id = 3");
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
  BOOST_TEST(ask_journal("select count(*) from entry where kind = 6 and detail ->> '$.narrowed'") ==
             "2");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(idle_passes_leave_neither_entries_nor_lines) {
  define_archive("-- every: 50ms\n");
  Service service(*this, kQuiet);
  const auto passes = [this] { return call({"list", "-o", "json"}).out; };
  const std::string before = passes();
  BOOST_TEST(eventually([&] { return passes() != before; }));
  const auto result = service.stop();
  BOOST_TEST(result.status == 0);
  BOOST_TEST(!contains(result.err, "converger=archive "));
  BOOST_TEST(ask_journal("select count(*) from entry") == "0");
}

BOOST_AUTO_TEST_CASE(a_payload_that_is_no_key_wakes_it_for_all) {
  add_accounts(3);
  sql("drop trigger tell on account");
  archive_accounts("id = 1");  // For its first pass, which is over all in any case.
  Service service(*this, kQuiet);
  BOOST_REQUIRE(converges());
  archive_accounts("id = 2");
  sql("notify account_archived, 'somebody''s account'");
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
}

BOOST_AUTO_TEST_CASE(what_has_to_settle_is_corrected_as_soon_as_it_has) {
  add_accounts(1);
  define_archive("-- every: 1h\n-- settle: 200ms\n");
  archive_accounts();
  Service service(*this, kQuiet);
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
  require_agreement();
}

BOOST_AUTO_TEST_CASE(a_key_that_is_not_found_costs_no_look_at_all_others) {
  define_archive("-- every: never\n-- listen: account_archived\n");
  add_accounts(5);
  Service service(*this, kQuiet);
  for (const std::string id : {"1", "2"}) {  // The first pass may be over all, the second is not.
    archive_accounts("id = " + id);
    BOOST_REQUIRE(converges());
  }
  sql("alter table account disable trigger tell");
  archive_accounts("id = 3");
  sql("notify account_archived, '5'");  // Which is not archived.
  sql("alter table account enable trigger tell");
  const auto left = left_to_do();
  for (const std::string id : {"4", "5"}) {
    archive_accounts("id = " + id);
    BOOST_TEST(eventually([&] { return left_to_do() == left; }));
  }
  BOOST_TEST(service.stop().status == 0);
  BOOST_TEST(left_to_do() == left);
  require_agreement();
}

BOOST_AUTO_TEST_CASE(a_notification_during_a_pass_is_answered_by_one_more) {
  add_accounts(2);
  guard_commits("new.account_id = 1");
  Service service(*this, kPatient);
  Bystander bystander(*this, kCommitLock);
  archive_accounts("id = 1");
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  archive_accounts("id = 2");
  bystander.end();
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
  BOOST_TEST(ask_journal("select count(distinct pass) from inconsistency") == "2");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(a_burst_of_100000_notifications_is_digested) {
  add_accounts(5);
  Service service(*this, kQuiet);
  sql("select count(pg_notify('account_archived', n::text)) from generate_series(1, 100000) n");
  archive_accounts();
  BOOST_TEST(converges());
  const auto result = service.stop();
  BOOST_TEST_CONTEXT(result.err) { BOOST_TEST(result.signal == 0); }
  require_agreement();
}

BOOST_AUTO_TEST_CASE(sigterm_lets_the_chunk_in_flight_end) {
  add_accounts(30);
  define_archive("-- every: 1h\n-- chunk: 5\n-- timeout: 60s\n");
  guard_commits("true");
  archive_accounts();
  Bystander bystander(*this, kCommitLock);
  Service service(*this, kPatient);
  BOOST_REQUIRE(wait_for_advisory_lock(*this, 2));
  service.signal(SIGTERM);
  BOOST_TEST(eventually([&] { return service.manager().has_told("STOPPING=1"); }));
  BOOST_TEST(service.is_running());
  bystander.end();
  BOOST_TEST(service.wait().status == 0);
  BOOST_TEST(audited_rows() == "30");  // Of two chunks: one was at its COMMIT, one beside it.
  require_agreement();
}

BOOST_AUTO_TEST_CASE(a_second_sigterm_abandons_and_recovery_settles) {
  add_accounts(3);
  guard_commits("new.account_id = 1");
  archive_accounts();
  Bystander bystander(*this, kCommitLock);
  Service service(*this, kPatient);
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  service.signal(SIGTERM);
  BOOST_TEST(eventually([&] { return service.manager().has_told("STOPPING=1"); }));
  service.signal(SIGTERM);
  const auto result = service.wait();
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, "abandoning passes"));
  bystander.end();
  // The server may need a moment to see that the locks' holder is gone.
  BOOST_TEST(eventually([this] { return call({"run", "archive"}).status == 0; }));
  BOOST_TEST(left_to_do() == "0");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(status_asks_it_over_its_socket_and_knows_when_it_is_gone) {
  const auto socket = directory / "status.sock";
  Service service(*this, "status = \"unix:" + socket.string() + "\"\n");
  const auto status = [this] { return call({"status"}); };
  BOOST_TEST(eventually([&] { return contains(status().out, "; connected to database "); }));
  BOOST_TEST(contains(status().out, "at unix:" + socket.string()));
  const auto ready = [&] {
    return run_command({"curl", "-s", "--unix-socket", socket.string(), "http://localhost/readyz"});
  };
  BOOST_TEST(eventually([&] { return ready().out == "ready\n"; }));
  cluster.stop();
  BOOST_TEST(eventually([&] { return contains(ready().out, "not connected"); }));
  BOOST_TEST(status().status == 1);
  BOOST_TEST(!contains(status().out, "; connected to database "));
  cluster.start();
  BOOST_TEST(eventually([&] { return ready().out == "ready\n"; }));
  BOOST_TEST(service.stop().status == 0);
  BOOST_TEST(contains(status().out, "the daemon does not run here"));
}

BOOST_AUTO_TEST_CASE(what_is_for_people_alone_is_left_to_them) {
  add_accounts(2);
  define("by_hand", archiver("-- every: never\n"));
  define("archive",
         "-- listen: account_archived\n-- find:\nselect id from account where archived_at "
         "is not null;\n-- step: rename\nupdate account set name = 'gone' from subject "
         "where account.id = subject.id and name <> 'gone' returning subject.id");
  archive_accounts("id = 1");
  Service service(*this, kQuiet);
  const auto renamed = [this] { return sql("select count(*) from account where name = 'gone'"); };
  BOOST_TEST(eventually([&] { return renamed() == "1"; }));
  archive_accounts("id = 2");
  BOOST_TEST(eventually([&] { return renamed() == "2"; }));
  BOOST_TEST(service.stop().status == 0);
  BOOST_TEST(ask_journal("select group_concat(distinct definition) from entry join definition d on "
                         "d.id = definition where d.name = 'by_hand'") == "");
  BOOST_TEST(left_to_do() == "6");
}

BOOST_AUTO_TEST_CASE(its_metrics_tell_what_it_did) {
  add_accounts(1);
  archive_accounts();
  const auto socket = directory / "status.sock";
  Service service(*this, "status = \"unix:" + socket.string() + "\"\n");
  BOOST_REQUIRE(converges());
  std::string text;
  // The pass is counted after its COMMIT, and the journal's writes as they are done.
  const bool all_told = eventually([&] {
    text = run_command({"curl", "-s", "--unix-socket", socket.string(), "http://localhost/metrics"})
               .out;
    return contains(text,
                    "converge_passes_total{converger=\"archive\",outcome=\"converged\"} 1\n") &&
           contains(text, "converge_changes_total{converger=\"archive\"} 3\n") &&
           contains(text, "converge_journal_append_seconds_count ") &&
           !contains(text, "converge_journal_append_seconds_count 0\n");
  });
  BOOST_TEST(all_told, text);
  const auto metrics = directory.write("metrics", text);
  const auto checked =
      run_command({"sh", "-c", "promtool check metrics <\"$0\"", metrics.string()});
  BOOST_TEST(checked.status == 0, checked.out + checked.err);
  BOOST_TEST(service.stop().status == 0);
}

BOOST_AUTO_TEST_CASE(a_killed_daemon_needs_a_person_even_where_no_pass_is_due) {
  define_archive("-- every: never\n-- listen: account_archived\n");
  add_accounts(1);
  Service service(*this, kQuiet);
  archive_accounts();
  BOOST_REQUIRE(converges());
  BOOST_TEST(eventually([this] { return call({"status"}).status == 0; }));
  service.signal(SIGKILL);
  service.wait();
  const auto status = call({"status"});
  BOOST_TEST(status.status == 1);
  BOOST_TEST(contains(status.out, "the daemon needs a person\n"));
  BOOST_TEST(contains(call({"list"}).out, "archive  listens on account_archived  "));
  Service again(*this, kQuiet);
  BOOST_TEST(again.stop().status == 0);
  BOOST_TEST(call({"status"}).status == 0);
}

BOOST_AUTO_TEST_CASE(a_journal_that_was_lost_names_the_daemon_again) {
  const auto socket = directory / "status.sock";
  Service service(*this, "status = \"unix:" + socket.string() + "\"\n");
  add_accounts(2);
  archive_accounts("id = 1");
  BOOST_REQUIRE(converges());
  const auto told = [&] {
    return run_command({"curl", "-s", "--unix-socket", socket.string(), "http://localhost/metrics"})
        .out;
  };
  const auto bytes = [this] {
    return std::filesystem::file_size(journal) +
           std::filesystem::file_size(journal.string() + "-wal");
  };
  BOOST_TEST(eventually([&] {
    const auto size = fmt::format("\nconverge_journal_bytes {}\n", bytes());
    return contains(told(), size);
  }));
  for (const char* part : {"", "-wal", "-shm"}) {
    std::filesystem::remove(journal.string() + part);
  }
  archive_accounts("id = 2");
  BOOST_REQUIRE(converges());
  BOOST_TEST(service.logs("was gone and a new one was begun"));
  BOOST_TEST(eventually([this] { return contains(call({"status"}).out, "; connected to "); }));
  Service second(*this, kQuiet, {}, "second");
  BOOST_TEST(second.wait().status == 2);
  BOOST_TEST(service.stop().status == 0);
}

BOOST_AUTO_TEST_CASE(a_second_daemon_on_the_same_journal_is_refused) {
  Service service(*this, kQuiet);
  Service second(*this, kQuiet, {}, "second");
  const auto result = second.wait();
  BOOST_TEST(result.status == 2);
  BOOST_TEST(contains(result.err, "a daemon already runs with the journal"));
  BOOST_TEST(service.stop().status == 0);
}

BOOST_AUTO_TEST_CASE(without_definitions_it_does_not_start) {
  environment["CONVERGE_CONVERGERS"] = (directory / "nowhere").string();
  Service service(*this, kQuiet);
  const auto result = service.wait();
  BOOST_TEST(result.status == 2);
  BOOST_TEST(contains(result.err, "cannot read the directory of convergers"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
