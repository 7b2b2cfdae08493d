#include "tests/cli/update_fixture.h"
#include "tests/support/terminal.h"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace converge::tests;
using Texts = std::vector<std::string>;

BOOST_FIXTURE_TEST_SUITE(update, UpdatedHost)

BOOST_AUTO_TEST_CASE(newer_build_is_installed_on_trial_and_the_one_before_is_kept) {
  release(102);
  BOOST_TEST(contains(updated(), "build 102 (channel stable, signed "));
  BOOST_TEST(installed() == 102);
  BOOST_TEST((names() == Texts{"converge", "converge.previous"}));
  BOOST_TEST((read_text(binary.string() + ".previous") == program(101)));
  BOOST_TEST(member(status("trial"), "build") == "102");
  BOOST_TEST(member(status("trial"), "previous") == "101");
  BOOST_TEST(status("previous") == "101");
  BOOST_TEST((history() == Texts{"available 102", "installed 102"}));
  BOOST_TEST(server.requests(2).size() == 2u);
  require_whole_journal();
}

BOOST_AUTO_TEST_CASE(nothing_newer_is_one_request_and_writes_nothing) {
  release(101);
  BOOST_TEST(contains(updated(), "build 101 is the newest of channel stable"));
  const auto state = read_text(binary.parent_path() / ".converge.state");
  for (int i = 0; i < 3; ++i) updated({"-q"});
  BOOST_TEST((read_text(binary.parent_path() / ".converge.state") == state));
  const auto requests = server.requests(4);
  BOOST_TEST(requests.size() == 4u);
  BOOST_TEST(contains(requests.back(), "GET /channels/stable 304"), requests.back());
  BOOST_TEST(!std::filesystem::exists(journal));
  BOOST_TEST((names() == Texts{"converge"}));
}

BOOST_AUTO_TEST_CASE(check_tells_and_installs_nothing) {
  release(101);
  BOOST_TEST(update({"--check", "--exit-code"}).status == 0);
  release(102);
  BOOST_TEST(contains(updated({"--check"}), "build 102 (channel stable, signed "));
  BOOST_TEST(update({"--check", "--exit-code"}).status == 4);
  BOOST_TEST(update({"--check", "-q"}).out != "");
  const auto json = updated({"--check", "-o", "json"});
  BOOST_TEST(member(json, "installed") == "101");
  BOOST_TEST(member(json, "available") == "102");
  BOOST_TEST(member(json, "verdict") == "install");
  BOOST_TEST((history() == Texts{"available 102"}));
  BOOST_TEST((names() == Texts{"converge"}));
  BOOST_TEST(status("last_check") != "(none)");
  BOOST_TEST(member(status("offer"), "available") == "102");
}

BOOST_AUTO_TEST_CASE(without_a_key_or_a_server_nothing_is_asked) {
  release(102);
  directory.write("converge.toml", "[update]\nurl = \"" + server.url() + "\"\n");
  refused("no key to verify releases with is configured", 2);
  directory.write("converge.toml", "[update]\nkeys = [\"" + signer.public_key() + "\"]\n");
  refused("no server to update from is configured", 2);
  BOOST_TEST(server.requests(0).empty());
}

BOOST_AUTO_TEST_CASE(who_loses_the_state_knows_of_the_quarantine_by_the_journal) {
  release(102);
  updated();
  updated({"--rollback"});
  const auto file = binary.parent_path() / ".converge.state";
  for (const std::string& lost : {read_text(file).substr(0, 40), std::string()}) {
    write_text(file, lost);
    BOOST_TEST(contains(status("quarantined"), "\"build\":102"));
    const auto result = update();
    BOOST_TEST(result.status == 0, result.err);
    BOOST_TEST(contains(result.err, "is not a state of updates"), result.err);
    BOOST_TEST(contains(result.out, "build 102 is quarantined on this host"), result.out);
    BOOST_TEST(installed() == 101);
  }
  // A person wants it all the same, and that is remembered too.
  updated({"--to", "102"});
  BOOST_TEST(status("quarantined") == "[]");
  BOOST_TEST(installed() == 102);
}

BOOST_AUTO_TEST_CASE(who_loses_the_state_goes_back_to_a_build_with_its_number) {
  release(102);
  updated();
  std::filesystem::remove(binary.parent_path() / ".converge.state");
  BOOST_TEST(status("previous") == "101");
  BOOST_TEST(contains(updated({"--rollback"}), "build 101 is put back in place of build 102"));
  BOOST_TEST(
      (history() == Texts{"available 102", "installed 102", "quarantined 102", "rolled_back 101"}));
}

BOOST_AUTO_TEST_CASE(rollback_puts_the_one_before_back_and_quarantines) {
  release(102);
  updated();
  BOOST_TEST(contains(updated({"--rollback"}), "build 101 is put back in place of build 102"));
  BOOST_TEST(installed() == 101);
  BOOST_TEST((names() == Texts{"converge"}));
  BOOST_TEST(contains(status("quarantined"), "\"build\":102"));
  BOOST_TEST(status("trial") == "(none)");
  BOOST_TEST(contains(updated(), "build 102 is quarantined on this host"));
  BOOST_TEST(installed() == 101);
  refused("there is no build before build 101 to go back to", 2, {"--rollback"});
  BOOST_TEST(
      (history() == Texts{"available 102", "installed 102", "quarantined 102", "rolled_back 101"}));
  // A person may have it all the same.
  updated({"--to", "102"});
  BOOST_TEST(installed() == 102);
  BOOST_TEST(status("quarantined") == "[]");
  require_whole_journal();
}

BOOST_AUTO_TEST_CASE(build_that_is_withdrawn_is_left_for_the_one_before) {
  release(102);
  updated();
  release(102, [](auto& manifest) { manifest.withdrawn = {102}; });
  BOOST_TEST(contains(updated(), "build 101 is put back: build 102 is withdrawn"));
  BOOST_TEST(installed() == 101);
  BOOST_TEST(contains(updated(), "withdrawn"));
  BOOST_TEST(installed() == 101);
  BOOST_TEST((history() == Texts{"available 102", "installed 102", "withdrawn 102",
                                 "quarantined 102", "rolled_back 101"}));
}

BOOST_AUTO_TEST_CASE(rollout_and_pause_are_waited_for_and_a_person_need_not) {
  release(102, [](auto& manifest) { manifest.rollout.paused = true; });
  BOOST_TEST(contains(updated(), "the rollout of build 102 is paused"));
  release(102, [](auto& manifest) {
    manifest.rollout.percent_per_hour = 1;
    manifest.rollout.start_us += 86'400'000'000;
  });
  BOOST_TEST(contains(updated(), "build 102 comes to this host at "));
  BOOST_TEST(member(status("offer"), "verdict") == "wait_for_rollout");
  BOOST_TEST(installed() == 101);
  BOOST_TEST((history() == Texts{"available 102", "available 102"}));
  updated({"--to", "102"});
  BOOST_TEST(installed() == 102);
}

BOOST_AUTO_TEST_CASE(build_below_the_least_that_may_run_does_not_wait_for_its_turn) {
  const auto late = [this](std::int64_t least) {
    release(102, [&](auto& manifest) {
      manifest.min_build = least;
      manifest.rollout.percent_per_hour = 1;
      manifest.rollout.start_us += 86'400'000'000;
    });
  };
  late(101);
  BOOST_TEST(contains(updated(), "build 102 comes to this host at "));
  BOOST_TEST(installed() == 101);
  late(102);
  BOOST_TEST(
      contains(updated({"--check"}), "build 101 is below 102, the least that hosts may run"));
  updated();
  BOOST_TEST(installed() == 102);
}

BOOST_AUTO_TEST_CASE(build_that_is_there_is_not_fetched_again) {
  release(102);
  updated();
  offer(manifest_of(103, stand_in(103)));
  BOOST_TEST(updated({"--to", "102"}) == "build 102 is installed already\n");
  BOOST_TEST(installed() == 102);
}

BOOST_AUTO_TEST_CASE(download_tells_a_terminal_how_far_it_is) {
  UpdatedHost slow("http", "limit_rate_after 100k; limit_rate 2m;");
  slow.release(102);
  Terminal terminal({slow.binary.string(), "update"}, slow.environment);
  BOOST_TEST(terminal.shows("downloading ["));
  BOOST_TEST(terminal.wait() == 0, terminal.screen());
  BOOST_TEST(slow.installed() == 102);
}

BOOST_AUTO_TEST_CASE(build_that_the_channel_does_not_offer_comes_from_its_own_manifest) {
  auto manifest = manifest_of(102, program(102));
  offer(manifest);
  manifest = manifest_of(103, stand_in(103));
  offer(manifest);
  BOOST_TEST(contains(updated({"--to", "102"}), "build 102 (channel stable"));
  BOOST_TEST(installed() == 102);
  refused("builds/104/manifest.stable", 1, {"--to", "104"});
}

BOOST_AUTO_TEST_CASE(build_that_was_withdrawn_since_does_not_come_by_its_own_word) {
  offer(manifest_of(102, program(102)));
  auto manifest = manifest_of(103, stand_in(103));
  manifest.withdrawn = {102};
  offer(manifest);
  refused("build 102, the one offered, is withdrawn", 2, {"--to", "102"});
  refused("is lower than build 101", 2, {"--to", "100"});
}

BOOST_AUTO_TEST_CASE(to_the_build_before_is_a_rollback) {
  release(102);
  updated();
  updated({"--to", "101"});
  BOOST_TEST(installed() == 101);
  BOOST_TEST(contains(status("quarantined"), "a person went back to build 101"));
}

BOOST_AUTO_TEST_CASE(second_updater_waits_and_then_says_so) {
  release(102);
  const auto lock = (binary.parent_path() / ".converge.lock").string();
  write_text(lock, "");
  const int file = ::open(lock.c_str(), O_RDWR | O_CLOEXEC);
  BOOST_REQUIRE(::flock(file, LOCK_EX) == 0);
  refused("another update of " + binary.string() + " is at work", 75);
  ::close(file);
  updated();
  BOOST_TEST(installed() == 102);
}

BOOST_AUTO_TEST_CASE(server_that_is_gone_is_an_error_that_the_status_tells) {
  release(102);
  server.stop();
  refused("/channels/stable: ");
  BOOST_TEST(contains(status("last_error"), "/channels/stable: "));
  server.start();
  updated();
  BOOST_TEST(status("last_error") == "(none)");
  BOOST_TEST(installed() == 102);
}

BOOST_AUTO_TEST_CASE(history_is_read_by_people) {
  release(102);
  updated();
  updated({"--rollback"});
  const auto told = call({"journal", "--kind", "update"}).out;
  for (const char* text :
       {"build 102 available, from stable", "build 102 installed in place of 101",
        "build 102 quarantined: a person went back", "build 101 put back in place of 102"}) {
    BOOST_TEST(contains(told, text), told);
  }
  const auto status = updated({"--status"});
  for (const char* text :
       {"installed", "build 101", "quarantined", "bucket", "last check", "stable"}) {
    BOOST_TEST(contains(status, text), status);
  }
}

BOOST_AUTO_TEST_CASE(symbolic_link_stays_and_its_target_is_replaced) {
  release(102);
  const auto link = directory / "converge";
  std::filesystem::create_symlink(binary, link);
  const auto result = run_command({link.string(), "update"}, {.environment = environment});
  BOOST_TEST(result.status == 0, result.err);
  BOOST_TEST(std::filesystem::is_symlink(link));
  BOOST_TEST(installed() == 102);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
