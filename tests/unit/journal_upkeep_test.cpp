#define BOOST_TEST_DYN_LINK
#include "journal/backup.h"
#include "journal/extent.h"
#include "journal/redact.h"
#include "journal/settle.h"
#include "tests/unit/journal_fixture.h"

#include <boost/test/unit_test.hpp>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <sys/stat.h>
#include <thread>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

constexpr std::chrono::milliseconds kNoPatience{0};
constexpr std::chrono::seconds kPatience{10};

struct Kept : JournalFixture {
  std::string all_bytes() const {
    std::string bytes;
    for (const auto& entry : std::filesystem::directory_iterator(file.parent_path())) {
      bytes += read_text(entry.path());
    }
    return bytes;
  }
  bool anywhere(const std::string& text) const {
    return all_bytes().find(text) != std::string::npos;
  }

  std::int64_t append_settled(Journal& journal, Outcome outcome, const std::string& prefix = "s",
                              std::size_t detail_bytes = 0) {
    PassId pass;
    const auto txn = append_txn(journal, pass, 3, prefix, detail_bytes);
    journal.append_outcome(pass, journal_definition(), txn, outcome);
    journal.flush();
    return txn;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_settle, Kept)

BOOST_AUTO_TEST_CASE(unknown_outcome_is_settled_once_and_counts_everywhere) {
  auto journal = open();
  const auto txn = append_settled(journal, Outcome::unknown);
  const auto seq = settle(file, "alice", txn, Outcome::committed, "seen in the \"replica\"");
  BOOST_TEST(seq == 6);
  const auto all = entries();
  BOOST_TEST((all[0].settled == Outcome::committed));
  BOOST_TEST((all[1].settled == Outcome::committed));
  BOOST_TEST(all[5].actor == "alice");
  BOOST_TEST(*all[5].entry.detail == R"({"reason":"seen in the \"replica\""})");
  BOOST_TEST(*all[5].entry.pass == 1);
  BOOST_TEST((all[5].entry.definition == journal_definition()));
  BOOST_TEST(!verify().broken_seq.has_value());
  BOOST_TEST(ask_sql(file, "select group_concat(outcome) from inconsistency") ==
             "committed,committed,committed");
  BOOST_TEST(ask_sql(file, "select outcome || settled_by from \"transaction\"") == "committed6");
  const auto again =
      error_of([&] { settle(file, "bob", txn, Outcome::rolled_back, "no, it was not"); });
  BOOST_TEST((again.kind() == ErrorKind::usage));
  BOOST_TEST(std::string(again.what()) == "transaction 1 has an outcome already: committed");
  const auto by_writer = error_of(
      [&] { journal.append_outcome({}, journal_definition(), txn, Outcome::rolled_back); });
  BOOST_TEST(std::string(by_writer.what()) == "transaction 1 has an outcome already: committed");
  BOOST_TEST(entries().size() == 6u);
}

BOOST_AUTO_TEST_CASE(only_what_is_unknown_is_settled) {
  auto journal = open();
  PassId pass;
  append_settled(journal, Outcome::rolled_back);
  append_txn(journal, pass, 1);
  const auto message = [&](std::int64_t txn, Outcome outcome = Outcome::committed) {
    const auto error = error_of([&] { settle(file, "alice", txn, outcome, "why"); });
    BOOST_TEST((error.kind() == ErrorKind::usage));
    return std::string(error.what()) + "|" + error.hint();
  };
  BOOST_TEST(message(1).starts_with("transaction 1 has an outcome already: rolled_back|"));
  BOOST_TEST(message(6).starts_with("transaction 6 is pending|"));
  BOOST_TEST(message(2) ==
             "entry 2 is no transaction but: inconsistency|It belongs to transaction 1.");
  BOOST_TEST(message(99).starts_with("the journal has no entry 99|"));
  BOOST_TEST(message(1, Outcome::unknown).starts_with("a transaction is not settled as unknown|"));
  BOOST_TEST(entries().size() == 7u);
}

BOOST_AUTO_TEST_CASE(third_outcome_is_refused_by_the_file_itself) {
  auto journal = open();
  const auto txn = append_settled(journal, Outcome::unknown);
  settle(file, "alice", txn, Outcome::committed, "why");
  BOOST_CHECK_THROW(
      run_sql(file,
              "insert into entry select 7, time_us, kind, pass, definition, actor, txn,"
              " subject, label, count, 3, detail, detail_sha, hash from entry where seq = 6"),
      std::runtime_error);
}

BOOST_AUTO_TEST_CASE(journal_that_is_not_there_is_not_begun) {
  const auto error = error_of([&] { settle(file, "alice", 1, Outcome::committed, "why"); });
  BOOST_TEST((error.kind() == ErrorKind::usage));
  BOOST_TEST(!std::filesystem::exists(file));
  BOOST_TEST((error_of([&] { redact(file, "a", "s", {}, "why", kNoPatience); }).kind() ==
              ErrorKind::usage));
  BOOST_TEST((error_of([&] { backup(file, directory / "b.db"); }).kind() == ErrorKind::usage));
  BOOST_TEST(!std::filesystem::exists(file.parent_path()));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(journal_redact, Kept)

struct Secret : Kept {
  static inline const std::string kSecret = "SECRET-7f3a";

  /// Two transactions of three subjects each, whose details hold the secret and fill pages.
  Secret() {
    auto journal = open();
    journal.register_definition(journal_definition(), kJournalText);
    for (const char* subject : {"alice", "bob"}) {
      PassId pass;
      bool given = false;
      Inconsistency record{.subject = subject, .count = 1, .detail = {}};
      record.detail = R"({"steps":[{"title":")" + kSecret + subject + std::string(20'000, 'x') +
                      kSecret + subject + R"("}]})";
      const auto txn = journal.append_pending(
          pass, journal_definition(),
          {.xid = "7", .server = {.system_identifier = "1"}, .database = "prod"},
          [&]() -> const Inconsistency* { return std::exchange(given, true) ? nullptr : &record; });
      journal.append_outcome(pass, journal_definition(), txn, Outcome::committed);
      journal.flush();
    }
    BOOST_REQUIRE(anywhere(kSecret + "alice"));
  }
};

BOOST_FIXTURE_TEST_CASE(bytes_are_gone_from_every_file, Secret) {
  auto daemon = open();  // Holds the file open meanwhile.
  const auto done = redact(file, "eve", "alice", std::nullopt, "law \"17\"", kPatience);
  BOOST_TEST(done.entries == 1);
  BOOST_TEST(done.seq == 7);
  BOOST_TEST(done.gone);
  BOOST_TEST(!anywhere(kSecret + "alice"));
  BOOST_TEST(anywhere(kSecret + "bob"));
  BOOST_TEST(!verify().broken_seq.has_value());
  const auto all = entries();
  BOOST_TEST(!all[1].entry.detail.has_value());
  BOOST_TEST(*all[6].entry.detail == R"({"reason":"law \"17\""})");
  BOOST_TEST(*all[6].entry.count == 1);
  BOOST_TEST(all[6].actor == "eve");
  BOOST_TEST(ask_sql(file, "select count(*) from sqlite_schema where name = 'entry_update'") ==
             "1");
  BOOST_CHECK_THROW(run_sql(file, "update entry set subject = 'x'"), std::runtime_error);
}

BOOST_FIXTURE_TEST_CASE(second_redaction_finds_nothing_and_records_nothing, Secret) {
  redact(file, "eve", "alice", std::nullopt, "law", kPatience);
  const auto again = redact(file, "eve", "alice", std::nullopt, "law", kPatience);
  BOOST_TEST(again.entries == 0);
  BOOST_TEST(again.gone);
  BOOST_TEST(entries().size() == 7u);
}

BOOST_FIXTURE_TEST_CASE(reader_in_the_way_is_told_and_the_next_call_clears_the_wal, Secret) {
  {
    // A person's shell in the midst of a query.
    sqlite3* raw = nullptr;
    BOOST_REQUIRE(sqlite3_open(file.c_str(), &raw) == SQLITE_OK);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_exec(raw, "begin; select count(*) from entry", nullptr, nullptr, nullptr);
    const auto done = redact(file, "eve", "alice", std::nullopt, "law", kNoPatience);
    BOOST_TEST(done.entries == 1);
    BOOST_TEST(!done.gone);
    BOOST_TEST(anywhere(kSecret + "alice"));
    sqlite3_close(raw);
  }
  BOOST_TEST(redact(file, "eve", "alice", std::nullopt, "law", kPatience).gone);
  BOOST_TEST(!anywhere(kSecret + "alice"));
}

BOOST_FIXTURE_TEST_CASE(converger_restricts, Secret) {
  const auto error = error_of([&] { redact(file, "eve", "alice", "other", "law", kNoPatience); });
  BOOST_TEST(std::string(error.what()) ==
             "the journal has no entry of subject alice by converger other");
  BOOST_TEST(redact(file, "eve", "alice", "archive_account", "law", kPatience).entries == 1);
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_FIXTURE_TEST_CASE(unknown_and_pending_subjects_are_refused, Secret) {
  const auto unknown = error_of([&] { redact(file, "eve", "carol", {}, "law", kNoPatience); });
  BOOST_TEST((unknown.kind() == ErrorKind::usage));
  auto journal = open();
  PassId pass;
  append_txn(journal, pass, 1, "p");
  const auto pending = error_of([&] { redact(file, "eve", "p-0", {}, "law", kNoPatience); });
  BOOST_TEST((pending.kind() == ErrorKind::usage));
  BOOST_TEST(std::string(pending.what()) ==
             "subject p-0 is in transaction 7, which has no outcome yet");
  BOOST_TEST(entries().size() == 8u);
  BOOST_CHECK_THROW(run_sql(file, "update entry set subject = 'x'"), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(journal_backup, Kept)

BOOST_AUTO_TEST_CASE(copy_is_private_whole_and_alone) {
  {
    auto journal = open();
    for (int index = 0; index < 20; ++index) append_settled(journal, Outcome::committed, "s", 3000);
  }
  const auto copy = directory / "backup" / "copy.db";
  BOOST_TEST((error_of([&] { backup(file, copy); }).kind() == ErrorKind::usage));
  std::filesystem::create_directory(copy.parent_path());
  std::int64_t copied = 0;
  const auto found = backup(file, copy, [&](UpkeepStage stage, std::int64_t done, std::int64_t) {
    if (stage == UpkeepStage::copying) copied = done;
  });
  BOOST_TEST(found.head_hash == extent_of(file).head.hash);
  BOOST_TEST(Reader(copy).verify().entries == 100);
  struct stat status {};
  ::stat(copy.c_str(), &status);
  BOOST_TEST((status.st_mode & 0777) == 0600u);
  BOOST_TEST(std::filesystem::exists(copy.string() + ".partial") == false);
  const auto again = error_of([&] { backup(file, copy); });
  BOOST_TEST((again.kind() == ErrorKind::usage));
  BOOST_TEST(std::string(again.what()) == copy.string() + " exists already");
  // It is a journal to write to as well.
  Journal restored(copy, "daemon", {});
  append_settled(restored, Outcome::committed);
  BOOST_TEST(ask_sql(copy, "pragma journal_mode") == "wal");
  BOOST_TEST(Reader(copy).verify().entries == 105);
}

BOOST_AUTO_TEST_CASE(copy_is_of_one_instant_while_another_writes) {
  std::atomic<bool> stop{false};
  std::atomic<int> written{0};
  {
    auto journal = open();
    for (int index = 0; index < 200; ++index)
      append_settled(journal, Outcome::committed, "s", 8000);
  }
  std::jthread writer([&] {
    auto journal = open("daemon");
    while (!stop) {
      append_settled(journal, Outcome::committed, "w", 1000);
      ++written;
    }
  });
  const auto copy = directory / "copy.db";
  // Between two steps the writer gets on, each time.
  backup(file, copy, [&](UpkeepStage stage, auto, auto) {
    if (stage != UpkeepStage::copying) return;
    for (const int before = written; written == before;) std::this_thread::yield();
  });
  BOOST_TEST(written > 0);
  stop = true;
  writer.join();
  const auto found = Reader(copy).verify();
  BOOST_TEST(!found.broken_seq.has_value());
  BOOST_TEST(found.head_seq < extent_of(file).head.seq);
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(broken_journal_leaves_no_backup) {
  {
    auto journal = open();
    append_settled(journal, Outcome::committed);
  }
  tamper(file, "update entry set count = 9 where seq = 3");
  const auto copy = directory / "copy.db";
  const auto error = error_of([&] { backup(file, copy); });
  BOOST_TEST((error.kind() == ErrorKind::failure));
  BOOST_TEST(std::string(error.what()).find("broken at entry 3") != std::string::npos);
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    BOOST_TEST(entry.path().filename() == "state");
  }
}

BOOST_AUTO_TEST_CASE(what_a_killed_one_left_is_begun_anew) {
  {
    auto journal = open();
    append_settled(journal, Outcome::committed);
  }
  const auto copy = directory / "copy.db";
  for (const char* suffix : {".partial", ".partial-wal", ".partial-shm", ".partial-journal"}) {
    write_text(copy.string() + suffix, "left over");
  }
  backup(file, copy);
  BOOST_TEST(Reader(copy).verify().entries == 5);
  BOOST_TEST(!std::filesystem::exists(copy.string() + ".partial-wal"));
}

BOOST_AUTO_TEST_SUITE_END()
