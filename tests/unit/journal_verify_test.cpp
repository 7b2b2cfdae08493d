#define BOOST_TEST_DYN_LINK
#include "tests/unit/journal_fixture.h"

#include <boost/test/unit_test.hpp>

#include <fstream>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

/// Two transactions: entries 1 to 4 and 5 to 9, with the outcome of the first as entry 5.
struct WrittenJournal : JournalFixture {
  WrittenJournal() {
    auto journal = open("alice");
    PassId pass;
    append_txn(journal, pass, 3, "a");
    journal.append_outcome(pass, journal_definition(), 1, Outcome::committed);
    PassId second;
    append_txn(journal, second, 3, "b");
    BOOST_REQUIRE(!verify().broken_seq.has_value());
  }

  std::int64_t broken_after(const std::string& sql) const {
    tamper(file, sql);
    const auto found = verify();
    BOOST_TEST(found.reason.empty() == !found.broken_seq.has_value());
    return found.broken_seq.value_or(0);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_verify, WrittenJournal)

BOOST_AUTO_TEST_CASE(whole_journal_has_its_head) {
  const auto found = verify();
  BOOST_TEST(found.entries == 9);
  BOOST_TEST(found.head_seq == 9);
  BOOST_TEST(found.head_hash == entries().back().hash);
  BOOST_TEST(found.head_hash.size() == 64u);
}

BOOST_AUTO_TEST_CASE(progress_ends_at_the_total) {
  std::pair<std::int64_t, std::int64_t> last;
  Reader(file).verify([&](std::int64_t done, std::int64_t total) { last = {done, total}; });
  BOOST_TEST(last.first == 9);
  BOOST_TEST(last.second == 9);
}

BOOST_AUTO_TEST_CASE(entries_cannot_be_updated_or_deleted) {
  for (const char* sql : {"update entry set subject = 'x' where seq = 3", "delete from entry"}) {
    BOOST_CHECK_EXCEPTION(run_sql(file, sql), std::runtime_error, [](const auto& error) {
      return std::string(error.what()) == "journal entries are append-only";
    });
  }
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(every_edited_column_is_found) {
  for (const char* column :
       {"time_us = time_us + 1", "kind = 3", "pass = 2", "pass = null", "definition = null",
        "txn = 5", "subject = 'x'", "subject = null", "label = 'x'", "count = 3", "outcome = 2",
        "outcome = null", "detail = replace(detail, 'archive', 'Archive')", "detail = null",
        "detail_sha = zeroblob(32)", "detail_sha = null", "hash = zeroblob(32)", "actor = 99",
        "kind = 99"}) {
    BOOST_TEST_CONTEXT(column) {
      const auto copy = directory / "copy.db";
      for (const char* suffix : {"", "-wal"}) {
        std::filesystem::copy_file(file.string() + suffix, copy.string() + suffix,
                                   std::filesystem::copy_options::overwrite_existing);
      }
      std::filesystem::remove(copy.string() + "-shm");
      tamper(copy, std::string("update entry set ") + column + " where seq = 3");
      BOOST_TEST(Reader(copy).verify().broken_seq.value_or(0) == 3);
    }
  }
}

BOOST_AUTO_TEST_CASE(deleted_entry_is_found) {
  BOOST_TEST(broken_after("delete from entry where seq = 4") == 4);
}

BOOST_AUTO_TEST_CASE(deleted_entry_with_the_others_moved_up_is_found) {
  BOOST_TEST(broken_after("delete from entry where seq = 4;"
                          "update entry set seq = seq - 1 where seq > 4") == 4);
}

BOOST_AUTO_TEST_CASE(swapped_entries_are_found) {
  BOOST_TEST(broken_after("update entry set seq = -1 where seq = 2;"
                          "update entry set seq = 2 where seq = 4;"
                          "update entry set seq = 4 where seq = -1") == 2);
}

BOOST_AUTO_TEST_CASE(truncated_tail_is_found) {
  BOOST_TEST(broken_after("delete from entry where seq > 7") == 8);
}

BOOST_AUTO_TEST_CASE(emptied_log_is_found) { BOOST_TEST(broken_after("delete from entry") == 1); }

BOOST_AUTO_TEST_CASE(entry_beyond_the_head_is_found) {
  BOOST_TEST(
      broken_after("insert into entry select 10, time_us, kind, pass, definition, actor, txn,"
                   " subject, label, count, outcome, detail, detail_sha, hash"
                   " from entry where seq = 9") == 10);
}

BOOST_AUTO_TEST_CASE(edited_head_is_found) {
  BOOST_TEST(broken_after("update chain set head_hash = zeroblob(32)") == 9);
}

BOOST_AUTO_TEST_CASE(edited_start_is_found) {
  BOOST_TEST(broken_after("update chain set journal_id = 'other'") == 1);
}

BOOST_AUTO_TEST_CASE(edited_actor_is_found_at_its_first_entry) {
  {
    auto journal = open("bob");
    PassId pass;
    journal.append(pass, {.kind = Kind::pause});
    journal.append(pass, {.kind = Kind::resume});
  }
  BOOST_TEST(broken_after("update actor set name = 'eve' where name = 'bob'") == 10);
  BOOST_TEST(broken_after("update actor set name = 'bob' where name = 'eve'") == 0);
  BOOST_TEST(broken_after("update actor set build = build + 1 where name = 'alice'") == 1);
}

BOOST_AUTO_TEST_CASE(edited_dictionaries_are_found) {
  BOOST_TEST(broken_after("update kind set name = 'x' where name = 'outcome'") == 5);
  BOOST_TEST(broken_after("update kind set name = 'outcome' where name = 'x'") == 0);
  BOOST_TEST(broken_after("update outcome set name = 'x' where name = 'committed'") == 5);
  BOOST_TEST(broken_after("delete from outcome where name = 'x'") == 5);
}

BOOST_AUTO_TEST_CASE(edited_definition_is_found_at_the_first_entry_that_it_acted_in) {
  BOOST_TEST(broken_after("update definition set text = text || ' '") == 1);
  BOOST_TEST(broken_after("update definition set text = trim(text, ' ')") == 0);
  BOOST_TEST(broken_after("update definition set text = null") == 1);
  BOOST_TEST(verify().reason.find("is missing") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(renamed_definition_is_found) {
  BOOST_TEST(broken_after("update definition set name = 'other'") == 1);
}

BOOST_AUTO_TEST_CASE(unsettled_must_agree_with_the_log) {
  BOOST_TEST(broken_after("insert into unsettled values (1)") == 1);
  BOOST_TEST(broken_after("delete from unsettled where seq = 1") == 0);
  BOOST_TEST(broken_after("delete from unsettled") == 6);
}

BOOST_AUTO_TEST_CASE(missing_detail_is_whole_only_with_an_entry_that_says_it_was_redacted) {
  BOOST_TEST(broken_after("update entry set detail = null where subject = 'a-1'") == 3);
  const auto redact = [&](const char* converger) {
    auto journal = open("bob");
    PassId pass;
    journal.append(pass, {.kind = Kind::redact,
                          .definition = DefinitionId{converger, ""},
                          .subject = "a-1",
                          .detail = R"({"reason":"law"})"});
  };
  redact("another");
  BOOST_TEST(verify().broken_seq.value_or(0) == 3);
  redact("archive_account");
  BOOST_TEST(verify().broken_seq.value_or(0) == 0);
}

BOOST_AUTO_TEST_CASE(redaction_that_names_no_converger_is_about_all_of_them) {
  BOOST_TEST(broken_after("update entry set detail = null where subject = 'a-1'") == 3);
  {
    auto journal = open("bob");
    PassId pass;
    journal.append(pass, {.kind = Kind::redact, .subject = "a-1", .detail = R"({"reason":"law"})"});
  }
  BOOST_TEST(verify().broken_seq.value_or(0) == 0);
}

BOOST_AUTO_TEST_CASE(damaged_page_is_a_finding) {
  {
    auto journal = open();
    PassId pass;
    append_txn(journal, pass, 2000, "c", 500);
  }
  run_sql(file, "pragma wal_checkpoint(truncate)");
  {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(8192L * 60);
    bytes << std::string(8192L * 20, '\x5a');
  }
  const auto found = verify();
  BOOST_TEST(found.broken_seq.value_or(0) > 9);
  BOOST_TEST(found.reason.find("damaged") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
