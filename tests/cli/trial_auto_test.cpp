#include "src/base/clock.h"
#include "src/base/digest.h"
#include "tests/cli/trial_fixture.h"
#include "tests/support/minisign.h"
#include "tests/support/nginx.h"
#include "updater/release_manifest.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <csignal>
#include <filesystem>
#include <string>

namespace {

using namespace converge::tests;
using converge::updater::ReleaseManifest;

constexpr std::int64_t kHourUs = 3'600'000'000;

/// A server of releases, asked by the daemon itself.
struct AutomaticUpdate : TrialHost {
  std::string settings(const std::string& more = "auto = true\n") const {
    return fmt::format(
        "status = \"off\"\n[update]\nurl = \"{}\"\nkeys = [\"{}\"]\nevery = \"1s\"\n"
        "trial = \"5s\"\n{}",
        server.url(), minisign.public_key(), more);
  }

  /// Offers a program as build 102.
  void offer(const std::filesystem::path& program, std::int64_t seq = 1,
             std::vector<std::int64_t> withdrawn = {}) const {
    const auto content = read_text(program);
    const std::int64_t now_us = converge::wall_time_us() / 1'000'000 * 1'000'000;
    ReleaseManifest manifest{.product = "converge",
                             .channel = "stable",
                             .seq = seq,
                             .build = 102,
                             .commit = "0123abcd4567",
                             .built_us = now_us - kHourUs,
                             .issued_us = now_us - kHourUs,
                             .expires_us = now_us + kHourUs,
                             .min_build = 0,
                             .withdrawn = std::move(withdrawn),
                             .rollout = {.start_us = now_us - kHourUs},
                             .artifacts = {}};
    const auto platform = converge::updater::this_platform();
    const auto path = "builds/102/converge-" + platform;
    manifest.artifacts.push_back({.platform = platform,
                                  .path = path,
                                  .size_bytes = static_cast<std::int64_t>(content.size()),
                                  .sha256 = converge::hex(converge::sha256(content))});
    server.serve(path, content);
    server.serve("channels/stable", minisign.sign(converge::updater::manifest_text(manifest)));
  }

  static std::string text_of(const std::filesystem::path& file) {
    return std::filesystem::exists(file) ? read_text(file) : std::string();
  }

  Nginx server;
  Minisign minisign;
};

BOOST_FIXTURE_TEST_SUITE(trial_by_the_daemon_itself, AutomaticUpdate)

BOOST_AUTO_TEST_CASE(what_is_offered_is_installed_tried_and_kept) {
  offer(built("converge-build-102"));
  Service service(*this, settings());
  BOOST_TEST_CONTEXT(service.log()) { BOOST_REQUIRE(tells("committed", 102)); }
  BOOST_TEST(events() == "available 102, installed 102, trial 102, committed 102");
  require_goes_on_in(service, 102);
}

BOOST_AUTO_TEST_CASE(a_daemon_that_cannot_leave_yet_leaves_the_trial_of_another_build_alone) {
  Service service(*this, settings());
  const auto config = read_text(directory / "daemon.toml");
  require_passes_by(101);
  // So the new build could not begin.
  write_text(directory / "daemon.toml", config + "mood = \"bad\"\n");
  put_in(built("converge-build-102"));
  offer(built("converge-build-102"));
  const std::string stays = "another build is installed, and could not begin";
  BOOST_TEST_CONTEXT(service.log()) {
    BOOST_REQUIRE(eventually([&] {
      const auto log = service.log();
      const auto first = log.find(stays);
      return first != std::string::npos && log.find(stays, first + 1) != std::string::npos;
    }));
    BOOST_REQUIRE(state().trial.has_value());
    BOOST_TEST(state().trial->build == 102);
    BOOST_TEST(state().installed_build == 102);
  }
  write_text(directory / "daemon.toml", config);
  BOOST_REQUIRE(tells("committed", 102));
  require_goes_on_in(service, 102);
}

BOOST_AUTO_TEST_CASE(a_build_that_is_withdrawn_is_gone_back_from) {
  offer(built("converge-build-102"));
  Service service(*this, settings());
  BOOST_REQUIRE(tells("committed", 102));
  offer(built("converge-build-102"), 2, {102});
  BOOST_TEST_CONTEXT(service.log()) { BOOST_REQUIRE(tells("rolled_back", 101)); }
  require_goes_on_in(service, 101);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_away_is_told_of_twice) {
  server.stop();
  Service service(*this, settings());
  BOOST_REQUIRE(service.logs("updates cannot be looked for"));
  server.start();
  offer(built("converge-build-102"));
  BOOST_REQUIRE(service.logs("updates are looked for again"));
  const auto log = service.log();
  const auto first = log.find("updates cannot be looked for");
  BOOST_TEST(log.find("updates cannot be looked for", first + 1) == std::string::npos);
  BOOST_TEST(service.stop().status == 0);
}

BOOST_AUTO_TEST_CASE(what_goes_wrong_in_an_unforeseen_way_ends_no_daemon) {
  offer(built("converge-build-102"), 1, {102});  // So that there is nothing to be done.
  Service service(*this, settings());
  BOOST_TEST(server.requests(1).size() > 0u);
  // A path that leads nowhere, of which the library throws what is its own.
  const auto place = journal.parent_path();
  const auto away = place.string() + ".away";
  std::filesystem::rename(place, away);
  std::filesystem::create_symlink(place, place);
  BOOST_TEST(service.logs("updates cannot be looked for"), service.log());
  std::filesystem::remove(place);
  std::filesystem::rename(away, place);
  BOOST_TEST(service.logs("updates are looked for again"), service.log());
  BOOST_TEST(service.stop().status == 0);
}

BOOST_AUTO_TEST_CASE(a_try_that_hangs_holds_up_no_stop_and_leaves_nothing) {
  const auto fit = directory / "fit";
  const auto hanging = directory / "hanging";
  offer(directory.write(
      "new", fmt::format("#!/bin/sh\nif [ ! -e {} ]; then trap '' TERM; sleep 10000 & echo $! >{}; "
                         "while :; do wait; done; fi\nexec {} \"$@\"\n",
                         fit.string(), hanging.string(), built("converge-build-102").string())));
  // So long that this case would not end with the try.
  const auto settings = this->settings("auto = true\npreflight = \"5h\"\n");
  {
    Service service(*this, settings);
    BOOST_REQUIRE(eventually([&] { return !text_of(hanging).empty(); }));
    BOOST_TEST(service.stop().status == 0);
  }
  const auto its_child = std::stoi(text_of(hanging));
  BOOST_TEST(eventually([&] { return ::kill(its_child, 0) != 0; }));
  for (const auto& entry : std::filesystem::directory_iterator(journal.parent_path())) {
    BOOST_TEST(!contains(entry.path().string(), "preflight"), entry.path());
  }
  BOOST_TEST(holds("converge-build-101"));
  BOOST_TEST(events() == "available 102");
  directory.write("fit", "");
  Service service(*this, settings);
  BOOST_TEST_CONTEXT(service.log()) { BOOST_REQUIRE(tells("committed", 102)); }
  BOOST_TEST(service.stop().status == 0);
  int downloads = 0;
  for (const auto& request : server.requests(0)) downloads += contains(request, "builds/102");
  BOOST_TEST(downloads == 1);
}

BOOST_AUTO_TEST_CASE(without_auto_nothing_is_asked_for) {
  offer(built("converge-build-102"));
  Service service(*this, settings(""));
  require_passes_by(101);
  BOOST_TEST(service.stop().status == 0);
  BOOST_TEST(server.requests(0).empty());
}

BOOST_AUTO_TEST_CASE(auto_without_a_key_is_refused) {
  Service service(*this, "status = \"off\"\n[update]\nauto = true\nurl = \"http://127.0.0.1:1\"\n");
  const auto end = service.wait();
  BOOST_TEST(end.status == 2);
  BOOST_TEST(contains(end.err, "no key to verify releases with"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
