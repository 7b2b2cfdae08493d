#include "tests/cli/publish_fixture.h"

#include <boost/test/unit_test.hpp>

#include <functional>

namespace {

using namespace converge;
using namespace converge::tests;

/// A stable channel that offers build 101, and an attempt to change it that is killed.
struct Killed : Publishing {
  Killed() { publish(of_build(101)); }

  /// Kills `arguments` at each of the faults; whoever fetches meanwhile gets the channel before or
  /// after, and the same command again finishes.
  void require_whole(const std::vector<std::string>& faults, const Words& arguments,
                     const std::string& channel, const std::function<void()>& require_done) {
    const auto before = tree();
    for (const auto& fault : faults) {
      BOOST_TEST_CONTEXT(fault) {
        restore(before);
        const auto object = read_text(place / "channels/stable");
        die_at(fault, arguments);
        if (std::filesystem::exists(place / "channels" / channel)) {
          const auto manifest = offered(channel);  // Verifies, with all that it names.
          const bool is_before = read_text(place / "channels" / channel) == object;
          BOOST_TEST(manifest.seq == (is_before || channel != "stable" ? 1 : 2));
        }
        publish(arguments);
        require_done();
        const auto whole = tree();
        publish(arguments);
        BOOST_TEST((tree() == whole));
        for (const auto& [name, content] : whole) {
          BOOST_TEST(!name.ends_with(".part"), name);
        }
      }
    }
  }

  void require_published(const std::string& channel) const {
    BOOST_TEST(offered(channel).build == 102);
    BOOST_TEST(read_text(place / "VERSION") == "102\n");
    BOOST_TEST((read_text(artifact(102)) == read_text(binary(102))));
    BOOST_TEST(std::filesystem::exists(artifact(102).string() + ".minisig"));
    BOOST_TEST(read_text(place / "builds/102" / ("manifest." + channel)) ==
               read_text(place / "channels" / channel));
  }

  void restore(const std::map<std::string, std::string>& files) const {
    for (const char* name : {"builds", "channels", "VERSION"}) {
      std::filesystem::remove_all(place / name);
    }
    for (const auto& [name, content] : files) {
      if (content.empty()) {
        std::filesystem::create_directories(place / name);
      } else {
        directory.write("releases" / std::filesystem::path(name), content);
      }
    }
  }
};

BOOST_FIXTURE_TEST_SUITE(publish_kill, Killed)

BOOST_AUTO_TEST_CASE(publication_is_whole_wherever_it_was_killed) {
  // The files in order: artifact, its signature, the copy, the channel, VERSION.
  require_whole({"publish_begun:1",   "publish_written:1", "publish_renamed:1", "publish_artifact",
                 "publish_begun:2",   "publish_written:2", "publish_renamed:2", "publish_signature",
                 "publish_artifacts", "publish_begun:3",   "publish_written:3", "publish_renamed:3",
                 "publish_copy",      "publish_begun:4",   "publish_written:4", "publish_renamed:4",
                 "publish_channel",   "publish_verified",  "publish_begun:5",   "publish_written:5",
                 "publish_renamed:5"},
                of_build(102), "stable", [&] { require_published("stable"); });
}

BOOST_AUTO_TEST_CASE(promotion_is_whole_wherever_it_was_killed) {
  publish(of_build(102, "canary"));
  require_whole({"publish_artifacts", "publish_begun:1", "publish_written:1", "publish_renamed:1",
                 "publish_copy", "publish_begun:2", "publish_written:2", "publish_renamed:2",
                 "publish_channel", "publish_verified"},
                {"promote", target, "--from", "canary", "--to", "stable"}, "stable",
                [&] { require_published("stable"); });
}

BOOST_AUTO_TEST_CASE(first_build_of_a_channel_is_whole_wherever_it_was_killed) {
  require_whole({"publish_begun:3", "publish_written:3", "publish_renamed:3", "publish_begun:4",
                 "publish_written:4", "publish_renamed:4", "publish_verified"},
                of_build(102, "canary"), "canary", [&] { require_published("canary"); });
}

BOOST_AUTO_TEST_CASE(withdrawal_is_whole_wherever_it_was_killed) {
  require_whole({"publish_signed", "publish_begun:1", "publish_written:1", "publish_renamed:1",
                 "publish_channel"},
                {"withdraw", target, "--channel", "stable", "--build", "101"}, "stable", [&] {
                  BOOST_TEST(offered("stable").withdrawn.size() == 1U);
                  BOOST_TEST(offered("stable").seq == 2);
                });
}

BOOST_AUTO_TEST_CASE(killed_attempt_does_not_stand_in_the_way_of_a_higher_build) {
  die_at("publish_artifacts", of_build(101, "canary"));
  publish(of_build(102, "canary"));
  BOOST_TEST(offered("canary").build == 102);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
