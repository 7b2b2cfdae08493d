#include "tests/cli/daemon_fixture.h"
#include "tests/cli/publish_fixture.h"
#include "tests/cli/update_fixture.h"
#include "tests/support/command_page.h"

#include <boost/algorithm/string/join.hpp>
#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <csignal>
#include <filesystem>

namespace {

using namespace converge::tests;

/// That commands have exited with exactly those statuses that the page tells of.
class Statuses {
 public:
  explicit Statuses(const std::string& page) : told_(read_command_page("man/" + page).statuses) {}
  ~Statuses() { BOOST_TEST(boost::join(seen_, " ") == boost::join(told_, " ")); }
  Statuses(const Statuses&) = delete;
  Statuses& operator=(const Statuses&) = delete;

  /// What the test that is named makes it exit with.
  void is_seen_by(const std::string& /*test*/, int status) {
    seen_.insert(fmt::format("{}", status));
  }
  void saw(const CommandResult& result) { seen_.insert(fmt::format("{}", result.status)); }

 private:
  CommandPage::Names told_;
  CommandPage::Names seen_;
};

struct PagesStatus : Cli {
  PagesStatus() {
    add_accounts(3);
    archive_accounts();
  }
  void refuse_account(int account) const {
    sql(
        fmt::format("alter table cluster add check (account_id <> {} or archived_at is null) "
                    "not valid",
                    account));
  }
};

BOOST_FIXTURE_TEST_SUITE(pages_status, PagesStatus)

BOOST_AUTO_TEST_CASE(of_run_and_plan) {
  Statuses run("converge-run.1");
  Statuses plan("converge-plan.1");
  define("archive", archiver(""));
  define("held", archiver("-- limit: 1\n"));
  plan.saw(call({"plan", "archive"}));
  plan.saw(call({"plan", "archive", "--exit-code"}));
  plan.saw(call({"plan", "held"}));
  plan.saw(call({"plan", "none"}));
  run.saw(call({"run", "held"}));
  run.saw(call({"run", "none"}));
  guard_commits("true");
  {
    Bystander commits(*this, kCommitLock);
    auto first = start({"run", "archive"});
    BOOST_REQUIRE(wait_for_advisory_lock(*this));
    run.saw(call({"run", "archive"}));
    plan.saw(call({"plan", "archive"}));
    commits.end();
    run.saw(first.wait());
  }
  dirty_again();
  run.saw(call({"run", "archive", "--exit-code"}));
  dirty_again();
  refuse_account(2);
  plan.saw(call({"plan", "archive"}));
  run.saw(call({"run", "archive"}));
}

BOOST_AUTO_TEST_CASE(of_check_list_and_status) {
  Statuses check("converge-check.1");
  Statuses list("converge-list.1");
  Statuses status("converge-status.1");
  define("archive", archiver(""));
  for (auto* page : {&check, &list, &status}) {
    const auto* command = page == &check ? "check" : page == &list ? "list" : "status";
    page->saw(call({command}));
    page->saw(call({command, "--wrong"}));
  }
  list.saw(call({"show", "none"}));
  define("broken", "-- find:\n");
  check.saw(call({"check"}));
  list.saw(call({"list"}));
  status.saw(call({"status"}));
}

BOOST_AUTO_TEST_CASE(of_pause_journal_and_why) {
  Statuses pause("converge-pause.1");
  Statuses history("converge-journal.1");
  Statuses why("converge-why.1");
  define("archive", archiver(""));
  history.saw(call({"journal"}));
  why.saw(call({"why", "1"}));
  why.saw(call({"stats"}));
  correct("archive", "true");
  for (const Words& words : {Words{"pause", "archive", "--reason", "x"}, Words{"resume", "archive"},
                             Words{"resume", "archive"}, Words{"release", "archive"},
                             Words{"retry", "archive", "1"}, Words{"retry", "none", "1"}}) {
    pause.saw(call(words));
  }
  why.saw(call({"why", "1"}));
  why.saw(call({"why", "nobody"}));
  history.saw(call({"journal", "verify"}));
  tamper("update entry set count = 4711 where seq = 2");
  history.saw(call({"journal", "verify"}));
}

BOOST_AUTO_TEST_CASE(of_new_and_test) {
  Statuses drafted("converge-new.1");
  Statuses test("converge-test.1");
  drafted.saw(call({"new", "archive", "--flag", "account.archived_at"}));
  drafted.saw(call({"new", "archive", "--flag", "account.archived_at"}));
  drafted.saw(call({"new", "other", "--flag", "account.archived_at", "--database", "host=/none"}));
  define("archive", archiver(""));
  directory.write("convergers/archive.test.sql", "-- expect: subject 1, step nothing, 1 change\n");
  test.saw(call({"test", "archive"}));
  sql("delete from api_key; delete from cluster; delete from account");
  directory.write("convergers/archive.test.sql",
                  "-- expect: subject 1, step archive clusters, "
                  "1 change\n");
  test.saw(call({"test", "archive"}));
  directory.write("convergers/archive.test.sql", "-- expect: nothing\n");
  test.saw(call({"test", "archive"}));
}

BOOST_AUTO_TEST_CASE(of_doctor_completion_and_help) {
  Statuses doctor("converge-doctor.1");
  Statuses completion("converge-completion.1");
  Statuses help("converge-help.1");
  define("archive", archiver(""));
  doctor.saw(call({"doctor"}));
  doctor.saw(call({"doctor", "--wrong"}));
  doctor.saw(call({"doctor", "--database", "host=/none"}));
  completion.saw(call({"completion", "bash"}));
  completion.saw(call({"completion", "tcsh"}));
  help.saw(call({"help", "run"}));
  help.saw(call({"help", "no", "topic"}));
}

BOOST_AUTO_TEST_CASE(of_install_and_uninstall) {
  Statuses install("converge-install.1");
  const auto call_below = [&](const std::string& command, const std::filesystem::path& place) {
    const auto etc = (place / "etc").string();
    Words words = {command, "--prefix", place.string()};
    if (command == "install") words.insert(words.end(), {"--sysconfdir", etc});
    return call(words);
  };
  install.saw(call_below("uninstall", directory / "nothing"));
  install.saw(call_below("install", directory / "usr"));
  install.saw(call_below("install", directory.write("file", "") / "usr"));
}

BOOST_FIXTURE_TEST_CASE(of_the_daemon, Daemon) {
  Statuses daemon("converged.8");
  add_accounts(1);
  archive_accounts();
  guard_commits("true");
  define_archive("-- every: 1h\n");
  daemon.saw(call({"daemon", "--wrong"}));
  {
    Bystander commits(*this, kCommitLock);
    Service service(*this, kPatient);
    BOOST_REQUIRE(wait_for_advisory_lock(*this));
    service.signal(SIGTERM);
    BOOST_REQUIRE(eventually([&] { return service.manager().has_told("STOPPING=1"); }));
    service.signal(SIGTERM);
    daemon.saw(service.wait());
  }
  Service service(*this, kQuiet);
  daemon.saw(service.stop());
  daemon.is_seen_by("daemon_faults/a_pass_that_does_not_come_back_ends_the_process", 70);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(pages_status_of_releases)

BOOST_AUTO_TEST_CASE(of_update) {
  Statuses update("converge-update.1");
  UpdatedHost host;
  update.saw(host.update({"--status"}));
  update.saw(host.update({"--channel", "No Channel"}));
  update.saw(host.update({"--check"}));  // Nothing is served yet.
  host.release(102);
  update.saw(host.update({"--check", "--exit-code"}));
  update.saw(
      run_command({"flock", host.directory / "bin" / ".converge.lock", host.binary, "update"},
                  {.environment = host.environment}));
}

BOOST_FIXTURE_TEST_CASE(of_publish, Publishing) {
  Statuses publish("converge-publish.1");
  publish.saw(call(signed_with_key(of_build(102))));
  publish.saw(call(signed_with_key(of_build(101))));
  publish.saw(call({}));
  const auto binary = std::filesystem::path(std::getenv("CONVERGE_BINARY")).string();
  Words locked = {"flock", place, binary, "publish"};
  const auto words = signed_with_key(of_build(102, "canary"));
  locked.insert(locked.end(), words.begin(), words.end());
  publish.saw(run_command(locked, {.environment = environment}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
