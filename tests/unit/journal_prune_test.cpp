#define BOOST_TEST_DYN_LINK
#include "journal/backup.h"
#include "journal/redact.h"
#include "tests/unit/journal_pruned.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <optional>
#include <sys/stat.h>
#include <thread>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_prune, Pruned)

BOOST_AUTO_TEST_CASE(old_entries_are_in_the_archive_and_the_young_stay) {
  auto journal = open();
  append_settled(journal, 3, "a");
  append_settled(journal, 3, "b");
  const auto before_us = mark();
  append_settled(journal, 3, "c");
  const auto before = hashes_in(file);
  const auto done = prune_before(before_us);
  BOOST_TEST(done.entries == 10);
  BOOST_TEST(done.first_seq == 1);
  BOOST_TEST(done.last.seq == 10);
  BOOST_TEST(done.last.hash == before[9]);
  BOOST_TEST(!done.resumed);
  BOOST_TEST(done.held_back == "");
  BOOST_TEST(done.space_kept == "");
  require_moved(before);
  BOOST_TEST(hashes_in(archive).size() == 10u);
  const auto extent = extent_of(file);
  BOOST_REQUIRE(extent.archives.size() == 1u);
  BOOST_TEST(extent.archives[0].file == archive);
  BOOST_TEST(extent.archives[0].max_time_us < before_us);
  BOOST_TEST(*extent.first_time_us > before_us);
  const auto last = entries().back();
  BOOST_TEST((last.entry.kind == Kind::prune));
  BOOST_TEST(*last.entry.count == 10);
  BOOST_TEST(last.actor == "alice");
  BOOST_TEST(*last.entry.detail == R"({"first_seq":1,"last_seq":10,"hash":")" + before[9] +
                                       R"(","archive":")" + archive.string() + R"("})");
  struct stat status {};
  ::stat(archive.c_str(), &status);
  BOOST_TEST((status.st_mode & 0777) == 0600u);
  // The archive answers like any journal, with the text that acted.
  BOOST_TEST(ask_sql(archive, "select group_concat(subject || outcome) from inconsistency") ==
             "a-0committed,a-1committed,a-2committed,b-0committed,b-1committed,b-2committed");
  BOOST_TEST(ask_sql(archive, "select text from definition") == kJournalText);
  append_settled(journal, 1, "d");
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(nothing_older_makes_no_file) {
  const auto before_us = mark();
  auto journal = open();
  append_settled(journal, 3);
  const auto done = prune_before(before_us);
  BOOST_TEST(done.entries == 0);
  BOOST_TEST(!std::filesystem::exists(archive));
  BOOST_TEST(!std::filesystem::exists(archive.string() + ".partial"));
  BOOST_TEST(entries().size() == 5u);
}

BOOST_AUTO_TEST_CASE(cuts_within_blocks_and_goes_on_with_a_second_archive) {
  auto journal = open();
  append_settled(journal, 5000, "a");
  append_settled(journal, 100, "b");
  const auto first_us = mark();
  append_settled(journal, 3000, "c");
  append_settled(journal, 6000, "c");
  const auto second_us = mark();
  append_settled(journal, 6000, "d");
  const auto before = hashes_in(file);
  BOOST_TEST(prune_before(first_us).entries == 5104);
  require_moved(before);
  append_settled(journal, 5000, "e");  // Seals blocks behind the cut.
  BOOST_TEST(!verify().broken_seq.has_value());
  const auto later = hashes_in(file);
  const auto second = directory / "second.db";
  const auto done = prune(file, "alice", second_us, second);
  BOOST_TEST(done.first_seq == 5105);
  BOOST_TEST(done.entries == 9004);
  BOOST_TEST(Reader(second).verify().entries == 9004);
  BOOST_TEST(!verify().broken_seq.has_value());
  auto all = hashes_in(second);
  const auto rest = hashes_in(file);
  all.insert(all.end(), rest.begin(), rest.end());
  BOOST_TEST(std::equal(later.begin(), later.end(), all.begin()));
  // Each file says where all that is before it went.
  BOOST_TEST(extent_of(file).archives.size() == 2u);
  BOOST_TEST(extent_of(second).archives.size() == 1u);
  BOOST_TEST(extent_of(second).archives[0].file == archive);
}

BOOST_AUTO_TEST_CASE(transaction_without_outcome_stays_with_all_that_follows) {
  auto journal = open();
  append_settled(journal, 3, "a");
  PassId pass;
  append_txn(journal, pass, 2, "pending");
  append_settled(journal, 3, "b");
  const auto before_us = mark();
  const auto before = hashes_in(file);
  const auto done = prune_before(before_us);
  BOOST_TEST(done.last.seq == 5);
  BOOST_TEST(done.held_back == "transaction 6 has no outcome yet");
  require_moved(before);
  BOOST_TEST(journal.unsettled().size() == 1u);
}

BOOST_AUTO_TEST_CASE(transaction_stays_with_its_outcome) {
  auto journal = open();
  append_settled(journal, 3, "a");
  PassId pass;
  const auto txn = append_txn(journal, pass, 2, "late");
  const auto before_us = mark();
  journal.append_outcome(pass, journal_definition(), txn, Outcome::committed);
  journal.flush();
  const auto before = hashes_in(file);
  const auto done = prune_before(before_us);
  BOOST_TEST(done.last.seq == 5);
  BOOST_TEST(done.held_back == "the outcome of entry 6 is not old enough");
  require_moved(before);
}

BOOST_AUTO_TEST_CASE(redacted_entry_stays_with_the_one_that_says_so) {
  auto journal = open();
  append_settled(journal, 3, "a");
  append_settled(journal, 3, "b");
  const auto before_us = mark();
  redact(file, "eve", "b-1", std::nullopt, "law", std::chrono::seconds(10));
  const auto before = hashes_in(file);
  const auto done = prune_before(before_us);
  // Entry 8 is the redacted one, of transaction 6.
  BOOST_TEST(done.last.seq == 5);
  BOOST_TEST(done.held_back ==
             "entry 8 was redacted, and the entry that says so is not old enough");
  require_moved(before);
  const auto second = prune(file, "alice", mark(), directory / "second.db");
  BOOST_TEST(second.first_seq == 6);
  BOOST_TEST(!Reader(directory / "second.db").verify().broken_seq.has_value());
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(file_that_is_not_its_archive_is_refused_untouched) {
  auto journal = open();
  append_settled(journal, 3);
  const auto before_us = mark();
  append_settled(journal, 3);
  const auto refused = [&] {
    const auto error = error_of([&] { prune_before(before_us); });
    BOOST_TEST((error.kind() == ErrorKind::usage));
    BOOST_TEST(std::string(error.what()).starts_with(archive.string() + " exists already"));
    BOOST_TEST(entries().size() == 10u);
  };
  write_text(archive, "mine");
  refused();
  BOOST_TEST(read_text(archive) == "mine");
  std::filesystem::remove(archive);
  {
    Journal other(archive, "daemon", {});
    append_settled(other, 1);
  }
  refused();
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    std::filesystem::remove(archive.string() + suffix);
  }
  backup(file, archive);  // Ours, and whole, but with entries that are too young.
  refused();
  const auto itself = error_of([&] { prune(file, "alice", before_us, file); });
  BOOST_TEST((itself.kind() == ErrorKind::usage));
  BOOST_TEST(entries().size() == 10u);
}

BOOST_AUTO_TEST_CASE(interrupted_prune_goes_on_with_its_file_and_with_no_other) {
  auto journal = open();
  append_settled(journal, 9000, "a");
  const auto before_us = mark();
  append_settled(journal, 3, "b");
  const auto before = hashes_in(file);
  interrupt_prune(before_us);
  BOOST_TEST(!verify().broken_seq.has_value());
  BOOST_TEST(extent_of(file).unfinished() != nullptr);
  append_settled(journal, 3, "c");
  const auto other = error_of([&] { prune(file, "alice", before_us, directory / "other.db"); });
  BOOST_TEST((other.kind() == ErrorKind::usage));
  BOOST_TEST(std::string(other.what()).find(archive.string()) != std::string::npos);
  BOOST_TEST(!std::filesystem::exists(directory / "other.db"));
  const auto done = prune_before(before_us);
  BOOST_TEST(done.resumed);
  BOOST_TEST(done.entries == 9002);
  require_moved(before);
  const auto again = prune_before(before_us);  // Done already: the same answer, and nothing else.
  BOOST_TEST(again.entries == 9002);
  require_moved(before);
}

BOOST_AUTO_TEST_CASE(archive_that_was_damaged_meanwhile_is_not_relied_on) {
  auto journal = open();
  append_settled(journal, 9000, "a");
  const auto before_us = mark();
  interrupt_prune(before_us);
  const auto left = hashes_in(file);
  tamper(archive, "update entry set count = 99 where seq = 5000");
  const auto error = error_of([&] { prune_before(before_us); });
  BOOST_TEST((error.kind() == ErrorKind::failure));
  BOOST_TEST(std::string(error.what()).find("broken at entry 5000") != std::string::npos);
  BOOST_TEST((hashes_in(file) == left));
}

BOOST_AUTO_TEST_CASE(every_state_in_between_verifies_and_is_read_by_followers) {
  auto journal = open();
  append_settled(journal, 12'000, "a");
  const auto before_us = mark();
  append_settled(journal, 3, "b");
  const auto before = hashes_in(file);
  Reader follower(file);
  int states = 0;
  prune_before(before_us, [&](UpkeepStage stage, auto, auto) {
    if (stage != UpkeepStage::deleting) return;
    ++states;
    const auto found = verify();
    BOOST_TEST(!found.broken_seq.has_value(), found.reason);
    std::vector<StoredEntry> newest;
    follower.newest({.newest = 5}, [&](const auto& entry) { newest.push_back(entry); });
    BOOST_REQUIRE(newest.size() == 5u);
    BOOST_TEST((newest[3].entry.kind == Kind::outcome));
    BOOST_TEST((newest[4].entry.kind == Kind::prune));
  });
  BOOST_TEST(states == 3);
  require_moved(before);
}

BOOST_AUTO_TEST_CASE(writers_go_on_meanwhile_and_lose_nothing) {
  {
    auto journal = open();
    append_settled(journal, 20'000, "a");
  }
  const auto before_us = mark();
  std::atomic<int> written{0};
  std::jthread writer([&](std::stop_token stop) {
    auto journal = open("daemon");
    while (!stop.stop_requested()) {
      append_settled(journal, 1, "w");
      ++written;
    }
  });
  int after_chunks = 0;
  prune_before(before_us, [&](UpkeepStage stage, auto, auto) {
    if (stage == UpkeepStage::copying) {
      for (const int before = written; written == before;) std::this_thread::yield();
    }
    if (stage == UpkeepStage::deleting) after_chunks = written;
  });
  for (const int before = written; written == before;) std::this_thread::yield();
  writer.request_stop();
  writer.join();
  BOOST_TEST(after_chunks > 0);
  BOOST_TEST(Reader(archive).verify().entries == 20'002);
  const auto found = verify();
  BOOST_TEST(!found.broken_seq.has_value(), found.reason);
  BOOST_TEST(found.entries == written * 3 + 1);  // And the `prune` entry.
  BOOST_TEST(notices.empty());
}

BOOST_AUTO_TEST_CASE(whole_log_can_go) {
  auto journal = open();
  append_settled(journal, 3);
  const auto before = hashes_in(file);
  BOOST_TEST(prune_before(mark()).entries == 5);
  require_moved(before);
  BOOST_TEST(entries().size() == 1u);
  append_settled(journal, 3);
  BOOST_TEST(entries().size() == 6u);
  BOOST_TEST(!verify().broken_seq.has_value());
}

// What can no longer be read must not be taken for what another process prunes meanwhile.
BOOST_AUTO_TEST_CASE(damage_to_a_pruned_journal_is_a_finding) {
  {
    auto journal = open();
    append_settled(journal, 3);
    prune_before(mark());
    append_settled(journal, 300);
  }
  run_sql(file, "pragma wal_checkpoint(truncate)");
  const auto root = std::stol(ask_sql(file,
                                      "select rootpage from sqlite_schema where"
                                      " name = 'entry'"));
  {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(4096L * (root - 1));
    bytes << std::string(4096, '\0');
  }
  const auto found = verify();
  BOOST_TEST(found.broken_seq.has_value());
  BOOST_TEST(found.reason.find("damaged") != std::string::npos, found.reason);
}

BOOST_AUTO_TEST_SUITE_END()
