#include "tests/cli/fixture.h"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace converge::tests;

/// Runs a program that can write no file beyond so many bytes; errno says EFBIG, as a full disk
/// says ENOSPC.
Words with_file_size(std::uintmax_t bytes) {
  return {"sh", "-c",      "trap '' XFSZ; exec \"$@\"",
          "sh", "prlimit", "--fsize=" + std::to_string(bytes)};
}

struct JournalUpkeep : Cli {
  JournalUpkeep() {
    define("archive", archiver("-- chunk: 5\n"));
    add_accounts(40);
    archive_accounts("id <= 20");
    BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  }

  /// A time after all that is in the journal, as it is written.
  std::string now() const {
    const auto seconds = ask_journal("select max(time_us) / 1000000 + 1 from entry");
    BOOST_REQUIRE(eventually(
        [&] { return sql("select extract(epoch from clock_timestamp()) > " + seconds) == "t"; }));
    return "@" + seconds;
  }
  /// All that is in the journal is older than it is kept by `keep = "1h"` for the commands to come.
  void let_it_grow_old() {
    hours += 2;
    environment["LD_PRELOAD"] = library("faketime/libfaketime.so.1").string();
    environment["FAKETIME"] = "+" + std::to_string(hours) + "h";
    environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
  }
  void correct_more() {
    archive_accounts("id > 20");
    BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  }

  std::string exported(const Words& before = {}) const {
    Words words = before;
    words.insert(words.end(), {"journal", "export"});
    const auto result = call(words);
    BOOST_TEST(result.status == 0, result.err);
    return result.out;
  }
  void require_whole(const std::filesystem::path& file) const {
    const auto result = call({"--journal", file.string(), "journal", "verify"});
    BOOST_TEST(result.status == 0, result.err);
  }
  /// Both verify, and one after the other they are what the journal was.
  void require_moved(const std::string& before) const {
    require_whole(archived);
    require_whole(journal);
    const auto all = exported({"--journal", archived.string()}) + exported();
    BOOST_TEST(all.starts_with(before));
    BOOST_TEST(lines(all).size() == lines(before).size() + 1);  // And the `prune` entry.
    BOOST_TEST(ask_journal("select count(*) from archive") == "1");
  }
  Words prune(const std::string& before) const {
    return {"journal", "prune", "--before", before, "--archive", archived.string()};
  }
  void require_usage(const Words& words, const std::string& message) const {
    const auto result = call(words);
    BOOST_TEST(result.status == 2);
    BOOST_TEST(result.out == "");
    BOOST_TEST(contains(result.err, "converge: error: " + message), result.err);
  }

  std::filesystem::path archived = directory / "archived.db";
  int hours = 0;  ///< How far ahead the commands' clock is.
};

BOOST_FIXTURE_TEST_SUITE(journal_upkeep, JournalUpkeep)

BOOST_AUTO_TEST_CASE(head_is_seq_and_hash) {
  const auto head = ask_journal("select head_seq || ' ' || lower(hex(head_hash)) from chain");
  BOOST_TEST(call({"journal", "head"}).out == head + "\n");
  const auto json = call({"journal", "head", "-o", "json"}).out;
  BOOST_TEST(member(json, "seq") + " " + member(json, "hash") == head);
}

BOOST_AUTO_TEST_CASE(export_is_everything_oldest_first) {
  const auto all = lines(exported());
  BOOST_TEST(std::to_string(all.size()) == ask_journal("select head_seq from chain"));
  for (std::size_t index = 0; index < all.size(); ++index) {
    BOOST_TEST(member(all[index], "seq") == std::to_string(index + 1));
  }
  BOOST_TEST(member(all.back(), "hash") == ask_journal("select lower(hex(head_hash)) from chain"));
}

BOOST_AUTO_TEST_CASE(backup_is_a_journal_and_never_written_over) {
  const auto copy = directory / "backup.db";
  const auto result = call({"journal", "backup", copy.string()});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.err == "");
  BOOST_TEST(result.out == copy.string() + ": " + ask_journal("select head_seq from chain") +
                               " entries, verified, head " + call({"journal", "head"}).out);
  BOOST_TEST(exported({"--journal", copy.string()}) == exported());
  require_usage({"journal", "backup", copy.string()}, copy.string() + " exists already");
  require_usage({"journal", "backup", (directory / "no" / "where.db").string()},
                (directory / "no" / "where.db").string() + " cannot be written: ");
}

/// SQLite would take what it holds for the content of the file that is made.
BOOST_AUTO_TEST_CASE(wal_of_a_file_that_is_gone_is_never_taken_for_the_new_ones) {
  const auto copy = directory / "copy.db";
  BOOST_REQUIRE(call({"journal", "backup", copy.string()}).status == 0);
  correct_more();
  std::filesystem::copy_file(journal.string() + "-wal", copy.string() + "-wal");
  std::filesystem::remove(copy);
  require_usage({"journal", "backup", copy.string()}, copy.string() + "-wal is there, without its");
  require_usage({"journal", "prune", "--before", "now", "--archive", copy.string()},
                copy.string() + "-wal is there, without its");
  BOOST_TEST(!std::filesystem::exists(copy));
}

BOOST_AUTO_TEST_CASE(copy_from_before_a_redaction_is_no_archive) {
  const auto copy = (directory / "copy.db").string();
  BOOST_REQUIRE(call({"journal", "backup", copy}).status == 0);
  BOOST_REQUIRE(call({"journal", "redact", "--subject", "1", "--reason", "law"}).status == 0);
  const auto before = exported();
  require_usage({"journal", "prune", "--before", "now", "--archive", copy},
                copy + " has details that were redacted in the journal since");
  BOOST_TEST(exported() == before);
}

BOOST_AUTO_TEST_CASE(backup_on_a_full_disk_leaves_nothing) {
  const auto copy = directory / "full" / "backup.db";
  std::filesystem::create_directory(copy.parent_path());
  prefix = with_file_size(40'000);
  const auto result = call({"journal", "backup", copy.string()});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, "converge: error: " + copy.string() + " cannot be written: "));
  BOOST_TEST(contains(result.err, "converge: hint: See to the space"));
  BOOST_TEST(std::filesystem::is_empty(copy.parent_path()));
}

BOOST_AUTO_TEST_CASE(prune_moves_the_old_and_says_where_they_are) {
  const auto before_time = now();
  const auto old = ask_journal("select head_seq from chain");
  correct_more();
  const auto before = exported();
  const auto result = call(prune(before_time));
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.err == "");
  BOOST_TEST(result.out.starts_with(archived.string() + ": " + old + " entries (1 to " + old +
                                    ") moved there, verified, last "));
  require_moved(before);
  for (const Words& words :
       {Words{"journal"}, Words{"journal", "verify"}, Words{"journal", "export"}}) {
    const auto answer = call(words);
    BOOST_TEST(answer.status == 0);
    BOOST_TEST(contains(answer.err, "the journal is complete since "));
    BOOST_TEST(contains(answer.err, "(entry " + std::to_string(std::stoi(old) + 1) +
                                        "); older entries are in " + archived.string()));
  }
  const auto of_archive = call({"--journal", archived.string(), "journal", "--subject", "1"});
  BOOST_TEST(contains(of_archive.out, "1 (a1@example.com)  committed"));
  BOOST_TEST(of_archive.err == "");
  BOOST_TEST(contains(call({"journal"}).out, old + " entries moved to " + archived.string()));
}

BOOST_AUTO_TEST_CASE(prune_without_anything_old_makes_no_file) {
  const auto result = call(prune("-1h"));
  BOOST_TEST(result.status == 0);
  BOOST_TEST(contains(result.out, "nothing older than "));
  BOOST_TEST(!std::filesystem::exists(archived));
}

BOOST_AUTO_TEST_CASE(prune_refuses_nonsense) {
  require_usage(prune("+1h"), "--before: ");
  require_usage(prune("noon-ish"), "");
  require_usage({"journal", "prune", "--before", "-1h"}, "");
  archived = directory.write("taken.db", "mine");
  require_usage(prune(now()), archived.string() + " exists already");
  BOOST_TEST(read_text(archived) == "mine");
}

const std::vector<std::string> kPrunePoints = {
    "prune.copying",       "prune.archive_written", "prune.archive_verified",
    "prune.archive_named", "upkeep_before_commit",  "prune.recorded",
    "prune.deleting",      "prune.deleted",         "prune.vacuumed"};

BOOST_DATA_TEST_CASE_F(JournalUpkeep, killed_prune_goes_on_where_it_was, kPrunePoints, point) {
  const auto before_time = now();
  correct_more();
  const auto before = exported();
  die_at(point, prune(before_time));
  require_whole(journal);
  const auto result = call(prune(before_time));
  BOOST_TEST(result.status == 0, result.err);
  require_moved(before);
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    BOOST_TEST(!contains(entry.path().string(), ".partial"));
  }
}

BOOST_AUTO_TEST_CASE(prune_on_a_full_disk_loses_nothing) {
  const auto before_time = now();
  correct_more();
  const auto before = exported();
  prefix = with_file_size(40'000);
  const auto result = call(prune(before_time));
  BOOST_TEST(result.status == 1);
  BOOST_TEST(
      contains(result.err, "converge: error: " + archived.string() + " cannot be written: "));
  prefix.clear();
  BOOST_TEST(!std::filesystem::exists(archived));
  BOOST_TEST(!std::filesystem::exists(archived.string() + ".partial"));
  BOOST_TEST(exported() == before);
  BOOST_TEST(call(prune(before_time)).status == 0);
  require_moved(before);
}

BOOST_AUTO_TEST_CASE(redact_erases_and_the_chain_holds) {
  const auto detail = ask_journal("select detail from inconsistency where subject = '7'");
  const auto bytes = [&] {
    std::string all;
    for (const auto& entry : std::filesystem::directory_iterator(journal.parent_path())) {
      all += read_text(entry.path());
    }
    return all;
  };
  BOOST_REQUIRE(contains(bytes(), detail));
  const auto result = call({"journal", "redact", "--subject", "7", "--reason", "request 17"});
  BOOST_TEST(result.status == 0, result.err);
  BOOST_TEST(result.err == "");
  BOOST_TEST(contains(result.out, "7: 1 entry redacted, as entry "));
  BOOST_TEST(!contains(bytes(), detail));
  require_whole(journal);
  BOOST_TEST(contains(call({"journal", "-n", "1"}).out, "1 entry redacted: request 17"));
  BOOST_TEST(call({"journal", "redact", "--subject", "7", "--reason", "again"}).out ==
             "7: nothing is left to redact\n");
  require_usage({"journal", "redact", "--subject", "999", "--reason", "x"},
                "the journal has no entry of subject 999");
  require_usage({"journal", "redact", "--subject", "8", "--reason", "  "}, "--reason is empty");
  require_usage({"journal", "redact", "--subject", "8"}, "");
}

BOOST_AUTO_TEST_CASE(killed_redaction_is_whole_or_not_begun_and_ends_when_repeated) {
  const auto detail = ask_journal("select detail from inconsistency where subject = '7'");
  for (const char* point : {"upkeep_before_commit", "redact.before_checkpoint"}) {
    die_at(point, {"journal", "redact", "--subject", "7", "--reason", "request 17"});
    require_whole(journal);
  }
  BOOST_TEST(call({"journal", "redact", "--subject", "7", "--reason", "request 17"}).status == 0);
  BOOST_TEST(!contains(read_text(journal), detail));
  BOOST_TEST(!contains(read_text(journal.string() + "-wal"), detail));
  BOOST_TEST(ask_journal("select count(*) from entry where kind = 15") == "1");
}

BOOST_AUTO_TEST_CASE(settle_takes_what_is_unknown) {
  archive_accounts("id = 30");
  die_at("pass.after_append", {"run", "archive"});
  const auto txn = ask_journal("select seq from unsettled");
  require_usage({"journal", "settle", txn, "committed", "--reason", "x"},
                "transaction " + txn + " is pending");
  // Another incarnation of another timeline: the server cannot tell any more.
  tamper("update entry set detail = json_set(detail, '$.timeline', 99) where seq = " + txn);
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  BOOST_REQUIRE(ask_journal("select outcome from \"transaction\" where seq = " + txn) == "unknown");
  const auto result =
      call({"journal", "settle", txn, "rolled_back", "--reason", "the replica has none of it"});
  BOOST_TEST(result.status == 0, result.err);
  BOOST_TEST(result.out.starts_with("transaction " + txn + ": settled as rolled_back, as entry "));
  BOOST_TEST(ask_journal("select outcome from \"transaction\" where seq = " + txn) ==
             "rolled_back");
  BOOST_TEST(contains(call({"journal", "--subject", "30"}).out, "rolled_back"));
  require_usage({"journal", "settle", txn, "committed", "--reason", "x"},
                "transaction " + txn + " has an outcome already: rolled_back");
  require_usage({"journal", "settle", txn, "perhaps", "--reason", "x"}, "");
}

BOOST_AUTO_TEST_CASE(upkeep_begins_no_journal) {
  std::filesystem::remove_all(journal.parent_path());
  for (const Words& words :
       {Words{"journal", "head"}, Words{"journal", "export"},
        Words{"journal", "backup", (directory / "b.db").string()}, prune("-1h"),
        Words{"journal", "redact", "--subject", "1", "--reason", "x"},
        Words{"journal", "settle", "1", "committed", "--reason", "x"}}) {
    require_usage(words, "no journal at " + journal.string());
  }
  BOOST_TEST(!std::filesystem::exists(journal.parent_path()));
}

BOOST_AUTO_TEST_CASE(keep_archives_at_the_end_of_a_run_once_a_day) {
  directory.write("converge.toml", "[journal]\nkeep = \"1h\"\n");
  const auto archives = directory / "state" / "archive";
  let_it_grow_old();
  const auto old = ask_journal("select head_seq from chain");
  archive_accounts("id > 20");
  const auto result = call({"run", "archive"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(contains(result.err, old + " old entries of the journal moved to "), result.err);
  BOOST_TEST(ask_journal("select last_seq from archive") == old);
  const auto count = [&] {
    return std::distance(std::filesystem::directory_iterator(archives),
                         std::filesystem::directory_iterator());
  };
  BOOST_TEST(count() == 1);
  const auto file = std::filesystem::directory_iterator(archives)->path();
  BOOST_TEST(file.filename().string().starts_with("journal-until-20"));
  BOOST_TEST((static_cast<unsigned>(std::filesystem::status(archives).permissions()) == 0700u));
  require_whole(file);
  require_whole(journal);
  let_it_grow_old();
  dirty_again();
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(ask_journal("select count(*) from archive") == "1");
}

BOOST_AUTO_TEST_CASE(keep_goes_on_with_what_was_interrupted) {
  directory.write("converge.toml", "[journal]\nkeep = \"1h\"\n");
  const auto before = lines(exported());
  let_it_grow_old();
  // What one that was killed left on another day.
  const auto archives = journal.parent_path() / "archive";
  std::filesystem::create_directory(archives);
  std::filesystem::permissions(archives, std::filesystem::perms::owner_all);
  std::ofstream(archives / "journal-until-20200101T000000Z.db.partial") << "half";
  for (const char* point :
       {"prune.archive_written", "prune.archive_named", "prune.recorded", "prune.deleted"}) {
    dirty_again();
    die_at(point, {"run", "archive"});
    require_whole(journal);
  }
  dirty_again();
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(ask_journal("select count(*) from archive") == "1");
  const auto file = ask_journal("select file from archive");
  BOOST_TEST(lines(exported({"--journal", file})).size() >= before.size());
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(file).parent_path())) {
    BOOST_TEST(entry.path().extension() != ".partial", entry.path().string());
  }
  require_whole(file);
  require_whole(journal);
}

BOOST_AUTO_TEST_CASE(views_open_read_only_while_a_writer_is_at_it) {
  archive_accounts("id = 30");
  guard_commits("new.account_id = 30");
  const Bystander holder(*this, kCommitLock);
  auto writer = start({"run", "archive"});
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  const auto answer =
      run_command({"sqlite3", "-readonly", journal.string(),
                   "select count(*) from inconsistency; select count(*) from step;"
                   "select outcome from \"transaction\" order by seq desc limit 1"});
  BOOST_TEST(answer.status == 0, answer.err);
  BOOST_TEST(answer.out == "21\n42\npending\n");
  BOOST_TEST(writer.is_running());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
