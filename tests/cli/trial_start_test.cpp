#include "tests/cli/trial_fixture.h"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>

namespace {

using namespace converge::tests;

/// A build that answers its try, and crashes before anything of it could count its starts. Under
/// the guard it waits, so that that one can be killed first.
constexpr const char* kCrashesAtItsStart =
    "if [ -n \"$CONVERGE_TRIAL_FD\" ]; then exec sleep 1000; fi; kill -ABRT $$";

/// The service as its unit, as installed, has it.
struct InstalledService : TrialHost {
  InstalledService() {
    const auto installed = call({"install", "--prefix", directory.path(), "--unitdir",
                                 directory / "units", "--sysconfdir", directory / "etc"});
    BOOST_TEST_REQUIRE(installed.status == 0, installed.err);
    before = command("ExecStartPre");
    BOOST_TEST_REQUIRE(before.front().starts_with('-'), before.front());  // May fail.
    before.front().erase(0, 1);
    BOOST_TEST_REQUIRE(before.front() == installation.previous().string());
    BOOST_TEST_REQUIRE((command("ExecStart") == Words{binary, "daemon"}));
    environment["CONVERGE_CONFIG"] = (directory / "daemon.toml").string();
  }

  /// The words of a command of the unit.
  Words command(const std::string& name) const {
    Words words;
    for (const auto& line : lines(read_text(directory / "units" / "converged.service"))) {
      if (!line.starts_with(name + "=")) continue;
      std::istringstream rest(line.substr(name.size() + 1));
      for (std::string word; rest >> word;) words.push_back(word);
    }
    BOOST_TEST_REQUIRE(!words.empty());
    return words;
  }

  /// What systemd runs ahead of the daemon; nullopt: there is no such program, which it passes
  /// over.
  std::optional<CommandResult> run_before() const {
    if (!std::filesystem::exists(before.front())) return std::nullopt;
    return run_command(before, {.environment = environment});
  }

  /// Puts a build in and kills the guard of its trial once that has counted the start.
  void lose_the_guard(const std::string& script) {
    Service service(*this, kTrialSettings);
    put_in_script(script);
    BOOST_REQUIRE(eventually([&] { return state().trial->starts == 1; }));
    wait_for_child(service);
    service.signal(SIGKILL);
    service.wait();
  }

  Words before;
};

BOOST_FIXTURE_TEST_SUITE(trial_of_starts, InstalledService)

BOOST_AUTO_TEST_CASE(a_build_that_crashes_at_its_start_is_taken_back_after_three) {
  lose_the_guard(kCrashesAtItsStart);
  for (int starts = 2; starts <= 3; ++starts) {
    const auto counted = run_before();
    BOOST_TEST_REQUIRE(counted->status == 0, counted->err);
    BOOST_TEST(state().trial->starts == starts);
    Service service(*this, kTrialSettings);
    BOOST_TEST(service.wait().signal == SIGABRT);
  }
  const auto taken_back = run_before();
  BOOST_TEST(taken_back->status == 0);
  BOOST_TEST(contains(taken_back->err, "build 102 failed its trial, and build 101 is put back"));
  BOOST_TEST(!run_before().has_value());
  Service service(*this, kTrialSettings);
  require_taken_back(service, "started 3 times");
}

BOOST_AUTO_TEST_CASE(what_killed_it_does_not_matter_nor_when) {
  lose_the_guard(kCrashesAtItsStart);
  run_before();
  // As if the machine had crashed while it was being taken back.
  auto crashed = state();
  crashed.quarantined.push_back({.build = 102, .since_us = 1, .why = "a crash"});
  write_update_state(installation.state_file(), crashed);
  BOOST_TEST(run_before()->status == 0);
  Service service(*this, kTrialSettings);
  require_taken_back(service, "a crash");
}

BOOST_AUTO_TEST_CASE(a_start_that_was_announced_is_counted_once) {
  // With a pass at its commit, the trial stays open.
  guard_commits("new.account_id < 100");
  Bystander bystander(*this, kCommitLock);
  archive_silently(1);
  put_in(built("converge-build-102"));
  directory.write("daemon.toml", "");
  BOOST_TEST(run_before()->status == 0);
  BOOST_TEST(state().trial->starts == 1);
  Service service(*this, kTrialSettings);
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  BOOST_TEST(state().trial->starts == 1);
  bystander.end();
  BOOST_REQUIRE(tells("committed", 102));
  BOOST_TEST(events() == "trial 102, committed 102");
  require_goes_on_in(service, 102);
  // With its proof, the file of the build before stays, and there is nothing to be counted.
  // What it makes of a configuration for newer ones does not matter then.
  directory.write("daemon.toml", "[daemon]\nno_such = 1\n");
  const auto proven = state();
  const auto nothing = run_before();
  BOOST_TEST(nothing->status == 0, nothing->err);
  BOOST_TEST(nothing->out + nothing->err == "");
  BOOST_TEST((state() == proven));
}

BOOST_AUTO_TEST_CASE(what_keeps_the_build_before_from_starting_as_well_is_not_counted) {
  lose_the_guard(kCrashesAtItsStart);
  directory.write("daemon.toml", "[daemon]\nno_such = 1\n");
  for (int start = 0; start < 5; ++start) BOOST_TEST(run_before()->status == 2);
  directory.write("daemon.toml", "[convergers]\ndirectory = \"/no/such\"\n");
  environment.erase("CONVERGE_CONVERGERS");
  for (int start = 0; start < 5; ++start) BOOST_TEST(run_before()->status == 2);
  BOOST_TEST(state().trial->starts == 1);
}

BOOST_AUTO_TEST_CASE(a_build_that_was_not_put_in_yet_is_left_alone) {
  // Killed between the link and the rename.
  auto begun = state();
  begun.trial = {.build = 102, .previous = 101, .since_us = 1, .starts = 3};
  write_update_state(installation.state_file(), begun);
  std::filesystem::create_hard_link(binary, installation.previous());
  directory.write("daemon.toml", "");
  BOOST_TEST(run_before()->status == 0);
  BOOST_TEST((state() == begun));
  BOOST_TEST(holds("converge-build-101"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
