#define BOOST_TEST_DYN_LINK
#include "tests/unit/journal_fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

constexpr const char* kName = "archive_account";

struct HeldFixture : JournalFixture {
  Journal journal = open("alice");

  void hold(const std::string& digest) {
    journal.register_definition(journal_definition(), kJournalText);
    PassId pass;
    journal.put_hold(pass, journal_definition(),
                     {.converger = kName, .digest = digest, .inconsistencies = 51, .allowed = 50},
                     R"({"examined":100})");
  }
  ErrorKind release_error(const std::optional<std::string>& digest) {
    return error_of([&] { journal.release(kName, digest); }).kind();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_state, HeldFixture)

BOOST_AUTO_TEST_CASE(hold_is_remembered_and_told_once) {
  BOOST_TEST(!journal.hold(kName).has_value());
  hold("abc");
  hold("abc");
  const auto held = journal.hold(kName);
  BOOST_REQUIRE(held.has_value());
  BOOST_TEST(held->digest == "abc");
  BOOST_TEST(held->inconsistencies == 51);
  BOOST_TEST(held->allowed == 50);
  BOOST_TEST(held->since_us > 0);
  BOOST_TEST(!held->released);
  const auto all = entries();
  BOOST_REQUIRE(all.size() == 1u);
  BOOST_TEST((all[0].entry.kind == Kind::hold));
  BOOST_TEST(*all[0].entry.count == 51);
  BOOST_TEST(*all[0].entry.pass == 1);
  BOOST_TEST(*all[0].entry.detail == R"({"allowed":50,"digest":"abc","examined":100})");
  BOOST_TEST(Reader(file).holds().at(kName).digest == "abc");
}

BOOST_AUTO_TEST_CASE(release_lets_exactly_one_set_through) {
  hold("abc");
  BOOST_TEST((release_error("abd") == ErrorKind::usage));
  BOOST_TEST(!journal.hold(kName)->released);
  journal.release(kName, "abc");
  BOOST_TEST(journal.hold(kName)->released);
  BOOST_TEST(journal.hold(kName)->released_digest == "abc");
  const auto all = entries();
  BOOST_REQUIRE(all.size() == 2u);
  BOOST_TEST((all[1].entry.kind == Kind::release));
  BOOST_TEST(*all[1].entry.count == 51);
  BOOST_TEST((all[1].entry.definition == journal_definition()));
  BOOST_TEST(all[1].actor == "alice");
  BOOST_TEST((release_error("abc") == ErrorKind::usage));
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(release_without_a_digest_keeps_the_limit) {
  BOOST_TEST((release_error(std::nullopt) == ErrorKind::usage));
  hold("abc");
  journal.release(kName, std::nullopt);
  BOOST_TEST(journal.hold(kName)->released);
  BOOST_TEST(journal.hold(kName)->released_digest == "");
  BOOST_TEST((release_error(std::nullopt) == ErrorKind::usage));
  hold("abc");
  BOOST_TEST(!journal.hold(kName)->released);
  BOOST_TEST(entries().size() == 3u);
}

BOOST_AUTO_TEST_CASE(another_set_is_held_anew_after_a_release) {
  hold("abc");
  journal.release(kName, "abc");
  hold("def");
  BOOST_TEST(journal.hold(kName)->digest == "def");
  BOOST_TEST(!journal.hold(kName)->released);
  BOOST_TEST(journal.hold(kName)->released_digest == "");
  BOOST_TEST(entries().size() == 3u);
}

BOOST_AUTO_TEST_CASE(dropped_hold_is_gone) {
  hold("abc");
  journal.drop_hold(kName);
  journal.drop_hold(kName);
  BOOST_TEST(!journal.hold(kName).has_value());
  BOOST_TEST(entries().size() == 1u);
}

BOOST_AUTO_TEST_CASE(last_pass_keeps_the_last_correction) {
  journal.note_pass({.converger = "a", .time_us = 5, .outcome = "converged", .correction_us = 4});
  journal.note_pass({.converger = "a", .time_us = 9, .outcome = "unchanged"});
  journal.note_pass({.converger = "a", .time_us = 10, .outcome = "unchanged"});
  journal.note_pass({.converger = "b", .time_us = 7, .outcome = "failed"});
  BOOST_TEST(Reader(file).last_passes().empty());
  journal.flush();
  const auto passes = Reader(file).last_passes();
  BOOST_REQUIRE(passes.size() == 2u);
  BOOST_TEST(passes.at("a").time_us == 10);
  BOOST_TEST(passes.at("a").outcome == "unchanged");
  BOOST_TEST(passes.at("a").correction_us == 4);
  BOOST_TEST(passes.at("b").correction_us == 0);
}

BOOST_AUTO_TEST_CASE(subject_settles_from_when_it_was_first_found) {
  constexpr std::int64_t kHour = 3'600'000'000;
  using Settled = std::vector<bool>;
  BOOST_TEST((journal.settled("a", {"x", "y"}, 0, 1) == Settled{true, true}));
  BOOST_TEST((journal.settled("a", {"x", "y"}, kHour, 1) == Settled{false, false}));
  run_sql(file,
          "update settling set first_seen_us = first_seen_us - 3600000000 where subject = 'x'");
  BOOST_TEST((journal.settled("a", {"x", "y"}, kHour, 2) == Settled{true, false}));
  BOOST_TEST((journal.settled("b", {"x"}, kHour, 2) == Settled{false}));
}

BOOST_AUTO_TEST_CASE(subject_that_a_pass_did_not_meet_starts_over) {
  constexpr std::int64_t kHour = 3'600'000'000;
  journal.settled("a", {"x", "y"}, kHour, 1);
  journal.settled("b", {"x"}, kHour, 1);
  journal.settled("a", {"x"}, kHour, 2);
  journal.forget_settling("a", 2);
  journal.forget_settling("a", 2);
  BOOST_TEST(ask_sql(file, "select group_concat(converger || subject) from settling") == "ax,bx");
}

BOOST_AUTO_TEST_SUITE_END()
