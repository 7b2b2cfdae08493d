#define BOOST_TEST_DYN_LINK
#include "journal/backup.h"
#include "journal/extent.h"
#include "journal/prune.h"
#include "journal/redact.h"
#include "src/base/clock.h"
#include "tests/unit/journal_fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <optional>
#include <sys/stat.h>
#include <thread>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

struct Pruned : JournalFixture {
  std::filesystem::path archive = directory / "archive.db";

  std::int64_t append_settled(Journal& journal, int inconsistencies,
                              const std::string& prefix = "s", std::size_t detail_bytes = 0) {
    PassId pass;
    const auto txn = append_txn(journal, pass, inconsistencies, prefix, detail_bytes);
    journal.append_outcome(pass, journal_definition(), txn, Outcome::committed);
    journal.flush();
    return txn;
  }

  /// A time after all that is in the journal, and before all that is still to come.
  static std::int64_t mark() {
    const auto now_us = wall_time_us() + 1;
    while (wall_time_us() <= now_us) std::this_thread::yield();
    return now_us;
  }

  std::vector<std::string> hashes_in(const std::filesystem::path& journal) const {
    std::vector<std::string> hashes;
    Reader(journal).newest({.newest = 1'000'000},
                           [&](const auto& entry) { hashes.push_back(entry.hash); });
    return hashes;
  }

  Pruning prune_before(std::int64_t before_us, const UpkeepProgress& progress = {}) {
    return prune(file, "alice", before_us, archive, progress);
  }

  /// `before` is what the journal held; all of it is in the archive and the journal together, each
  /// entry once and in order, and both verify and meet.
  void require_moved(const std::vector<std::string>& before) {
    const auto archived = Reader(archive).verify();
    BOOST_TEST(!archived.broken_seq.has_value(), archived.reason);
    const auto kept = verify();
    BOOST_TEST(!kept.broken_seq.has_value(), kept.reason);
    auto all = hashes_in(archive);
    const auto rest = hashes_in(file);
    all.insert(all.end(), rest.begin(), rest.end());
    BOOST_REQUIRE(all.size() >= before.size());
    BOOST_TEST(std::equal(before.begin(), before.end(), all.begin()));
    const auto extent = extent_of(file);
    BOOST_TEST(extent.pruned_seq == archived.head_seq);
    BOOST_TEST(extent.pruned_hash == archived.head_hash);
    BOOST_TEST(extent.unfinished() == nullptr);
    BOOST_TEST(!std::filesystem::exists(archive.string() + ".partial"));
    BOOST_TEST(ask_sql(file, "select count(*) from entry where kind = 14") == "1");
  }

  /// A prune that ends after its first chunk of deletions, as if it had been killed there.
  void interrupt_prune(std::int64_t before_us) {
    struct Interrupted {};
    BOOST_CHECK_THROW(prune_before(before_us,
                                   [](UpkeepStage stage, auto, auto) {
                                     if (stage == UpkeepStage::deleting) throw Interrupted();
                                   }),
                      Interrupted);
  }
};

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
  BOOST_TEST(done.held_back == "the outcome of transaction 6 is not old enough");
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

BOOST_AUTO_TEST_CASE(space_is_given_back) {
  auto journal = open();
  append_settled(journal, 5000, "a", 500);
  const auto before_us = mark();
  append_settled(journal, 3, "b");
  run_sql(file, "pragma wal_checkpoint(truncate)");
  const auto size_bytes = std::filesystem::file_size(file);
  BOOST_TEST(prune_before(before_us).space_kept == "");
  BOOST_TEST(std::filesystem::file_size(file) < size_bytes / 5);
  BOOST_TEST(std::filesystem::file_size(file.string() + "-wal") == 0u);
  BOOST_TEST(ask_sql(file, "pragma freelist_count") == "0");
}

BOOST_AUTO_TEST_CASE(journal_of_version_1_is_converted_when_space_is_given_back) {
  {
    auto journal = open();
    append_settled(journal, 5000, "a", 500);
  }
  const auto before_us = mark();
  run_sql(file,
          "pragma journal_mode = delete; pragma auto_vacuum = none; vacuum;"
          "pragma journal_mode = wal");
  BOOST_REQUIRE(ask_sql(file, "pragma auto_vacuum") == "0");
  const auto size_bytes = std::filesystem::file_size(file);
  {
    auto journal = open();
    append_settled(journal, 3, "b");
  }
  const auto before = hashes_in(file);
  BOOST_TEST(prune_before(before_us).space_kept == "");
  require_moved(before);
  BOOST_TEST(std::filesystem::file_size(file) < size_bytes / 5);
  BOOST_TEST(ask_sql(file, "pragma auto_vacuum") == "2");
}

BOOST_AUTO_TEST_CASE(full_disk_leaves_no_archive_and_the_whole_journal) {
  auto journal = open();
  append_settled(journal, 5000, "a", 500);
  const auto before_us = mark();
  append_settled(journal, 3, "b");
  const auto before = hashes_in(file);
  const auto error = [&] {
    const FileSizeLimit limit(500'000);
    return error_of([&] { prune_before(before_us); });
  }();
  BOOST_TEST((error.kind() == ErrorKind::failure));
  BOOST_TEST(std::string(error.what()).starts_with(archive.string() + " cannot be written: "));
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    BOOST_TEST(entry.path().filename() == "state");
  }
  BOOST_TEST((hashes_in(file) == before));
  prune_before(before_us);
  require_moved(before);
}

BOOST_AUTO_TEST_CASE(disk_that_fills_while_deleting_loses_nothing) {
  auto journal = open();
  append_settled(journal, 20'000, "a", 300);
  const auto before_us = mark();
  append_settled(journal, 3, "b");
  const auto before = hashes_in(file);
  run_sql(file, "pragma wal_checkpoint(truncate)");
  int chunks = 0;
  const auto error = [&] {
    // Room for one chunk in the WAL and not for two; the archive is there by then.
    std::optional<FileSizeLimit> limit;
    return error_of([&] {
      prune_before(before_us, [&](UpkeepStage stage, auto, auto) {
        if (stage == UpkeepStage::deleting && ++chunks == 1) {
          limit.emplace(std::filesystem::file_size(file.string() + "-wal") + 8192);
        }
      });
    });
  }();
  BOOST_TEST(chunks == 1);
  BOOST_TEST((error.kind() == ErrorKind::failure));
  BOOST_TEST(!verify().broken_seq.has_value());
  BOOST_TEST(prune_before(before_us).resumed);
  require_moved(before);
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

BOOST_AUTO_TEST_SUITE_END()
