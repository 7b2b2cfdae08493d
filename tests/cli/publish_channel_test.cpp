#include "tests/cli/publish_fixture.h"

#include <boost/test/unit_test.hpp>

#include <fstream>

namespace {

using namespace converge;
using namespace converge::tests;

struct Channels : Publishing {
  /// One of the actions, with the key.
  Words act(const std::string& action, const std::string& channel, const Words& more = {}) const {
    Words arguments = {action, target, "--channel", channel};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return signed_with_key(arguments);
  }
  Words promotion(const Words& more = {}) const {
    Words arguments = {"promote", target, "--from", "canary", "--to", "stable"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return signed_with_key(arguments);
  }
  /// Must succeed; what it printed on standard output and error.
  std::string do_it(const Words& arguments) const {
    const auto result = call(arguments);
    BOOST_TEST_REQUIRE(result.status == 0, result.out << result.err);
    return result.out + result.err;
  }
  /// Signs what a channel says anew as if that had been done so long ago.
  void make_older(const std::string& channel, std::int64_t seconds) const {
    auto manifest = offered(channel);
    for (auto* time : {&manifest.issued_us, &manifest.expires_us, &manifest.rollout.start_us}) {
      *time -= seconds * 1'000'000;
    }
    write_text(place / "channels" / channel, minisign.sign(updater::manifest_text(manifest)));
  }
};

BOOST_FIXTURE_TEST_SUITE(publish_channel, Channels)

BOOST_AUTO_TEST_CASE(promotion_offers_the_very_same_artifacts) {
  publish(of_build(101));
  publish(of_build(102, "canary", {"--percent-per-hour", "5"}));
  make_older("canary", 3600);
  const auto canary = read_text(place / "channels/canary");
  const auto out = do_it(promotion({"--percent-per-hour", "20"}));
  BOOST_TEST(contains(out, "stable  build 102, seq 2, "), out);
  const auto before = offered("canary");
  const auto after = offered("stable");
  BOOST_TEST((after.artifacts == before.artifacts));
  BOOST_TEST(after.commit == before.commit);
  BOOST_TEST(after.built_us == before.built_us);
  BOOST_TEST(after.seq == 2);
  BOOST_TEST(after.issued_us > before.issued_us);
  BOOST_TEST(after.rollout.start_us == after.issued_us);
  BOOST_TEST(after.rollout.percent_per_hour == 20);
  BOOST_TEST(read_text(place / "channels/canary") == canary);
  BOOST_TEST(read_text(place / "builds/102/manifest.stable") ==
             read_text(place / "channels/stable"));
  const auto whole = tree();
  BOOST_TEST(contains(do_it(promotion()), "(was so already)"));
  BOOST_TEST((tree() == whole));
}

BOOST_AUTO_TEST_CASE(earlier_build_is_promoted_by_its_number) {
  publish(of_build(101, "canary"));
  publish(of_build(102, "canary"));
  refuse(promotion({"--build", "100"}), 1, "build 100 was never released to canary", "--build");
  do_it(promotion({"--build", "101"}));
  BOOST_TEST(offered("stable").build == 101);
  do_it(promotion());
  BOOST_TEST(offered("stable").build == 102);
  refuse(promotion({"--build", "101"}), 1, "build 101 is lower than", "");
}

BOOST_AUTO_TEST_CASE(what_was_withdrawn_is_not_promoted) {
  publish(of_build(101, "canary"));
  publish(of_build(102, "canary"));
  do_it(act("withdraw", "canary", {"--build", "102"}));
  do_it(act("withdraw", "canary", {"--build", "101"}));
  refuse(promotion(), 1, "build 102 was withdrawn from canary", "a higher number");
  refuse(promotion({"--build", "101"}), 1, "build 101 was withdrawn from canary", "");
}

BOOST_AUTO_TEST_CASE(artifact_with_other_bytes_is_not_promoted) {
  publish(of_build(101, "canary"));
  const auto whole = read_text(artifact(101));
  write_text(artifact(101), whole.substr(1) + "x");
  refuse(promotion(), 1, "has not the bytes that were signed", "Look at the disk");
  std::filesystem::remove(artifact(101));
  refuse(promotion(), 1, "is missing", "Look at the disk");
}

BOOST_AUTO_TEST_CASE(withdrawn_build_is_listed_and_stays_so) {
  publish(of_build(101));
  publish(of_build(102));
  const auto out = do_it(act("withdraw", "stable", {"--build", "101"}));
  BOOST_TEST(contains(out, "withdrawn: build 101"), out);
  BOOST_TEST(!contains(out, "hosts go back"), out);
  const std::vector<std::int64_t> withdrawn = {101};
  BOOST_TEST(offered("stable").withdrawn == withdrawn, boost::test_tools::per_element());
  BOOST_TEST(offered("stable").seq == 3);
  BOOST_TEST(contains(do_it(act("withdraw", "stable", {"--build", "101"})), "(was so already)"));
  BOOST_TEST(offered("stable").seq == 3);
  // By the builds that follow too.
  const auto arm = changed(binary(101), 18, std::string("\xb7\0", 2)).string();
  publish({place, "--build", "103", "--channel", "stable", arm, "--commit", "abc"});
  BOOST_TEST(offered("stable").withdrawn == withdrawn, boost::test_tools::per_element());
  BOOST_TEST(offered("stable").seq == 4);
}

BOOST_AUTO_TEST_CASE(present_build_can_be_withdrawn) {
  publish(of_build(101));
  publish(of_build(102));
  const auto out = do_it(act("withdraw", "stable", {"--build", "102"}));
  BOOST_TEST(contains(out, "build 102 is what stable offers: hosts go back"), out);
  BOOST_TEST(offered("stable").build == 102);
  BOOST_TEST(offered("stable").withdrawn.size() == 1U);
  refuse(signed_with_key(of_build(102)), 1, "build 102 was withdrawn from stable", "higher number");
}

BOOST_AUTO_TEST_CASE(what_was_never_released_is_not_withdrawn) {
  publish(of_build(101));
  publish(of_build(102, "canary"));
  refuse(act("withdraw", "stable", {"--build", "102"}), 1, "build 102 was never released to stable",
         "Only what hosts may have");
  refuse(act("withdraw", "stable"), 2, "--build is required", "");
}

BOOST_AUTO_TEST_CASE(pause_keeps_the_rollout_where_it_is) {
  publish(of_build(101, "stable", {"--percent-per-hour", "10"}));
  make_older("stable", 7200);
  const auto begun = offered("stable");
  BOOST_TEST(contains(do_it(act("pause", "stable")), "the rollout is paused"));
  auto paused = offered("stable");
  BOOST_TEST(paused.rollout.paused);
  BOOST_TEST(paused.seq == 2);
  BOOST_TEST(paused.rollout.start_us == begun.rollout.start_us);
  const auto age = paused.issued_us - paused.rollout.start_us;
  BOOST_TEST(contains(do_it(act("pause", "stable")), "(was so already)"));
  // Hours go by, and somebody signs anew meanwhile.
  make_older("stable", 10'000);
  do_it(act("resign", "stable"));
  BOOST_TEST(offered("stable").rollout.paused);
  make_older("stable", 5'000);
  do_it(act("resume", "stable"));
  const auto resumed = offered("stable");
  BOOST_TEST(!resumed.rollout.paused);
  BOOST_TEST(resumed.seq == 4);
  BOOST_TEST(resumed.rollout.percent_per_hour == 10);
  BOOST_TEST(resumed.issued_us - resumed.rollout.start_us == age);
  BOOST_TEST(contains(do_it(act("resume", "stable")), "(was so already)"));
}

BOOST_AUTO_TEST_CASE(signing_anew_gives_a_new_seq_and_expiry) {
  publish(of_build(101, "stable", {"--expires", "10d"}));
  make_older("stable", 8 * 24 * 3600);
  const auto before = offered("stable");
  do_it(act("resign", "stable"));
  auto after = offered("stable");
  BOOST_TEST(after.seq == 2);
  BOOST_TEST(after.expires_us - after.issued_us == before.expires_us - before.issued_us);
  BOOST_TEST(after.issued_us - before.issued_us >= 8LL * 24 * 3600 * 1'000'000);
  BOOST_TEST(after.rollout.start_us == before.rollout.start_us);
  BOOST_TEST((after.artifacts == before.artifacts));
  do_it(
      act("resign", "stable", {"--expires", "1d", "--min-build", "90", "--percent-per-hour", "7"}));
  after = offered("stable");
  BOOST_TEST(after.expires_us - after.issued_us == 24LL * 3600 * 1'000'000);
  BOOST_TEST(after.min_build == 90);
  BOOST_TEST(after.rollout.percent_per_hour == 7);
  refuse(act("resign", "stable", {"--min-build", "89"}), 1, "min_build 89 is lower than the 90",
         "");
}

BOOST_AUTO_TEST_CASE(unknown_channel_is_refused) {
  publish(of_build(101));
  refuse(act("pause", "stabel"), 2, "there is no channel stabel: ", "Did you mean stable?");
  refuse(act("withdraw", "canary", {"--build", "101"}), 2,
         "there is no channel canary: ", "with its first build");
  refuse(promotion(), 2, "there is no channel canary: ", "");
  refuse(signed_with_key({"promote", place, "--from", "stable", "--to", "stabel"}), 2,
         "there is no channel stabel yet", "Did you mean stable?");
  refuse(signed_with_key({"promote", place, "--from", "stable", "--to", "stable"}), 2,
         "cannot be promoted to itself", "resign");
}

BOOST_AUTO_TEST_CASE(channel_that_does_not_verify_is_not_built_upon) {
  publish(of_build(101));
  const auto good = read_text(place / "channels/stable");
  auto edited = good;
  edited.replace(edited.find("\"build\": 101"), 12, "\"build\": 100");
  const auto canary = minisign.sign([&] {
    auto manifest = offered("stable");
    manifest.channel = "canary";
    return updater::manifest_text(manifest);
  }());
  for (const auto& bad : {edited, good.substr(0, good.size() - 1), good + "\n", canary,
                          std::string(70'000, 'x'), std::string("x")}) {
    write_text(place / "channels/stable", bad);
    refuse(signed_with_key(of_build(102)), 1, "channels/stable", "");
    refuse(act("resign", "stable"), 1, "channels/stable", "");
  }
}

BOOST_AUTO_TEST_CASE(options_of_another_action_are_refused) {
  publish(of_build(101));
  refuse(act("pause", "stable", {"--percent-per-hour", "5"}), 2, "--percent-per-hour",
         "publish pause --help");
  refuse(act("resign", "stable", {"--build", "101"}), 2, "--build is not for", "resign --help");
  refuse(act("resign", "stable", {binary(101)}), 2, "is not for", "resign --help");
  const auto help = call({"withdraw", "--help"});
  BOOST_TEST(help.status == 0);
  BOOST_TEST(contains(help.out, "Examples:\n"), help.out);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
