#include "journal/story.h"
#include "tests/unit/journal_fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

struct StoryFixture : JournalFixture {
  /// A correction of one subject, with its outcome if there is one.
  void correct(Journal& journal, const std::string& converger, const std::string& subject,
               std::optional<Outcome> outcome = Outcome::committed,
               const std::optional<std::string>& label = std::nullopt) {
    const DefinitionId id{converger, journal_definition().version};
    journal.register_definition(id, kJournalText);
    PassId pass;
    const Inconsistency record{.subject = subject,
                               .label = label,
                               .count = 2,
                               .detail = R"({"steps":[{"title":"one","count":2,"changes":[]}]})"};
    const Inconsistency* next = &record;
    const auto txn = journal.append_pending(
        pass, id,
        {.xid = "99", .server = {.system_identifier = "7", .timeline = 1}, .database = "d"},
        [&] { return std::exchange(next, nullptr); });
    if (outcome) journal.append_outcome(pass, id, txn, *outcome);
    journal.append(pass, {.kind = Kind::pass,
                          .definition = id,
                          .detail = R"({"outcome":"converged","trigger":"cron"})"});
  }

  std::vector<StoryEntry> story(const StoryFilter& filter, std::int64_t last_seq = INT64_MAX) {
    std::vector<StoryEntry> all;
    StoryReader(file).tell(filter, last_seq, [&](const auto& entry) { all.push_back(entry); });
    return all;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_story, StoryFixture)

BOOST_AUTO_TEST_CASE(entries_come_with_what_others_tell_of_them) {
  auto journal = open("alice");
  correct(journal, "one", "s");
  correct(journal, "two", "other");
  const auto all = story({.subject = "s"});
  BOOST_REQUIRE(all.size() == 1u);
  BOOST_TEST((all[0].xid == "99"));
  BOOST_TEST((all[0].trigger == "cron"));
  BOOST_TEST((all[0].stored.settled == Outcome::committed));
  BOOST_REQUIRE(all[0].settlement.has_value());
  BOOST_TEST(all[0].settlement->actor == "alice");
  BOOST_TEST(all[0].settlement->seq == 3);
  BOOST_TEST(!all[0].redacted);
  BOOST_TEST((StoryReader(file).definition({"one", journal_definition().version}) == kJournalText));
}

BOOST_AUTO_TEST_CASE(occurrences_are_of_one_converger_and_committed) {
  auto journal = open();
  correct(journal, "one", "s");
  correct(journal, "two", "s");
  correct(journal, "one", "s", Outcome::rolled_back);
  correct(journal, "one", "s", std::nullopt);
  correct(journal, "one", "s");
  const auto all = story({.subject = "s"});
  BOOST_REQUIRE(all.size() == 5u);
  const std::vector<std::int64_t> expected = {1, 1, 0, 0, 2};
  for (std::size_t i = 0; i < all.size(); ++i) BOOST_TEST(all[i].occurrence == expected[i]);
  BOOST_TEST(!all[1].previous_us.has_value());
  BOOST_TEST((all[4].previous_us == all[0].stored.time_us));
}

BOOST_AUTO_TEST_CASE(summary_counts_what_the_story_tells) {
  auto journal = open();
  correct(journal, "one", "s", Outcome::committed, "before");
  correct(journal, "one", "s", Outcome::committed, "after");
  correct(journal, "two", "s");
  correct(journal, "two", "s", Outcome::rolled_back);
  correct(journal, "two", "s", Outcome::unknown);
  correct(journal, "two", "s", std::nullopt);
  PassId pass;
  journal.append(pass, {.kind = Kind::failure,
                        .definition = DefinitionId{"two", ""},
                        .subject = "s",
                        .outcome = Outcome::failed,
                        .detail = "{}"});
  const auto summary = StoryReader(file).summary({.subject = "s"});
  BOOST_TEST((summary.label == "after"));
  BOOST_REQUIRE(summary.corrected.size() == 2u);
  BOOST_TEST(summary.corrected[0].converger == "one");
  BOOST_TEST(summary.corrected[0].count == 2);
  BOOST_TEST(summary.corrected[0].first_us < summary.corrected[0].last_us);
  BOOST_TEST(summary.corrected[1].count == 1);
  BOOST_TEST(summary.failed == 1);
  BOOST_TEST(summary.rolled_back == 1);
  BOOST_TEST(summary.unknown == 1);
  BOOST_TEST(summary.pending == 1);
  const auto of_one = StoryReader(file).summary({.subject = "s", .convergers = {"o*"}});
  BOOST_TEST(of_one.corrected.size() == 1u);
  BOOST_TEST(of_one.failed == 0);
  BOOST_TEST(StoryReader(file).summary({.subject = "nobody"}).last_seq == 0);
}

BOOST_AUTO_TEST_CASE(a_later_outcome_of_a_person_wins_over_unknown) {
  {
    auto journal = open();
    correct(journal, "one", "s", Outcome::unknown);
  }
  BOOST_TEST((story({.subject = "s"})[0].stored.settled == Outcome::unknown));
  // What a command that lets a person settle an `unknown` would leave.
  tamper(file,
         "drop index entry_outcome; create index entry_outcome on entry (txn) where kind = 4;"
         "insert into actor values (50, 'alice', 0);"
         "insert into entry (seq, time_us, kind, actor, txn, outcome, hash)"
         " select max(seq) + 1, 1, 4, 50, 1, 2, x'00' from entry");
  const auto all = story({.subject = "s"});
  BOOST_TEST((all[0].stored.settled == Outcome::committed));
  BOOST_TEST(all[0].settlement->actor == "alice");
  BOOST_TEST(all[0].occurrence == 1);
  BOOST_TEST(StoryReader(file).summary({.subject = "s"}).unknown == 0);
  BOOST_TEST(StoryReader(file).summary({.subject = "s"}).corrected.size() == 1u);
}

BOOST_AUTO_TEST_CASE(long_stories_are_told_across_pages_and_while_the_journal_is_written) {
  auto journal = open();
  PassId pass;
  constexpr int kEntries = 5000;
  journal.register_definition(journal_definition(), kJournalText);
  int index = 0;
  const Inconsistency record{.subject = "s", .count = 1, .detail = R"({"steps":[]})"};
  journal.append_pending(pass, journal_definition(), {.xid = "1", .server = {}, .database = ""},
                         [&] { return index++ < kEntries ? &record : nullptr; });
  StoryReader reader(file);
  const auto summary = reader.summary({.subject = "s"});
  BOOST_TEST(summary.pending == kEntries);
  BOOST_TEST(summary.last_seq == kEntries + 1);
  int seen = 0;
  std::int64_t last = 0;
  reader.tell({.subject = "s"}, summary.last_seq, [&](const StoryEntry& entry) {
    BOOST_REQUIRE(entry.stored.seq > last);
    last = entry.stored.seq;
    // Truncating waits for every reader: were one in a transaction, it would report busy (1).
    if (seen++ == 300) {
      correct(journal, "one", "s");
      BOOST_TEST(ask_sql(file, "pragma wal_checkpoint(truncate)") == "0");
    }
  });
  BOOST_TEST(seen == kEntries);
}

BOOST_AUTO_TEST_CASE(redaction_is_told_by_the_first_entry_after) {
  {
    auto journal = open("alice");
    correct(journal, "one", "s");
    PassId none;
    journal.append(none,
                   {.kind = Kind::redact, .subject = "s", .detail = R"({"reason":"asked for"})"});
    correct(journal, "one", "s");
  }
  tamper(file, "update entry set detail = null where kind = 2");
  const auto all = story({.subject = "s"});
  BOOST_REQUIRE(all.size() == 3u);
  BOOST_TEST(all[0].redacted);
  BOOST_REQUIRE(all[0].redaction.has_value());
  BOOST_TEST(all[0].redaction->actor == "alice");
  BOOST_TEST((all[0].redaction->detail == R"({"reason":"asked for"})"));
  BOOST_TEST(!all[1].redacted);
  BOOST_TEST(all[2].redacted);
  BOOST_TEST(!all[2].redaction.has_value());
}

BOOST_AUTO_TEST_CASE(subject_is_found_by_key_then_by_label) {
  auto journal = open();
  correct(journal, "one", "17", Outcome::committed, "same");
  correct(journal, "two", "23", Outcome::committed, "same");
  correct(journal, "one", "42", Outcome::committed, "17");
  correct(journal, "one", "42", Outcome::committed, "unique");
  correct(journal, "two", "42", Outcome::committed, "unique");
  StoryReader reader(file);
  BOOST_TEST((reader.find({.subject = "17"}).subject == "17"));
  BOOST_TEST((reader.find({.subject = "unique"}).subject == "42"));
  BOOST_TEST((reader.find({.subject = "same", .convergers = {"two"}}).subject == "23"));
  const auto same = reader.find({.subject = "same"});
  BOOST_TEST(!same.subject.has_value());
  BOOST_REQUIRE(same.namesakes.size() == 2u);
  BOOST_TEST(same.namesakes[0].converger == "one");
  BOOST_TEST(same.namesakes[0].subject == "17");
  BOOST_TEST(same.namesakes[1].converger == "two");
  BOOST_TEST(same.namesakes[1].subject == "23");
  const auto none = reader.find({.subject = "23", .convergers = {"one"}});
  BOOST_TEST(!none.subject.has_value());
  BOOST_TEST(none.known_to_others);
}

BOOST_AUTO_TEST_CASE(label_is_searched_among_the_newest_entries_window_by_window) {
  auto journal = open();
  correct(journal, "one", "old", Outcome::committed, "far away");
  correct(journal, "one", "near", Outcome::committed, "in reach");
  PassId pass;
  append_txn(journal, pass, StoryReader::kLabelEntries - 5);  // So the 5th is the oldest searched.
  StoryReader reader(file);
  const auto far = reader.find({.subject = "far away"});
  BOOST_TEST(!far.subject.has_value());
  BOOST_TEST(far.labels_searched == StoryReader::kLabelEntries);
  BOOST_TEST((reader.find({.subject = "in reach"}).subject == "near"));
  BOOST_TEST((reader.find({.subject = "old"}).subject == "old"));
}

BOOST_AUTO_TEST_CASE(what_is_alike_is_suggested_from_keys_and_labels) {
  auto journal = open();
  for (const char* key : {"4710", "4712", "4790", "5000"}) correct(journal, "one", key);
  correct(journal, "one", "7", Outcome::committed, "alice@example.com");
  using Names = std::vector<std::string>;
  StoryReader reader(file);
  BOOST_TEST((reader.find({.subject = "4711"}).near == Names{"4710", "4712", "4790"}));
  BOOST_TEST((reader.find({.subject = "alcie@example.com"}).near == Names{"alice@example.com"}));
  BOOST_TEST((reader.find({.subject = "alice"}).near == Names{"alice@example.com"}));
  BOOST_TEST(reader.find({.subject = "zzz"}).near.empty());
  BOOST_TEST(reader.find({.subject = ""}).near.empty());
}

BOOST_AUTO_TEST_CASE(an_empty_journal_knows_nobody) {
  open();
  StoryReader reader(file);
  const auto found = reader.find({.subject = "42"});
  BOOST_TEST(!found.subject.has_value());
  BOOST_TEST(found.labels_searched == 0);
  BOOST_TEST(reader.convergers().empty());
}

BOOST_AUTO_TEST_SUITE_END()
