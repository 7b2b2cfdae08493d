#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace {

using namespace converge::tests;

void require(int result, const char* what) {
  if (result != 0) throw std::system_error(errno, std::generic_category(), what);
}

/// Gives this process mounts of its own, which end with it however it ends.
void own_mounts() {
  static const bool done = [] {
    require(::unshare(CLONE_NEWNS), "unshare");
    require(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "mount --make-rprivate");
    return true;
  }();
  static_cast<void>(done);
}

/// Runs a program that can write no file beyond so many bytes; errno says EFBIG, as a full disk
/// says ENOSPC.
Words with_file_size(std::uintmax_t bytes) {
  return {"sh", "-c",      "trap '' XFSZ; exec \"$@\"",
          "sh", "prlimit", "--fsize=" + std::to_string(bytes)};
}

struct JournalFaults : Cli {
  JournalFaults() {
    add_accounts(30);
    archive_accounts("id <= 10");
    define("archive", archiver("-- chunk: 5\n"));
  }
  ~JournalFaults() {
    for (const auto& mount : mounts) ::umount2(mount.c_str(), MNT_DETACH);
  }

  /// The first pass, which begins the journal, and then something new to do.
  void begin() {
    BOOST_REQUIRE(call({"run", "archive"}).status == 0);
    archive_accounts("id > 10");
  }

  void require_refused(const CommandResult& result, const std::string& reason) {
    BOOST_TEST_CONTEXT(result.out << result.err) {
      BOOST_TEST(result.status == 1);
      BOOST_TEST(contains(result.err, "converge: error: "));
      BOOST_TEST(contains(result.err, " cannot be written: "));
      BOOST_TEST(contains(result.err, journal.string()));
      BOOST_TEST(contains(result.err, reason));
      BOOST_TEST(
          contains(result.err, "converge: hint: Nothing is committed in PostgreSQL without"));
    }
  }

  void require_next_run_corrects() {
    const auto next = call({"run", "archive"});
    BOOST_TEST(next.status == 0);
    BOOST_TEST(next.err == "");
    BOOST_TEST(left_to_do() == "0");
    require_agreement();
  }

  std::vector<std::filesystem::path> moved_aside() const {
    std::vector<std::filesystem::path> names;
    for (const auto& entry : std::filesystem::directory_iterator(journal.parent_path())) {
      const auto name = entry.path().filename().string();
      if (name.starts_with("journal.db.corrupt-") && !name.ends_with("-wal") &&
          !name.ends_with("-shm")) {
        names.push_back(entry.path());
      }
    }
    return names;
  }

  /// Overwrites a page of the file, which then holds everything.
  void damage(std::int64_t page) {
    BOOST_REQUIRE(
        run_command({"sqlite3", journal.string(), "pragma wal_checkpoint(truncate)"}).status == 0);
    std::fstream file(journal, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp((page - 1) * 8192);
    file << std::string(8192, '\x5a');
    BOOST_REQUIRE(file.good());
  }

  void require_begun_anew(const std::string& told) {
    const auto moved = moved_aside();
    BOOST_REQUIRE(moved.size() == 1u);
    BOOST_TEST(contains(told, "it was moved aside to " + moved[0].string()));
    BOOST_TEST(ask_journal("select detail ->> '$.reason' from entry where seq = 1") ==
               "corrupt journal moved aside");
    BOOST_TEST(ask_journal("select detail ->> '$.moved_to' from entry where seq = 1") ==
               moved[0].string());
    BOOST_TEST(call({"journal", "verify"}).status == 0);
  }

  std::vector<std::filesystem::path> mounts;
};

BOOST_FIXTURE_TEST_SUITE(journal_faults, JournalFaults)

BOOST_AUTO_TEST_CASE(full_disk_stops_a_pass_before_it_commits) {
  if (::geteuid() == 0) {
    own_mounts();
    std::filesystem::create_directory(journal.parent_path());
    mounts.push_back(journal.parent_path());
    require(::mount("none", mounts[0].c_str(), "tmpfs", 0, "size=2m,mode=0700"), "mount tmpfs");
  }
  begin();
  const auto filler = journal.parent_path() / "filler";
  if (::geteuid() == 0) {
    std::ofstream file(filler, std::ios::binary);
    while (file << 'x' << std::flush) {
    }
  } else {
    prefix = with_file_size(std::filesystem::file_size(journal.string() + "-wal"));
  }

  require_refused(call({"run", "archive"}), "");
  BOOST_TEST(audited_rows() == "30");
  BOOST_TEST(left_to_do() == "60");

  std::filesystem::remove(filler);
  prefix.clear();
  require_next_run_corrects();
}

BOOST_AUTO_TEST_CASE(disk_that_fills_in_the_middle_keeps_what_was_recorded) {
  begin();
  // Room for one chunk's record and not for four.
  prefix = with_file_size(std::filesystem::file_size(journal.string() + "-wal") + 80'000);
  const auto result = call({"run", "archive"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, journal.string() + " cannot be written: "));
  BOOST_TEST(audited_rows() != "30");
  BOOST_TEST(left_to_do() != "0");
  prefix.clear();
  require_next_run_corrects();
}

BOOST_AUTO_TEST_CASE(disk_without_room_for_a_journal_stops_everything) {
  prefix = with_file_size(8192);
  require_refused(call({"run", "archive"}), "");
  BOOST_TEST(audited_rows() == "0");
  prefix.clear();
  require_next_run_corrects();
}

BOOST_AUTO_TEST_CASE(read_only_file_system_stops_a_pass) {
  begin();
  const auto directory_of_journal = journal.parent_path();
  if (::geteuid() == 0) {
    own_mounts();
    const auto* path = directory_of_journal.c_str();
    require(::mount(path, path, nullptr, MS_BIND, nullptr), "mount --bind");
    mounts.push_back(directory_of_journal);
    require(::mount("none", path, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), "remount");
    require_refused(call({"run", "archive"}), "read-only file system");
  } else {
    ::chmod(journal.c_str(), 0400);
    require_refused(call({"run", "archive"}), "permission denied");
  }
  BOOST_TEST(left_to_do() == "60");
  // It can still be read.
  BOOST_TEST(call({"journal", "verify"}).status == 0);

  ::umount2(directory_of_journal.c_str(), MNT_DETACH);
  ::chmod(journal.c_str(), 0600);
  require_next_run_corrects();
}

BOOST_AUTO_TEST_CASE(journal_of_another_user_stops_a_pass) {
  begin();
  prefix = as_nobody();
  const auto readable_binary = directory / "converge";
  std::filesystem::copy_file(binary, readable_binary);
  binary = readable_binary;
  ::chmod(journal.parent_path().c_str(), 0755);
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    ::chmod((journal.string() + suffix).c_str(), 0444);
  }
  require_refused(call({"run", "archive"}), "permission denied");
  BOOST_TEST(left_to_do() == "60");
  const auto verified = call({"journal", "verify"});
  BOOST_TEST(verified.status == 0);
  BOOST_TEST(verified.err == "");
}

BOOST_AUTO_TEST_CASE(journal_damaged_at_its_head_is_moved_aside_and_the_pass_goes_on) {
  begin();
  damage(1);
  const auto result = call({"run", "archive"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(left_to_do() == "0");
  require_begun_anew(result.err);
}

BOOST_AUTO_TEST_CASE(journal_damaged_in_its_log_is_moved_aside_and_the_next_pass_goes_on) {
  begin();
  const auto page = ask_journal("select rootpage from sqlite_schema where name = 'entry'");
  damage(std::stoll(page));
  const auto result = call({"run", "archive"});
  require_begun_anew(result.err);
  // What was committed is in the new journal, whether the damage stopped the pass or not.
  BOOST_TEST(ask_journal("select count(*) from \"transaction\" where outcome = 'pending'") == "0");
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(left_to_do() == "0");
}

BOOST_AUTO_TEST_CASE(journal_damaged_in_any_page_stops_nothing_for_long) {
  define("archive", archiver(""));
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  const std::int64_t pages = std::stoll(ask_journal("pragma page_count"));
  BOOST_TEST(pages > 20);
  for (std::int64_t page = 1; page <= pages; ++page) {
    BOOST_TEST_CONTEXT("page " << page) {
      dirty_again();
      std::filesystem::remove_all(journal.parent_path());
      BOOST_REQUIRE(call({"run", "archive"}).status == 0);
      dirty_again();
      damage(page);
      const auto first = call({"run", "archive"});
      const auto second = call({"run", "archive"});
      BOOST_TEST(second.status == 0, first.err << second.err);
      BOOST_TEST(left_to_do() == "0");
      // Damage that nobody met yet is for `journal verify` to find.
      const auto moved = moved_aside();
      for (const auto& name : moved) {
        BOOST_TEST(contains(first.err + second.err, "moved aside to " + name.string()));
      }
      if (!moved.empty()) BOOST_TEST(call({"journal", "verify"}).status == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(foreign_database_is_refused_and_left_alone) {
  std::filesystem::create_directory(journal.parent_path());
  BOOST_REQUIRE(run_command({"sqlite3", journal.string(), "create table mine (x)"}).status == 0);
  const auto before = read_text(journal);
  for (const Words& words :
       {Words{"run", "archive"}, Words{"journal"}, Words{"journal", "verify"}}) {
    const auto result = call(words);
    BOOST_TEST(result.status == 2);
    BOOST_TEST(contains(result.err, journal.string() + " is not a journal of converge"));
    BOOST_TEST(contains(result.err, "converge: hint: "));
  }
  BOOST_TEST(read_text(journal) == before);
  BOOST_TEST(audited_rows() == "0");
}

// What somebody could do to hide a correction.

struct Tampered : JournalFaults {
  void require_broken(const std::string& statements, int first_bad) {
    begin();
    tamper(statements);
    const auto result = call({"journal", "verify"});
    BOOST_TEST(result.status == 1);
    BOOST_TEST(result.out == "");
    BOOST_TEST(contains(result.err, "converge: error: the journal is broken at entry " +
                                        std::to_string(first_bad) + ": "));
    BOOST_TEST(contains(result.err, "converge: hint: "));
    const auto json = call({"journal", "verify", "-o", "json"});
    BOOST_TEST(json.status == 1);
    BOOST_TEST(member(json.out, "verdict") == "broken");
    BOOST_TEST(member(json.out, "broken_seq") == std::to_string(first_bad));
  }
};

BOOST_FIXTURE_TEST_CASE(edited_subject_is_found, Tampered) {
  require_broken("update entry set subject = '99' where seq = 4", 4);
}

BOOST_FIXTURE_TEST_CASE(edited_detail_is_found, Tampered) {
  require_broken("update entry set detail = replace(detail, '1', '2') where seq = 3", 3);
}

BOOST_FIXTURE_TEST_CASE(edited_actor_is_found, Tampered) {
  require_broken("update actor set name = 'mallory'", 1);
}

BOOST_FIXTURE_TEST_CASE(edited_definition_is_found, Tampered) {
  require_broken("update definition set text = text || ' '", 1);
}

BOOST_FIXTURE_TEST_CASE(deleted_entry_is_found, Tampered) {
  require_broken("delete from entry where seq = 5", 5);
}

BOOST_FIXTURE_TEST_CASE(deleted_and_renumbered_entry_is_found, Tampered) {
  require_broken("delete from entry where seq = 5; update entry set seq = seq - 1 where seq = 6",
                 5);
}

BOOST_FIXTURE_TEST_CASE(entries_cut_off_the_end_are_found, Tampered) {
  require_broken("delete from entry where seq = (select max(seq) from entry)", 15);
}

BOOST_FIXTURE_TEST_CASE(swapped_entries_are_found, Tampered) {
  require_broken(
      "update entry set seq = -3 where seq = 3; update entry set seq = 3 where seq = 4;"
      "update entry set seq = 4 where seq = -3",
      3);
}

BOOST_AUTO_TEST_CASE(protecting_triggers_refuse_an_edit) {
  begin();
  for (const char* statement :
       {"update entry set label = 'x'", "delete from entry where seq = 2"}) {
    const auto result = run_command({"sqlite3", journal.string(), statement});
    BOOST_TEST(result.status != 0);
    BOOST_TEST(contains(result.err, "journal entries are append-only"));
  }
  BOOST_TEST(call({"journal", "verify"}).status == 0);
}

BOOST_AUTO_TEST_CASE(documented_views_open_with_sqlite3) {
  archive_accounts("id > 1");
  sql("update account set archived_at = null where id > 1");
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  BOOST_TEST(ask_journal("select seq, converger, pass, txn, subject, label, count, outcome "
                         "from inconsistency") == "2|archive|1|1|1|a1@example.com|3|committed");
  BOOST_TEST(ask_journal("select number, title, count, changes, outcome from step") ==
             "1|archive clusters|2|[{\"cluster\":1},{\"cluster\":2}]|committed\n"
             "2|revoke api keys|1|[{\"api_key\":1}]|committed");
  BOOST_TEST(ask_journal("select seq, converger, database, xid, outcome, settled_by "
                         "from \"transaction\"") == "1|archive|" + database + "|" +
                                                        sql("select distinct xid from audit") +
                                                        "|committed|3");
  BOOST_TEST(ask_journal("select count(*) from inconsistency where version = (select version from "
                         "definition where name = 'archive')") == "1");
  BOOST_TEST(ask_journal("select text from definition where name = 'archive'") ==
             read_text(convergers / "archive.sql"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
