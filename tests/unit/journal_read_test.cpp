#define BOOST_TEST_DYN_LINK
#include "tests/unit/journal_fixture.h"

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

std::vector<std::int64_t> seqs(const std::vector<StoredEntry>& entries) {
  std::vector<std::int64_t> all;
  for (const auto& entry : entries) all.push_back(entry.seq);
  return all;
}

using Seqs = std::vector<std::int64_t>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_read, JournalFixture)

BOOST_AUTO_TEST_CASE(newest_are_given_oldest_first_and_across_pages) {
  auto journal = open();
  PassId pass;
  append_txn(journal, pass, 999);
  BOOST_TEST((seqs(entries({.newest = 3})) == Seqs{998, 999, 1000}));
  const auto all = seqs(entries({.newest = 700}));
  BOOST_REQUIRE(all.size() == 700u);
  for (std::size_t index = 0; index < all.size(); ++index) {
    BOOST_REQUIRE(all[index] == 301 + static_cast<std::int64_t>(index));
  }
  BOOST_TEST(entries({.newest = 0}).empty());
}

BOOST_AUTO_TEST_CASE(filters_by_subject_and_converger) {
  auto journal = open();
  PassId pass;
  append_txn(journal, pass, 2);                     // 1, 2, 3
  for (const char* name : {"one", "two", "one"}) {  // 4, 5, 6
    journal.append(pass,
                   {.kind = Kind::pause, .definition = DefinitionId{name, ""}, .subject = "s-1"});
  }
  BOOST_TEST((seqs(entries({.subject = "s-1", .newest = 10})) == Seqs{3, 4, 5, 6}));
  BOOST_TEST((seqs(entries({.subject = "s-1", .newest = 2})) == Seqs{5, 6}));
  BOOST_TEST((seqs(entries({.convergers = {"one"}, .newest = 10})) == Seqs{4, 6}));
  BOOST_TEST(
      (seqs(entries({.convergers = {"one", "archive_account"}, .newest = 4})) == Seqs{2, 3, 4, 6}));
  BOOST_TEST((seqs(entries({.convergers = {"two"}, .subject = "s-1", .newest = 4})) == Seqs{5}));
  BOOST_TEST(entries({.convergers = {"none"}, .newest = 4}).empty());
  BOOST_TEST(entries({.convergers = {"none"}, .subject = "s-1", .newest = 4}).empty());
}

BOOST_AUTO_TEST_CASE(entry_is_read_as_it_was_written) {
  auto journal = open("alice");
  PassId pass;
  const std::string odd("a\0b'\n\xf0\x9f\x90\x98", 9);
  journal.append(pass, {.kind = Kind::failure,
                        .definition = DefinitionId{"one", ""},
                        .subject = odd,
                        .label = "",
                        .count = -5,
                        .outcome = Outcome::failed,
                        .detail = R"({"message":"x"})"});
  const auto all = entries();
  BOOST_REQUIRE(all.size() == 1u);
  BOOST_TEST((all[0].entry.subject == odd));
  BOOST_TEST((all[0].entry.label == ""));
  BOOST_TEST((all[0].entry.count == -5));
  BOOST_TEST((all[0].settled == Outcome::failed));
  BOOST_TEST((all[0].entry.detail == R"({"message":"x"})"));
  BOOST_TEST((all[0].entry.definition == DefinitionId{"one", ""}));
  BOOST_TEST(!all[0].entry.txn.has_value());
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(journal_may_be_written_while_a_reader_prints) {
  auto journal = open();
  PassId pass;
  append_txn(journal, pass, 500);
  int seen = 0;
  Reader(file).newest({.newest = 500}, [&](const StoredEntry&) {
    // Truncating waits for every reader: were one in a transaction, it would report busy (1).
    if (seen++ == 100) {
      append_txn(journal, pass, 1);
      BOOST_TEST(ask_sql(file, "pragma wal_checkpoint(truncate)") == "0");
    }
  });
  BOOST_TEST(seen == 500);
}

BOOST_AUTO_TEST_CASE(reader_needs_neither_wal_nor_a_writable_directory) {
  {
    auto journal = open();
    PassId pass;
    append_txn(journal, pass, 1);
  }
  run_sql(file, "pragma wal_checkpoint(truncate)");
  std::filesystem::remove(file.string() + "-wal");
  std::filesystem::remove(file.string() + "-shm");
  BOOST_TEST(entries().size() == 2u);
  std::filesystem::remove(file.string() + "-wal");
  std::filesystem::remove(file.string() + "-shm");
  ::chmod(directory.path().c_str(), 0755);
  ::chmod(file.parent_path().c_str(), 0500);
  BOOST_TEST(in_child(directory.path(), [&] { return entries().size() == 2; }));
  ::chmod(file.parent_path().c_str(), 0700);
}

BOOST_AUTO_TEST_CASE(reader_neither_checkpoints_nor_writes) {
  {
    auto journal = open();
    PassId pass;
    append_txn(journal, pass, 10);
  }
  const auto before = read_text(file);
  const auto wal = read_text(file.string() + "-wal");
  BOOST_TEST(!verify().broken_seq.has_value());
  BOOST_TEST((read_text(file) == before));
  BOOST_TEST((read_text(file.string() + "-wal") == wal));
}

BOOST_AUTO_TEST_CASE(what_is_no_journal_is_a_usage_error) {
  BOOST_TEST((error_of([&] { verify(); }).kind() == ErrorKind::usage));
  const auto text =
      directory.write("text", "hello, this is a text file and not a database at all\n");
  BOOST_TEST((error_of([&] { Reader reader(text); }).kind() == ErrorKind::usage));
}

BOOST_AUTO_TEST_CASE(views_serve_people_with_sqlite3) {
  auto journal = open("alice");
  PassId pass;
  append_txn(journal, pass, 2);
  journal.append_outcome(pass, journal_definition(), 1, Outcome::committed);
  journal.flush();
  BOOST_TEST(ask_sql(file,
                     "select group_concat(converger || ' ' || actor || ' ' || subject || ' ' ||"
                     " count || ' ' || outcome, ', ') from inconsistency") ==
             "archive_account alice s-0 2 committed, archive_account alice s-1 2 committed");
  BOOST_TEST(ask_sql(file,
                     "select subject || ' ' || number || ' ' || title || ' ' || count || ' ' ||"
                     " changes || ' ' || outcome from step") ==
             R"(s-0 1 archive clusters 2 [{"cluster":""}] committed)");
  BOOST_TEST(ask_sql(file,
                     "select xid || ' ' || \"database\" || ' ' || outcome || ' ' || settled_by"
                     " from \"transaction\"") == "734 prod committed 4");
  BOOST_TEST(ask_sql(file, "select time like '20__-__-__ __:__:__.______' from inconsistency") ==
             "1");
  BOOST_TEST(
      ask_sql(file, "select sql from sqlite_schema where name = 'step'").find("-- One row") !=
      std::string::npos);
}

BOOST_AUTO_TEST_CASE(file_has_the_settings_of_its_format) {
  open();
  BOOST_TEST(ask_sql(file, "pragma application_id") == std::to_string(0x434e5647));
  BOOST_TEST(ask_sql(file, "pragma user_version") == "6");
  BOOST_TEST(ask_sql(file, "pragma auto_vacuum") == "2");
  BOOST_TEST(ask_sql(file, "pragma page_size") == "4096");
  BOOST_TEST(ask_sql(file, "pragma journal_mode") == "wal");
  BOOST_TEST(ask_sql(file,
                     "select count(*) from pragma_table_list where schema = 'main' and"
                     " type = 'table' and not strict and name not like 'sqlite%'") == "0");
}

BOOST_AUTO_TEST_SUITE_END()
