#define BOOST_TEST_DYN_LINK
#include "journal/update.h"
#include "tests/unit/journal_fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

const UpdateEvent kAvailable{
    .event = "available",
    .build = 123,
    .from = 101,
    .release = UpdateRelease{
        .channel = "stable", .seq = 7, .commit = "0123abcd", .sha256 = "ee", .key = "A0"}};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_update, JournalFixture)

BOOST_AUTO_TEST_CASE(entry_tells_what_is_known) {
  BOOST_TEST(*update_entry(kAvailable).detail ==
             R"({"event":"available","build":123,"from":101,"release":{"channel":"stable","seq":7,)"
             R"("commit":"0123abcd","sha256":"ee","key":"A0"}})");
  BOOST_TEST(*update_entry({.event = "refused", .why = "it is \"old\""}).detail ==
             R"({"event":"refused","why":"it is \"old\""})");
  BOOST_TEST((update_entry(kAvailable).kind == Kind::update));
}

BOOST_AUTO_TEST_CASE(same_finding_is_told_once_until_there_is_another) {
  auto journal = open();
  BOOST_TEST(journal.append_update(kAvailable, {}, true));
  BOOST_TEST(!journal.append_update(kAvailable, {}, true));
  UpdateEvent newer = kAvailable;
  newer.build = 124;
  BOOST_TEST(journal.append_update(newer, {}, true));
  BOOST_TEST(journal.append_update({.event = "refused", .why = "old"}, {}, true));
  BOOST_TEST(!journal.append_update(newer, {}, true));
  BOOST_TEST(journal.append_update(kAvailable, {}, true));
  BOOST_TEST(journal.append_update(kAvailable, {}, false));
  BOOST_TEST(entries().size() == 5u);
  BOOST_TEST(entries({.kinds = {Kind::update}}).size() == 5u);
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(deed_is_told_once_until_it_is_undone) {
  auto journal = open();
  const auto tell = [&](const char* event, int build, bool once = true) {
    return journal.append_update({.event = event, .build = build}, {}, once);
  };
  BOOST_TEST(tell("installed", 102));
  BOOST_TEST(!tell("installed", 102));
  BOOST_TEST(tell("trial", 102));
  BOOST_TEST(!tell("installed", 102));
  BOOST_TEST(tell("committed", 102));
  BOOST_TEST(!tell("installed", 102));
  BOOST_TEST(!tell("committed", 102));
  BOOST_TEST(tell("rolled_back", 101));
  BOOST_TEST(!tell("rolled_back", 101));
  BOOST_TEST(tell("available", 102));
  BOOST_TEST(tell("installed", 102));
  BOOST_TEST(tell("rolled_back", 101));
  BOOST_TEST(tell("installed", 101));
}

BOOST_AUTO_TEST_CASE(what_was_seen_only_rises_and_outlives_the_process) {
  {
    auto journal = open();
    BOOST_TEST(journal.update_seen().empty());
    journal.append_update(kAvailable, {{"stable", {7, 101}}}, true);
    journal.append_update(kAvailable, {{"stable", {5, 123}}, {"canary", {1, 0}}}, true);
    journal.append_update(kAvailable, {{"stable", {6, 102}}}, true);
  }
  const auto seen = open().update_seen();
  BOOST_TEST(seen.size() == 2u);
  BOOST_TEST((seen.at("stable") == UpdateSeen{7, 123}));
  BOOST_TEST((seen.at("canary") == UpdateSeen{1, 0}));
  BOOST_TEST((Reader(file).update_seen() == seen));
  BOOST_TEST(entries().size() == 1u);
}

BOOST_AUTO_TEST_CASE(nothing_to_tell_writes_nothing) {
  auto journal = open();
  journal.append_update(kAvailable, {{"stable", {7, 101}}}, true);
  int writes = 0;
  journal.time_writes([&](auto) { ++writes; });
  BOOST_TEST(!journal.append_update(kAvailable, {{"stable", {7, 101}}}, true));
  BOOST_TEST(writes == 0);
}

BOOST_AUTO_TEST_SUITE_END()
