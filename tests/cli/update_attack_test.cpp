#include "tests/cli/update_fixture.h"
#include "tests/support/certificates.h"

#include <boost/test/unit_test.hpp>

#include <regex>

namespace {

using namespace converge;
using namespace converge::tests;
using Texts = std::vector<std::string>;

/// The manifest of build 102, to be spoilt.
struct Attacked : UpdatedHost {
  std::string text(const std::string& from = "", const std::string& to = "") {
    auto text = updater::manifest_text(manifest);
    if (from.empty()) return text;
    const auto at = text.find(from);
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, from);
    return text.replace(at, from.size(), to);
  }
  void serve(const std::string& text) const { offer_object(signer.sign(text)); }
  /// Nothing is fetched but the manifest, nothing is changed, and the journal tells it once.
  void refused_as(const std::string& why) {
    refused(why);
    const auto told = history();
    refused(why);
    BOOST_TEST((history() == told));
    BOOST_TEST((told.empty() || told.back().starts_with("refused")));
    for (const auto& request : server.requests(2)) {
      BOOST_TEST(!contains(request, "converge-linux"), request);
    }
  }

  updater::ReleaseManifest manifest = manifest_of(102, program(102));
};

BOOST_FIXTURE_TEST_SUITE(update_attack, Attacked)

BOOST_AUTO_TEST_CASE(manifest_that_is_not_signed) {
  offer_object(text());
  refused_as("signature");
}

BOOST_AUTO_TEST_CASE(manifest_signed_by_another_key) {
  offer_object(Minisign().sign(text()));
  refused_as("key");
}

BOOST_AUTO_TEST_CASE(manifest_that_was_edited) {
  auto object = signer.sign(text());
  object.replace(object.find("102"), 3, "103");
  offer_object(object);
  refused_as("signature");
}

BOOST_AUTO_TEST_CASE(manifest_that_is_cut_or_appended_to) {
  const auto object = signer.sign(text());
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, object.size() / 3,
                                   object.size() - 100, object.size() - 1}) {
    offer_object(object.substr(0, length));
    refused("release of channel stable: ");
  }
  for (const char* more : {"\n", " ", "untrusted comment: a\n", "{}\n"}) {
    offer_object(object + more);
    refused("release of channel stable: ");
  }
}

BOOST_AUTO_TEST_CASE(manifest_with_other_line_breaks) {
  serve(std::regex_replace(text(), std::regex("\n"), "\r\n"));
  refused_as("release of channel stable: ");
  offer_object(std::regex_replace(signer.sign(text()), std::regex("\n"), "\r\n"));
  refused("release of channel stable: ");
}

BOOST_AUTO_TEST_CASE(signature_of_the_kind_before) {
  const auto plain = text();
  offer_object(signer.sign(plain, {"-l"}));
  refused_as("release of channel stable: ");
}

BOOST_AUTO_TEST_CASE(manifest_of_another_product_or_channel) {
  manifest.product = "diverge";
  serve(text());
  refused_as("product");
  manifest.product = "converge";
  manifest.channel = "canary";
  serve(text());
  refused("channel");
}

BOOST_AUTO_TEST_CASE(older_manifest_once_a_newer_was_seen) {
  const auto old = manifest;
  auto newer = manifest_of(101, program(101));
  offer(newer);
  updated();
  offer(old);
  refused("channel stable");
  BOOST_TEST(history() == Texts{"refused 102"}, boost::test_tools::per_element());
  // Neither of the two places that remember is enough to have it forgotten.
  std::filesystem::remove(binary.parent_path() / ".converge.state");
  refused("channel stable");
}

BOOST_AUTO_TEST_CASE(older_build_than_proved_itself_here) {
  offer(manifest);
  updated({"--check"});
  journal_value("pragma user_version");
  const auto raised = run_command(
      {"sqlite3", journal.string(), "update update_seen set build = 103 where channel = 'stable'"});
  BOOST_TEST(raised.status == 0, raised.err);
  refused_as("and build 103 was installed from it: a lower one is never installed");
}

BOOST_AUTO_TEST_CASE(older_build_than_is_installed) {
  offer(manifest_of(100, stand_in(100)));
  BOOST_TEST(contains(updated(), "build 101 is newer, and channel stable offers no newer"));
  BOOST_TEST(installed() == 101);
}

BOOST_AUTO_TEST_CASE(manifest_that_expired_warns_alone) {
  manifest.expires_us = manifest.issued_us + 500'000;
  manifest.issued_us -= 10'000'000;
  manifest.expires_us = manifest.issued_us + 5'000'000;
  offer(manifest);
  const auto result = update();
  BOOST_TEST(result.status == 0, result.err);
  BOOST_TEST(contains(result.err, "expired at "), result.err);
  BOOST_TEST(installed() == 102);
}

BOOST_AUTO_TEST_CASE(clock_that_is_wrong_skips_expiry_and_says_so) {
  offer(manifest);
  environment["FAKETIME"] = "@2020-01-01 00:00:00";
  environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
  environment["LD_PRELOAD"] = library("faketime/libfaketime.so.1").string();
  const auto result = update({"--check"});
  BOOST_TEST(result.status == 0, result.err);
  BOOST_TEST(contains(result.err, "which is before this build was made"), result.err);
  BOOST_TEST(contains(result.out, "102"), result.out);
}

BOOST_AUTO_TEST_CASE(numbers_that_are_none) {
  for (const char* number : {"99999999999999999999", "2147483648", "-1", "0", "1.0", "1e3",
                             "\"102\"", "true", "null", "0102"}) {
    serve(text("\"build\": 102", std::string("\"build\": ") + number));
    refused("release of channel stable: ");
  }
}

BOOST_AUTO_TEST_CASE(paths_that_lead_elsewhere) {
  const auto path = manifest.artifacts[0].path;
  for (const char* other : {"../../etc/shadow", "builds/../../secret", "/builds/102/converge",
                            "//evil.example/converge", "http://evil.example/converge",
                            "builds/102/%2e%2e/x", "builds//x", "", "builds/102/."}) {
    serve(text(path, other));
    refused("release of channel stable: ");
  }
}

BOOST_AUTO_TEST_CASE(manifest_that_is_too_large_or_too_deep) {
  offer_object(std::string(65 * 1024, ' '));
  refused("/channels/stable");
  serve(text("\"withdrawn\": []",
             "\"withdrawn\": " + std::string(5000, '[') + std::string(5000, ']')));
  refused("release of channel stable: ");
}

BOOST_AUTO_TEST_CASE(members_that_nobody_asked_for_or_twice) {
  serve(text("\"seq\": ", "\"more\": 1,\n  \"seq\": "));
  refused("release of channel stable: ");
  serve(text("\"build\": 102", "\"build\": 101,\n  \"build\": 102"));
  refused("release of channel stable: ");
  serve(text("\"min_build\": 0,", ""));
  refused("release of channel stable: ");
}

BOOST_AUTO_TEST_CASE(build_that_is_not_for_this_platform) {
  manifest.artifacts[0].platform =
      "linux-arm64" == updater::this_platform() ? "linux-amd64" : "linux-arm64";
  serve(text());
  refused("build 102 is not made for " + updater::this_platform());
}

BOOST_AUTO_TEST_CASE(artifact_with_a_wrong_byte) {
  offer(manifest);
  auto wrong = program(102);
  wrong[wrong.size() / 2] = static_cast<char>(wrong[wrong.size() / 2] + 1);
  server.serve(manifest.artifacts[0].path, wrong);
  refused("another SHA-256 than the manifest says");
}

BOOST_AUTO_TEST_CASE(artifact_that_is_short_long_or_gone) {
  offer(manifest);
  const auto& path = manifest.artifacts[0].path;
  server.serve(path, program(102).substr(0, 1000));
  BOOST_TEST(update().status == 1);
  server.serve(path, program(102) + "x");
  BOOST_TEST(update().status == 1);
  std::filesystem::remove(server.root() / path);
  BOOST_TEST(update().status == 1);
  BOOST_TEST(installed() == 101);
  server.serve(path, program(102));
  updated();
  BOOST_TEST(installed() == 102);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
