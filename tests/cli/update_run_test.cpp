#include "tests/cli/update_fixture.h"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <optional>
#include <sys/stat.h>

namespace {

using namespace converge::tests;
using Texts = std::vector<std::string>;

/// A host with a database and a converger, where no daemon runs.
struct RunningHost : Cli {
  RunningHost() {
    environment = host.environment;
    environment["CONVERGE_DATABASE"] = url;
    environment["CONVERGE_CONVERGERS"] = convergers.string();
    environment["CONVERGE_JOURNAL"] = host.journal.string();
    host.environment = environment;
    binary = host.binary.string();
    define("archive_account", archiver(""));
    define("other", archiver(""));
  }
  CommandResult run(const Words& more = {}) const {
    Words words = {"run", "archive_account", "other"};
    words.insert(words.end(), more.begin(), more.end());
    return call(words);
  }
  void fail_all() const {
    define("archive_account",
           "-- find:\nselect id from no_such_table\n-- step: one\nupdate account"
           " set email = email from subject where false returning subject.id\n");
    define("other",
           "-- find:\nselect id from no_such_table\n-- step: one\nupdate account"
           " set email = email from subject where false returning subject.id\n");
  }

  UpdatedHost host;
};

BOOST_FIXTURE_TEST_SUITE(update_run, RunningHost)

BOOST_AUTO_TEST_CASE(first_run_whose_passes_do_not_fail_commits_the_trial) {
  host.release(102);
  host.updated();
  BOOST_TEST(host.status("trial") != "(none)");
  BOOST_TEST(run().status == 0);
  BOOST_TEST(host.status("trial") == "(none)");
  BOOST_TEST((host.history() == Texts{"available 102", "installed 102", "committed 102"}));
  // Nothing lower is installed from now on.
  BOOST_TEST(host.journal_value("select build from update_seen where channel = 'stable'") == "102");
}

BOOST_AUTO_TEST_CASE(build_of_another_channel_raises_no_floor_of_this_one) {
  host.release(101);
  auto canary = host.manifest_of(102, UpdatedHost::program(102));
  canary.channel = "canary";
  host.server.serve("channels/canary", host.signer.sign(converge::updater::manifest_text(canary)));
  BOOST_TEST(contains(host.updated({"--channel", "canary"}), "build 102 (channel canary"));
  BOOST_TEST(run().status == 0);
  BOOST_TEST(host.status("trial") == "(none)");
  BOOST_TEST(host.journal_value("select build from update_seen where channel = 'canary'") == "102");
  BOOST_TEST(host.journal_value(
                 "select coalesce(max(build), 0) from update_seen where channel = 'stable'") ==
             "0");
  BOOST_TEST(
      contains(host.updated(), "build 102 is newer, and channel stable offers no newer one"));
  // Nor does it keep who went back from what the channel offers.
  BOOST_TEST(host.update({"--rollback"}).status == 0);
  BOOST_TEST(contains(host.updated(), "build 101 is the newest of channel stable"));
}

BOOST_AUTO_TEST_CASE(what_was_installed_with_the_binary_follows_a_build_that_has_proven_itself) {
  const auto root = host.directory.path().string();
  const auto page = host.directory / "share" / "man" / "man1" / "converge-update.1";
  const auto record = host.directory / "share" / "converge" / "installed";
  const auto installed = host.call({"install", "--prefix", root, "--sysconfdir", root + "/etc"});
  BOOST_TEST_REQUIRE(installed.status == 0, installed.err);
  // As if build 101 had another page.
  const auto text = read_text(page);
  write_text(page, "of 101\n");
  const auto digest = run_command({"sha256sum", page.string()}).out.substr(0, 64);
  auto lines = read_text(record);
  lines.replace(lines.find("  " + page.string()) - digest.size(), digest.size(), digest);
  write_text(record, lines);
  host.release(102);
  host.updated();
  BOOST_TEST(read_text(page) == "of 101\n");
  BOOST_TEST(run().status == 0);
  BOOST_TEST(read_text(page) == text);
  BOOST_TEST(contains(read_text(record), "# build 102\n"));
  // A person goes back: the files do at the next occasion.
  BOOST_TEST(host.update({"--rollback"}).status == 0);
  host.updated();
  BOOST_TEST(host.installed() == 101);
  BOOST_TEST(contains(read_text(record), "# build 101\n"));
}

BOOST_AUTO_TEST_CASE(run_whose_passes_all_fail_where_they_had_not_puts_the_one_before_back) {
  BOOST_TEST(run().status == 0);
  host.release(102);
  host.updated();
  fail_all();
  const auto result = run();
  BOOST_TEST(result.status == 1);
  BOOST_TEST(
      contains(result.err, "build 102 was on trial and all passes failed: build 101 is put back"),
      result.err);
  BOOST_TEST(host.installed() == 101);
  BOOST_TEST(contains(host.status("quarantined"), "all 2 passes of a run failed"));
  // Once: the build before fails as well, and there is nothing more to go back to.
  BOOST_TEST(run().status == 1);
  BOOST_TEST(host.installed() == 101);
  BOOST_TEST((host.history() ==
              Texts{"available 102", "installed 102", "quarantined 102", "rolled_back 101"}));
  host.require_whole_journal();
}

BOOST_AUTO_TEST_CASE(passes_that_failed_before_as_well_say_nothing_about_the_build) {
  fail_all();
  BOOST_TEST(run().status == 1);
  host.release(102);
  host.updated();
  BOOST_TEST(run().status == 1);
  BOOST_TEST(host.installed() == 102);
  BOOST_TEST(host.status("trial") != "(none)");
}

BOOST_AUTO_TEST_CASE(a_lock_that_was_not_to_be_had_is_not_held_against_the_build) {
  add_accounts(1);
  archive_accounts();
  BOOST_TEST(run().status == 0);
  host.release(102);
  host.updated();
  for (const std::string statement :
       {"lock table account in access exclusive mode", "select from cluster for update"}) {
    BOOST_TEST_CONTEXT(statement) {
      dirty_again();
      const Bystander bystander(*this, statement);
      const auto result = run();
      BOOST_TEST(result.status == 1);
      BOOST_TEST(contains(result.out + result.err, "lock timeout"), result.out << result.err);
      BOOST_TEST(host.installed() == 102);
      BOOST_TEST(host.status("quarantined") == "[]");
      BOOST_TEST(host.status("trial") != "(none)");
    }
  }
  // It was a failure all the same, and does not excuse what is the build's fault.
  fail_all();
  BOOST_TEST(run().status == 1);
  BOOST_TEST(host.installed() == 101);
}

BOOST_AUTO_TEST_CASE(server_that_goes_away_during_a_run_is_not_held_against_the_build) {
  add_accounts(1);
  archive_accounts();
  BOOST_TEST(run().status == 0);
  host.release(102);
  host.updated();
  dirty_again();
  guard_commits("true");
  auto bystander = std::make_optional<Bystander>(*this, kCommitLock);
  auto running = start({"run", "archive_account", "other"});
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  cluster.stop(PostgresCluster::StopMode::immediate);
  const auto result = running.wait();
  cluster.start();
  bystander.reset();
  BOOST_TEST(result.status == 1);
  BOOST_TEST(host.installed() == 102);
  BOOST_TEST(host.status("quarantined") == "[]");
  BOOST_TEST(host.status("trial") != "(none)");
}

BOOST_AUTO_TEST_CASE(build_that_was_committed_is_not_taken_back_by_a_slower_run) {
  add_accounts(1);
  BOOST_TEST(run().status == 0);
  host.release(102);
  host.updated();
  define("archive_account",
         "-- find:\nselect id / 0 as id from account where pg_advisory_xact_lock(7) is not null\n"
         "-- step: one\nupdate account set email = email from subject where false returning"
         " subject.id\n");
  auto bystander = std::make_optional<Bystander>(*this, kCommitLock);
  auto slow = start({"run", "archive_account"});
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  BOOST_TEST(call({"run", "other"}).status == 0);
  BOOST_TEST(host.status("trial") == "(none)");
  bystander.reset();
  const auto result = slow.wait();
  BOOST_TEST(result.status == 1);
  BOOST_TEST(!contains(result.err, "put back"), result.err);
  BOOST_TEST(host.installed() == 102);
  BOOST_TEST((host.history() == Texts{"available 102", "installed 102", "committed 102"}));
}

BOOST_AUTO_TEST_CASE(pass_of_the_build_before_does_not_commit_the_new_one) {
  guard_commits("true");
  add_accounts(1);
  archive_accounts();
  host.release(102);
  auto bystander = std::make_optional<Bystander>(*this, kCommitLock);
  auto old = start({"run", "archive_account", "--no-update-check"});
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  host.updated();
  bystander.reset();
  BOOST_TEST(old.wait().status == 0);
  host.updated();
  BOOST_TEST(host.status("trial") != "(none)");
  BOOST_TEST((host.history() == Texts{"available 102", "installed 102"}));
}

/// Passes run as somebody who may not write beside the binary; root's timer may.
struct DividedHost : RunningHost {
  DividedHost() {
    std::filesystem::create_directory(host.journal.parent_path());
    ::chmod(directory.path().c_str(), 0755);
    ::chmod(host.directory.path().c_str(), 0755);
    own();
  }
  /// What root's `update` has made of the journal is the other's as well.
  void own() const { run_command({"chown", "-R", "nobody", host.journal.parent_path().string()}); }
  CommandResult run_as_other(const Words& more = {}) {
    prefix = as_nobody();
    const auto result = run(more);
    prefix = {};
    return result;
  }
};

BOOST_FIXTURE_TEST_CASE(update_commits_what_passes_of_a_user_who_may_not_have_proven, DividedHost) {
  host.release(102);
  host.updated();
  own();
  for (int i = 0; i < 2; ++i) {
    const auto result = run_as_other();
    BOOST_TEST(result.status == 0, result.err);
    BOOST_TEST(contains(result.err, "the trial of build 102 goes on: "), result.err);
    BOOST_TEST(host.status("trial") != "(none)");
  }
  // A failure after that is not the build's.
  fail_all();
  BOOST_TEST(run_as_other().status == 1);
  host.updated();
  BOOST_TEST(host.status("trial") == "(none)");
  BOOST_TEST(host.installed() == 102);
  BOOST_TEST(
      (host.history() == Texts{"available 102", "installed 102", "healthy 102", "committed 102"}));
  BOOST_TEST(host.journal_value("select build from update_seen where channel = 'stable'") == "102");
}

BOOST_FIXTURE_TEST_CASE(update_takes_back_what_failed_all_passes_of_a_user_who_may_not,
                        DividedHost) {
  BOOST_TEST(run_as_other().status == 0);
  host.release(102);
  host.updated();
  own();
  fail_all();
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(run_as_other().status == 1);
    BOOST_TEST(host.installed() == 102);
  }
  // The repair comes to who has gone back.
  BOOST_TEST(contains(host.updated(), "build 101 is put back: all passes of build 102 failed"));
  BOOST_TEST(host.installed() == 101);
  BOOST_TEST(contains(host.status("quarantined"), "all 2 passes of a run failed"));
  BOOST_TEST((host.history() == Texts{"available 102", "installed 102", "failing 102",
                                      "quarantined 102", "rolled_back 101"}));
  host.require_whole_journal();
  host.updated();
  BOOST_TEST(host.installed() == 101);
}

BOOST_AUTO_TEST_CASE(one_pass_that_goes_well_commits) {
  BOOST_TEST(run().status == 0);
  host.release(102);
  host.updated();
  fail_all();
  define("other", archiver(""));
  BOOST_TEST(run().status == 1);
  BOOST_TEST(host.installed() == 102);
  BOOST_TEST(host.status("trial") == "(none)");
}

BOOST_AUTO_TEST_CASE(run_tells_once_per_interval_that_there_is_a_newer_build) {
  host.release(102);
  const auto first = run();
  BOOST_TEST(first.status == 0);
  BOOST_TEST(contains(first.err,
                      "build 102 is available on channel stable, and this is build 101: "
                      "`converge update` installs it"),
             first.err);
  BOOST_TEST(host.server.requests(1).size() == 1u);
  BOOST_TEST(!contains(run().err, "available"));
  BOOST_TEST(host.server.requests(1).size() == 1u);
  BOOST_TEST(host.installed() == 101);
  BOOST_TEST((host.history() == Texts{"available 102"}));
}

BOOST_AUTO_TEST_CASE(run_looks_only_where_that_is_wanted) {
  host.release(102);
  BOOST_TEST(!contains(run({"--no-update-check"}).err, "available"));
  environment["CONVERGE_NO_UPDATE_CHECK"] = "1";
  BOOST_TEST(!contains(run().err, "available"));
  environment.erase("CONVERGE_NO_UPDATE_CHECK");
  BOOST_TEST(call({"plan"}).status == 0);
  BOOST_TEST(host.server.requests(0).empty());
  BOOST_TEST(run({"-q"}).err == "");
  BOOST_TEST(host.server.requests(1).size() == 1u);
}

BOOST_AUTO_TEST_CASE(run_warns_of_a_build_that_is_withdrawn) {
  host.release(102, [](auto& manifest) { manifest.withdrawn = {101}; });
  BOOST_TEST(contains(run().err, "warning: build 101 is withdrawn"));
}

BOOST_AUTO_TEST_CASE(server_that_is_gone_costs_a_run_nothing_and_is_not_asked_again) {
  host.server.stop();
  const auto result = run();
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.err == "");
  BOOST_TEST(host.status("last_error") != "(none)");
  host.server.start();
  host.release(102);
  BOOST_TEST(run().err == "");
}

BOOST_AUTO_TEST_CASE(server_that_answers_after_the_budget_is_not_waited_for) {
  host.release(102);
  // Its answer, which comes when a run has long gone on: two seconds are its budget.
  const auto object = read_text(host.server.root() / "channels" / "stable");
  const auto answer = host.directory.write(
      "answer",
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(object.size()) + "\r\n\r\n" + object);
  Command slow({"python3", "-c",
                "import socket,sys,time\ns=socket.socket()\ns.bind(('127.0.0.1',0))\ns.listen(9)\n"
                "print(s.getsockname()[1], flush=True)\nc,_=s.accept()\nc.recv(9999)\n"
                "time.sleep(8)\nc.sendall(open(sys.argv[1],'rb').read())\ntime.sleep(600)",
                answer.string()});
  BOOST_REQUIRE(slow.wait_for_output("\n"));
  const auto port = slow.out().substr(0, slow.out().find('\n'));
  auto config = read_text(host.directory / "converge.toml");
  const auto at = config.find(host.server.url());
  config.replace(at, host.server.url().size(), "http://127.0.0.1:" + port);
  write_text(host.directory / "converge.toml", config);
  add_accounts(2);
  archive_accounts();
  const auto result = run();
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.err == "");
  BOOST_TEST(left_to_do() == "0");
  BOOST_TEST(host.status("last_error") != "(none)");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
