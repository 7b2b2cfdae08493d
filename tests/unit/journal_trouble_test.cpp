#define BOOST_TEST_DYN_LINK
#include "tests/unit/journal_fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sys/resource.h>
#include <sys/stat.h>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

struct Trouble : JournalFixture {
  std::vector<std::filesystem::path> moved_aside() const {
    std::vector<std::filesystem::path> names;
    for (const auto& entry : std::filesystem::directory_iterator(file.parent_path())) {
      if (entry.path().filename().string().starts_with("journal.db.corrupt-")) {
        names.push_back(entry.path());
      }
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  void write_some() {
    auto journal = open();
    PassId pass;
    append_txn(journal, pass, 3);
  }
};

void damage(const std::filesystem::path& file) {
  run_sql(file, "pragma wal_checkpoint(truncate)");
  auto bytes = read_text(file);
  std::fill(bytes.begin(), bytes.begin() + 4096, '\x5a');
  write_text(file, bytes);
}

bool starts_with_recovery(const std::vector<StoredEntry>& entries,
                          const std::filesystem::path& moved) {
  return !entries.empty() && entries[0].entry.kind == Kind::recovery &&
         entries[0].entry.detail.value_or("").find(
             "\"reason\":\"corrupt journal moved aside\",\"moved_to\":\"" + moved.string()) !=
             std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_trouble, Trouble)

BOOST_AUTO_TEST_CASE(full_disk_is_an_error_and_leaves_nothing_half_done) {
  auto journal = open();
  PassId pass;
  append_txn(journal, pass, 3);
  journal.append_outcome(pass, journal_definition(), 1, Outcome::committed);
  const auto size_bytes = std::filesystem::file_size(file.string() + "-wal");
  PassId second;
  const auto error = [&] {
    const FileSizeLimit limit(size_bytes + 200'000);
    return error_of([&] { append_txn(journal, second, 1000, "big", 5000); });
  }();
  BOOST_TEST((error.kind() == ErrorKind::failure));
  BOOST_TEST(std::string(error.what()).find(file.string()) != std::string::npos);
  BOOST_TEST(error.hint().find("Nothing is committed") != std::string::npos);
  BOOST_TEST(second.id == 0);
  BOOST_TEST(entries().size() == 4u);
  BOOST_TEST(!verify().broken_seq.has_value());
  BOOST_TEST(journal.unsettled().empty());  // The outcome is still queued.
  append_txn(journal, second, 1);
  BOOST_TEST(second.id == 6);
  BOOST_TEST((entries()[4].entry.kind == Kind::outcome));
  BOOST_TEST(entries().size() == 7u);
  BOOST_TEST(!verify().broken_seq.has_value());
  BOOST_TEST(moved_aside().empty());
}

BOOST_AUTO_TEST_CASE(disk_that_is_full_from_the_start_is_an_error_every_time) {
  {
    const FileSizeLimit limit(4096);
    for (int attempt = 0; attempt < 2; ++attempt) {
      BOOST_TEST((error_of([&] { open(); }).kind() == ErrorKind::failure));
    }
  }
  write_some();
  BOOST_TEST(entries().size() == 4u);
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(read_only_file_is_an_error) {
  write_some();
  ::chmod(directory.path().c_str(), 0755);
  ::chmod(file.c_str(), 0400);
  BOOST_TEST(in_child(directory.path(), [&] {
    const auto error = error_of([&] { open(); });
    return error.kind() == ErrorKind::failure &&
           std::string(error.what()).find("permission denied") != std::string::npos;
  }));
  BOOST_TEST(entries().size() == 4u);
}

BOOST_AUTO_TEST_CASE(read_only_directory_is_an_error) {
  std::filesystem::create_directory(directory / "closed");
  ::chmod((directory / "closed").c_str(), 0500);
  BOOST_TEST(in_child(directory.path(), [&] {
    const auto open_there = [&](const char* name) {
      Journal journal(directory / "closed" / name, "daemon", {});
    };
    return error_of([&] { open_there("journal.db"); }).kind() == ErrorKind::failure &&
           error_of([&] { open_there("deeper/journal.db"); }).kind() == ErrorKind::failure;
  }));
}

BOOST_AUTO_TEST_CASE(corrupt_file_is_moved_aside_and_the_new_one_says_so) {
  write_some();
  damage(file);
  const auto damaged = read_text(file);
  auto journal = open();
  BOOST_REQUIRE(!moved_aside().empty());
  const auto moved = moved_aside()[0];
  BOOST_TEST(read_text(moved) == damaged);
  BOOST_TEST(starts_with_recovery(entries(), moved));
  BOOST_REQUIRE(notices.size() == 1u);
  BOOST_TEST(notices[0].find(moved.string()) != std::string::npos);
  PassId pass;
  append_txn(journal, pass, 1);
  BOOST_TEST(entries().size() == 3u);
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(file_that_is_no_database_is_moved_aside_too) {
  std::filesystem::create_directories(file.parent_path());
  write_text(file, "this was a journal once, before somebody redirected into it\n");
  auto journal = open();
  BOOST_REQUIRE(moved_aside().size() == 1u);
  BOOST_TEST(starts_with_recovery(entries(), moved_aside()[0]));
}

BOOST_AUTO_TEST_CASE(corruption_found_while_writing_fails_once_and_then_goes_on) {
  auto journal = open();
  PassId pass;
  append_txn(journal, pass, 2000, "s", 200);
  const auto early = append_txn(journal, pass, 1);
  journal.append_outcome(pass, journal_definition(), 1, Outcome::committed);
  // As a wild pointer or a bad disk would: nobody tells SQLite, the inode stays.
  run_sql(file, "pragma wal_checkpoint(truncate)");
  {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(8192);
    bytes << std::string(std::filesystem::file_size(file) - 8192, '\x5a');
  }
  PassId second;
  const auto error = error_of([&] { append_txn(journal, second, 2000, "t", 200); });
  BOOST_TEST((error.kind() == ErrorKind::failure));
  BOOST_REQUIRE(!moved_aside().empty());
  BOOST_TEST(starts_with_recovery(entries(), moved_aside()[0]));
  append_txn(journal, second, 1);
  // Its number may name another entry in the new journal, so it must not get there.
  journal.append_outcome(pass, journal_definition(), early, Outcome::committed);
  journal.flush();
  BOOST_TEST(entries().size() == 3u);
  BOOST_TEST(ask_sql(file, "select count(*) from entry where kind = 4") == "0");
  BOOST_TEST(ask_sql(file, "select text from definition") == kJournalText);
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(file_that_another_process_moved_aside_is_left) {
  auto journal = open();
  PassId pass;
  append_txn(journal, pass, 1);
  damage(file);
  auto other = open("cron");
  BOOST_REQUIRE(!moved_aside().empty());
  PassId second;
  append_txn(journal, second, 1);
  BOOST_TEST(entries().size() == 3u);
  BOOST_TEST(entries()[1].actor == "daemon");
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(file_that_was_removed_is_begun_anew_and_says_so) {
  auto journal = open();
  PassId pass;
  append_txn(journal, pass, 1);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(file.string() + suffix);
  }
  append_txn(journal, pass, 1);
  BOOST_REQUIRE(entries().size() == 3u);
  BOOST_TEST((entries()[0].entry.kind == Kind::recovery));
  BOOST_TEST(notices.size() == 1u);
}

BOOST_AUTO_TEST_CASE(somebody_elses_database_is_refused_untouched) {
  std::filesystem::create_directories(file.parent_path());
  write_text(file, "");
  run_sql(file, "create table theirs (a); insert into theirs values (1)");
  const auto before = read_text(file);
  const auto error = error_of([&] { open(); });
  BOOST_TEST((error.kind() == ErrorKind::usage));
  BOOST_TEST(!error.hint().empty());
  BOOST_TEST((error_of([&] { verify(); }).kind() == ErrorKind::usage));
  BOOST_TEST((read_text(file) == before));
  BOOST_TEST(moved_aside().empty());
}

BOOST_AUTO_TEST_CASE(newer_schema_is_refused_untouched) {
  write_some();
  run_sql(file,
          "pragma user_version = 7; update compatibility set least_writer = 7;"
          "pragma wal_checkpoint(truncate)");
  const auto before = read_text(file);
  const auto error = error_of([&] { open(); });
  BOOST_TEST((error.kind() == ErrorKind::usage));
  BOOST_TEST(std::string(error.what()).find("schema 7") != std::string::npos);
  BOOST_TEST((error_of([&] { verify(); }).kind() == ErrorKind::usage));
  BOOST_TEST((read_text(file) == before));
  BOOST_TEST(moved_aside().empty());
}

BOOST_AUTO_TEST_CASE(empty_file_becomes_a_journal) {
  std::filesystem::create_directories(file.parent_path());
  write_text(file, "");
  write_some();
  BOOST_TEST(entries().size() == 4u);
  BOOST_TEST(notices.empty());
}

BOOST_AUTO_TEST_SUITE_END()
