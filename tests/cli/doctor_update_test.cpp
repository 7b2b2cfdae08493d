#include "tests/cli/update_fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

struct UpdatedPatient : UpdatedHost {
  /// The lines of a check, `VERDICT MESSAGE -> REMEDY` each.
  std::string told(const std::string& check, const Words& before = {}) const {
    Words words = before;
    words.insert(words.end(), {binary.string(), "doctor", "-o", "json"});
    const auto result = run_command(words, {.environment = environment});
    std::string text;
    for (const auto& line : lines(result.out)) {
      if (member(line, "name") != check) continue;
      text += (text.empty() ? "" : "\n") + member(line, "verdict") + " " + member(line, "message") +
              (member(line, "remedy").empty() ? "" : " -> " + member(line, "remedy"));
    }
    return text;
  }
};

BOOST_FIXTURE_TEST_SUITE(doctor_update, UpdatedPatient)

BOOST_AUTO_TEST_CASE(server_with_a_good_release_is_well) {
  release(101);
  const auto names_before = names();
  const auto answer = told("update");
  BOOST_TEST(answer.starts_with("ok " + server.url() + " offers build 101, signed by "), answer);
  BOOST_TEST(answer.ends_with("; this is build 101"), answer);
  BOOST_TEST(told("build") == "ok build 101");
  // Nothing is remembered of it, beside the binary or in a journal.
  BOOST_TEST(names() == names_before, boost::test_tools::per_element());
  BOOST_TEST(!std::filesystem::exists(directory / "bin" / ".converge.state"));
  BOOST_TEST(!std::filesystem::exists(journal));
}

BOOST_AUTO_TEST_CASE(server_that_is_away_or_offers_nothing_is_bad) {
  BOOST_TEST(contains(told("update"), "404"), told("update"));
  server.stop();
  const auto answer = told("update");
  BOOST_TEST(answer.starts_with("bad " + server.url()), answer);
}

BOOST_AUTO_TEST_CASE(release_of_another_key_is_bad) {
  release(101);
  const Minisign other;
  configure("", other.public_key());
  const auto answer = told("update");
  BOOST_TEST(answer.starts_with("bad "), answer);
  BOOST_TEST(contains(answer, "key"), answer);
}

BOOST_AUTO_TEST_CASE(server_without_a_key_is_bad) {
  release(101);
  directory.write("converge.toml", "[update]\nurl = \"" + server.url() + "\"\n");
  const auto answer = told("update");
  BOOST_TEST(contains(answer, "no key to verify releases with is configured"), answer);
  BOOST_TEST(contains(answer, "-> Put the public key of who signs them into "), answer);
}

BOOST_AUTO_TEST_CASE(release_that_expired_is_warned_of) {
  release(101, [](auto& manifest) {
    manifest.issued_us -= 86'400'000'000;
    manifest.expires_us = manifest.issued_us + 3'600'000'000;
  });
  auto answer = told("update");
  BOOST_TEST(answer.starts_with("warning "), answer);
  BOOST_TEST(contains(answer, "; expired since "), answer);
  release(101, [](auto& manifest) { manifest.expires_us = manifest.issued_us + 86'400'000'000; });
  answer = told("update");
  BOOST_TEST(contains(answer, "; it expires at "), answer);
}

BOOST_AUTO_TEST_CASE(clock_is_compared_with_the_servers) {
  release(101);
  BOOST_TEST(told("clock") == "");
  const auto answer = told("clock", {"faketime", "-f", "-1h"});
  // The server's time is whole seconds.
  BOOST_TEST(answer.starts_with("bad this host is "), answer);
  BOOST_TEST(contains(answer, " behind the update server -> "), answer);
}

BOOST_AUTO_TEST_CASE(trial_and_quarantine_are_warned_of) {
  release(102);
  updated();
  BOOST_REQUIRE(installed() == 102);
  auto answer = told("build");
  BOOST_TEST(answer.starts_with("warning build 102 is on trial since "), answer);
  BOOST_TEST(contains(answer, ", in the place of build 101 -> "), answer);
  BOOST_REQUIRE(update({"--rollback"}).status == 0);
  answer = told("build");
  BOOST_TEST(answer.starts_with("warning build 102 failed here at "), answer);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
