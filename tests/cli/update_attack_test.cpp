#include "tests/cli/update_fixture.h"
#include "tests/support/certificates.h"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <regex>

namespace {

using namespace converge;
using namespace converge::tests;
using Texts = std::vector<std::string>;

/// The manifest of build 102, to be spoilt.
struct Attacked : UpdatedHost {
  using UpdatedHost::UpdatedHost;

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

/// Each is tried by both.
constexpr std::array kSchemes = {"http", "https"};

BOOST_AUTO_TEST_SUITE(update_attack)

BOOST_DATA_TEST_CASE(manifest_that_is_not_signed, kSchemes) {
  Attacked host(sample);
  host.offer_object(host.text());
  host.refused_as("signature");
}

BOOST_DATA_TEST_CASE(manifest_signed_by_another_key, kSchemes) {
  Attacked host(sample);
  host.offer_object(Minisign().sign(host.text()));
  host.refused_as("key");
}

BOOST_DATA_TEST_CASE(manifest_that_was_edited, kSchemes) {
  Attacked host(sample);
  auto object = host.signer.sign(host.text());
  object.replace(object.find("102"), 3, "103");
  host.offer_object(object);
  host.refused_as("signature");
}

BOOST_DATA_TEST_CASE(manifest_that_is_cut_or_appended_to, kSchemes) {
  Attacked host(sample);
  const auto object = host.signer.sign(host.text());
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, object.size() / 3,
                                   object.size() - 100, object.size() - 1}) {
    host.offer_object(object.substr(0, length));
    host.refused("release of channel stable: ");
  }
  for (const char* more : {"\n", " ", "untrusted comment: a\n", "{}\n"}) {
    host.offer_object(object + more);
    host.refused("release of channel stable: ");
  }
}

BOOST_DATA_TEST_CASE(manifest_with_other_line_breaks, kSchemes) {
  Attacked host(sample);
  host.serve(std::regex_replace(host.text(), std::regex("\n"), "\r\n"));
  host.refused_as("release of channel stable: ");
  host.offer_object(std::regex_replace(host.signer.sign(host.text()), std::regex("\n"), "\r\n"));
  host.refused("release of channel stable: ");
}

BOOST_DATA_TEST_CASE(signature_of_the_kind_before, kSchemes) {
  Attacked host(sample);
  const auto plain = host.text();
  host.offer_object(host.signer.sign(plain, {"-l"}));
  host.refused_as("release of channel stable: ");
}

BOOST_DATA_TEST_CASE(manifest_of_another_product_or_channel, kSchemes) {
  Attacked host(sample);
  host.manifest.product = "diverge";
  host.serve(host.text());
  host.refused_as("product");
  host.manifest.product = "converge";
  host.manifest.channel = "canary";
  host.serve(host.text());
  host.refused("channel");
}

BOOST_DATA_TEST_CASE(older_manifest_once_a_newer_was_seen, kSchemes) {
  Attacked host(sample);
  const auto old = host.manifest;
  auto newer = host.manifest_of(101, Attacked::program(101));
  host.offer(newer);
  host.updated();
  host.offer(old);
  host.refused("channel stable");
  BOOST_TEST(host.history() == Texts{"refused 102"}, boost::test_tools::per_element());
  // Neither of the two places that remember is enough to have it forgotten.
  std::filesystem::remove(host.binary.parent_path() / ".converge.state");
  host.refused("channel stable");
}

BOOST_DATA_TEST_CASE(older_build_than_proved_itself_here, kSchemes) {
  Attacked host(sample);
  host.offer(host.manifest);
  host.updated({"--check"});
  host.journal_value("pragma user_version");
  const auto raised = run_command({"sqlite3", host.journal.string(),
                                   "update update_seen set build = 103 where channel = 'stable'"});
  BOOST_TEST(raised.status == 0, raised.err);
  host.refused_as("and build 103 was installed from it: a lower one is never installed");
}

BOOST_DATA_TEST_CASE(older_build_than_is_installed, kSchemes) {
  Attacked host(sample);
  host.offer(host.manifest_of(100, Attacked::stand_in(100)));
  BOOST_TEST(contains(host.updated(), "build 101 is newer, and channel stable offers no newer"));
  BOOST_TEST(host.installed() == 101);
}

BOOST_DATA_TEST_CASE(manifest_that_expired_warns_alone, kSchemes) {
  Attacked host(sample);
  host.manifest.expires_us = host.manifest.issued_us + 500'000;
  host.manifest.issued_us -= 10'000'000;
  host.manifest.expires_us = host.manifest.issued_us + 5'000'000;
  host.offer(host.manifest);
  const auto result = host.update();
  BOOST_TEST(result.status == 0, result.err);
  BOOST_TEST(contains(result.err, "expired at "), result.err);
  BOOST_TEST(host.installed() == 102);
}

// By HTTP alone: no certificate is valid to a clock as wrong as that.
BOOST_AUTO_TEST_CASE(clock_that_is_wrong_skips_expiry_and_says_so) {
  Attacked host;
  host.offer(host.manifest);
  host.environment["FAKETIME"] = "@2020-01-01 00:00:00";
  host.environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
  host.environment["LD_PRELOAD"] = library("faketime/libfaketime.so.1").string();
  const auto result = host.update({"--check"});
  BOOST_TEST(result.status == 0, result.err);
  BOOST_TEST(contains(result.err, "which is before this build was made"), result.err);
  BOOST_TEST(contains(result.out, "102"), result.out);
}

BOOST_DATA_TEST_CASE(numbers_that_are_none, kSchemes) {
  Attacked host(sample);
  for (const char* number : {"99999999999999999999", "2147483648", "-1", "0", "1.0", "1e3",
                             "\"102\"", "true", "null", "0102"}) {
    host.serve(host.text("\"build\": 102", std::string("\"build\": ") + number));
    host.refused("release of channel stable: ");
  }
}

BOOST_DATA_TEST_CASE(paths_that_lead_elsewhere, kSchemes) {
  Attacked host(sample);
  const auto path = host.manifest.artifacts[0].path;
  for (const char* other : {"../../etc/shadow", "builds/../../secret", "/builds/102/converge",
                            "//evil.example/converge", "http://evil.example/converge",
                            "builds/102/%2e%2e/x", "builds//x", "", "builds/102/."}) {
    host.serve(host.text(path, other));
    host.refused("release of channel stable: ");
  }
}

BOOST_DATA_TEST_CASE(manifest_that_is_too_large_or_too_deep, kSchemes) {
  Attacked host(sample);
  host.offer_object(std::string(65 * 1024, ' '));
  host.refused("/channels/stable");
  host.serve(host.text("\"withdrawn\": []",
                       "\"withdrawn\": " + std::string(5000, '[') + std::string(5000, ']')));
  host.refused("release of channel stable: ");
}

BOOST_DATA_TEST_CASE(members_that_nobody_asked_for_or_twice, kSchemes) {
  Attacked host(sample);
  host.serve(host.text("\"seq\": ", "\"more\": 1,\n  \"seq\": "));
  host.refused("release of channel stable: ");
  host.serve(host.text("\"build\": 102", "\"build\": 101,\n  \"build\": 102"));
  host.refused("release of channel stable: ");
  host.serve(host.text("\"min_build\": 0,", ""));
  host.refused("release of channel stable: ");
}

BOOST_DATA_TEST_CASE(build_that_is_not_for_this_platform, kSchemes) {
  Attacked host(sample);
  host.manifest.artifacts[0].platform =
      "linux-arm64" == updater::this_platform() ? "linux-amd64" : "linux-arm64";
  host.serve(host.text());
  host.refused("build 102 is not made for " + updater::this_platform());
}

BOOST_AUTO_TEST_CASE(server_that_another_authority_vouches_for) {
  Attacked host("https");
  host.offer(host.manifest);
  std::filesystem::copy_file(Certificates().file("authority.pem"),
                             host.certificates.file("authority.pem"),
                             std::filesystem::copy_options::overwrite_existing);
  host.refused("certificate");
  BOOST_TEST(host.history().empty());
}

BOOST_DATA_TEST_CASE(artifact_with_a_wrong_byte, kSchemes) {
  Attacked host(sample);
  host.offer(host.manifest);
  auto wrong = Attacked::program(102);
  wrong[wrong.size() / 2] = static_cast<char>(wrong[wrong.size() / 2] + 1);
  host.server.serve(host.manifest.artifacts[0].path, wrong);
  host.refused("another SHA-256 than the manifest says");
}

BOOST_DATA_TEST_CASE(artifact_that_is_short_long_or_gone, kSchemes) {
  Attacked host(sample);
  host.offer(host.manifest);
  const auto& path = host.manifest.artifacts[0].path;
  host.server.serve(path, Attacked::program(102).substr(0, 1000));
  BOOST_TEST(host.update().status == 1);
  host.server.serve(path, Attacked::program(102) + "x");
  BOOST_TEST(host.update().status == 1);
  std::filesystem::remove(host.server.root() / path);
  BOOST_TEST(host.update().status == 1);
  BOOST_TEST(host.installed() == 101);
  host.server.serve(path, Attacked::program(102));
  host.updated();
  BOOST_TEST(host.installed() == 102);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
