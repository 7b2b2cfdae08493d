#include "tests/cli/publish_fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/nginx.h"
#include "updater/release_source.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <memory>

namespace {

using namespace converge;
using namespace converge::tests;

constexpr const char* kTakesPut =
    "client_max_body_size 0; dav_methods PUT; create_full_put_path on; dav_access all:r;";

/// The place behind a real nginx.
struct Server : Publishing {
  Server() { serve({.server = kTakesPut}); }

  void serve(NginxOptions options) {
    nginx = std::make_unique<Nginx>(std::move(options));
    std::filesystem::remove(nginx->root() / "index.html");
    place = nginx->root();
    target = nginx->url();
  }

  /// In the order of the log: `METHOD PATH STATUS` of those with that method.
  std::vector<std::string> requests(const std::string& method) const {
    std::vector<std::string> all;
    for (const auto& line : nginx->requests(0)) {
      if (line.starts_with(method + " ")) all.push_back(line.substr(0, line.find(" \"")));
    }
    return all;
  }

  std::unique_ptr<Nginx> nginx;
};

BOOST_FIXTURE_TEST_SUITE(publish_http, Server)

BOOST_AUTO_TEST_CASE(release_is_put_in_order_and_read_back) {
  publish(of_build(101));
  const auto name = "/builds/101/converge-" + updater::this_platform();
  const std::vector<std::string> expected = {"PUT " + name + " 201", "PUT " + name + ".minisig 201",
                                             "PUT /builds/101/manifest.stable 201",
                                             "PUT /channels/stable 201", "PUT /VERSION 201"};
  BOOST_TEST(requests("PUT") == expected, boost::test_tools::per_element());
  const auto got = requests("GET");
  BOOST_TEST(std::count(got.begin(), got.end(), "GET " + name + " 200") == 2);
  BOOST_TEST(std::count(got.begin(), got.end(), "GET /channels/stable 200") == 1);
  BOOST_TEST(offered("stable").build == 101);
  BOOST_TEST((read_text(artifact(101)) == read_text(binary(101))));
  const auto whole = tree();
  BOOST_TEST(contains(publish(of_build(101)), "(was so already)"));
  BOOST_TEST((tree() == whole));
  BOOST_TEST(requests("PUT").size() == 5U);
}

BOOST_AUTO_TEST_CASE(host_fetches_what_was_published) {
  publish(of_build(101));
  publish(of_build(102, "canary"));
  updater::ReleaseSource source({.url = target, .http = {.proxy = ""}});
  const std::array keys = {updater::PublicKey::parse(minisign.public_key())};
  const auto budget = std::chrono::seconds(20);
  for (const auto& object :
       {source.channel("canary", {}, budget).object,
        source.object_at("builds/102/manifest.canary", updater::kMostReleaseBytes, budget)}) {
    const auto release = updater::verify_release(object, keys, "canary");
    const auto* artifact = release.manifest.artifact_for(updater::this_platform());
    BOOST_TEST_REQUIRE(artifact != nullptr);
    const auto part = directory / "part";
    source.download(*artifact, part, {});
    BOOST_TEST((read_text(part) == read_text(binary(102))));
    std::filesystem::remove(part);
  }
  BOOST_TEST(source.object_at("VERSION", 100, budget) == "102\n");
}

BOOST_AUTO_TEST_CASE(all_that_a_directory_can_a_server_can) {
  target += "/";  // No matter.
  publish(of_build(101, "canary"));
  publish({"promote", target, "--from", "canary", "--to", "stable"});
  publish({"pause", target, "--channel", "stable"});
  publish({"resume", target, "--channel", "stable"});
  publish({"resign", target, "--channel", "stable", "--expires", "1d"});
  publish(of_build(102));
  publish({"withdraw", target, "--channel", "stable", "--build", "101"});
  const auto manifest = offered("stable");
  BOOST_TEST(manifest.seq == 6);
  BOOST_TEST(manifest.build == 102);
  BOOST_TEST(manifest.withdrawn.size() == 1U);
  BOOST_TEST(offered("canary").build == 101);
  BOOST_TEST(read_text(place / "VERSION") == "102\n");
}

BOOST_AUTO_TEST_CASE(number_is_never_used_for_other_bytes) {
  publish(of_build(101));
  auto other = of_build(101, "canary");
  other.back() = changed(binary(101), 9, "x");  // Padding of the header: it still runs.
  refuse(signed_with_key(other), 1, "is there already, with other bytes", "take the next one");
  const auto cut = read_text(binary(101)).substr(0, 100'000);
  write_text(artifact(101), cut);
  refuse(signed_with_key(of_build(101)), 1, "is there already, with other bytes", "");
}

BOOST_AUTO_TEST_CASE(publication_is_whole_wherever_it_was_killed) {
  publish(of_build(101));
  const auto before = read_text(place / "channels/stable");
  for (const char* fault :
       {"publish_artifact", "publish_signature", "publish_artifacts", "publish_copy"}) {
    die_at(fault, of_build(102));
    BOOST_TEST(read_text(place / "channels/stable") == before, fault);
  }
  for (const char* fault : {"publish_channel", "publish_verified"}) {
    die_at(fault, of_build(102));
    BOOST_TEST(offered("stable").build == 102, fault);
    BOOST_TEST(read_text(place / "VERSION") == "101\n", fault);
  }
  publish(of_build(102));
  BOOST_TEST(offered("stable").build == 102);
  // Above that of the attempts that got as far as `builds/102/manifest.stable`.
  BOOST_TEST(offered("stable").seq == 3);
  BOOST_TEST(read_text(place / "VERSION") == "102\n");
}

BOOST_AUTO_TEST_CASE(server_goes_away_and_comes_back) {
  publish(of_build(101));
  nginx->stop();
  const auto result = call(signed_with_key(of_build(102)));
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, "connection refused"), result.err);
  BOOST_TEST(offered("stable").build == 101);
  nginx->start();
  publish(of_build(102));
  BOOST_TEST(offered("stable").build == 102);
}

BOOST_AUTO_TEST_CASE(what_the_server_refuses_is_said) {
  const struct {
    const char* server;
    const char* message;
    const char* hint;
  } cases[] = {
      {"client_max_body_size 0;", " cannot be put: status 405", "dav_methods PUT"},
      {"dav_methods PUT; client_max_body_size 0;", " cannot be put: status 500",
       "create_full_put_path on"},
      {"dav_methods PUT; create_full_put_path on;", " cannot be put: status 413",
       "client_max_body_size"},
      {"dav_methods PUT; create_full_put_path on; client_max_body_size 0;"
       "if ($http_authorization != 'Bearer secret') { return 401; }",
       " cannot be read: status 401", "Hosts read there without"},
      {"location / { return 503; }", "status 503", ""},
      {"location / { return 302 https://example.com/; }", "status 302", ""},
  };
  for (const auto& [server, message, hint] : cases) {
    serve({.server = server});
    refuse(signed_with_key(of_build(101)), 1, message, hint);
  }
}

BOOST_AUTO_TEST_CASE(authorization_is_sent_and_not_shown) {
  serve({.server = std::string(kTakesPut) + "set $who \"$request_method $http_authorization\";"
                                            "if ($who = 'PUT ') { return 403; }"});
  const auto file = directory.write("authorization", "Bearer very-secret\n").string();
  refuse(signed_with_key(of_build(101)), 1, "status 403", "--authorization-file");
  const auto result =
      call(signed_with_key(of_build(101, "stable", {"-o", "json", "--authorization-file", file})));
  BOOST_TEST(result.status == 0, result.err);
  BOOST_TEST(!contains(result.out + result.err, "very-secret"));
}

BOOST_AUTO_TEST_CASE(channel_that_a_cache_keeps_is_found) {
  serve({.server = std::string(kTakesPut) + "location = /channels/stable { dav_methods PUT; "
                                            "if ($request_method = GET) { return 404; } }"});
  const auto result = call(signed_with_key(of_build(101)));
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, "channels/stable does not have what was put there"), result.err);
  BOOST_TEST(contains(result.err, "A cache in front of the server"), result.err);
}

BOOST_AUTO_TEST_CASE(server_proves_who_it_is) {
  const Certificates certificates;
  certificates.sign("server", "localhost");
  serve({.certificate = certificates.file("server.pem"),
         .key = certificates.file("server.key"),
         .server = kTakesPut});
  refuse(signed_with_key(of_build(101)), 1, "certificate", "");
  publish(of_build(101, "stable", {"--ca-file", certificates.file("authority.pem")}));
  BOOST_TEST(offered("stable").build == 101);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
