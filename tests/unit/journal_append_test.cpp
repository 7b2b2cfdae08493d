#define BOOST_TEST_DYN_LINK
#include "src/base/digest.h"
#include "tests/unit/journal_fixture.h"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

unsigned mode_of(const std::filesystem::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777U : 0;
}

bool append_many(const std::filesystem::path& file, const std::string& actor, int count) {
  Journal journal(file, actor, {});
  PassId pass;
  for (int index = 0; index < count; ++index) {
    journal.append(pass, {.kind = Kind::attempt, .subject = actor});
  }
  return true;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_append, JournalFixture)

BOOST_AUTO_TEST_CASE(transaction_and_its_inconsistencies_are_pending_in_order) {
  auto journal = open("alice");
  PassId pass;
  const auto seq = append_txn(journal, pass, 3);
  const auto all = entries();
  BOOST_REQUIRE(all.size() == 4u);
  BOOST_TEST(seq == 1);
  BOOST_TEST((all[0].entry.kind == Kind::txn));
  for (std::size_t index = 1; index < 4; ++index) {
    BOOST_TEST((all[index].entry.kind == Kind::inconsistency));
    BOOST_TEST(*all[index].entry.subject == "s-" + std::to_string(index - 1));
    BOOST_TEST(*all[index].entry.txn == seq);
    BOOST_TEST(*all[index].entry.count == 2);
    BOOST_TEST((all[index].settled == Outcome::pending));
    BOOST_TEST(all[index].actor == "alice");
    BOOST_TEST((all[index].entry.definition == journal_definition()));
  }
  BOOST_TEST(!verify().broken_seq.has_value());
  BOOST_TEST(verify().entries == 4);
}

BOOST_AUTO_TEST_CASE(set_larger_than_the_early_buffer_is_whole) {
  auto journal = open();
  PassId pass;
  append_txn(journal, pass, 300, "s", 10'000);
  BOOST_TEST(entries().size() == 301u);
  BOOST_TEST(*entries({.newest = 1})[0].entry.subject == "s-299");
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(pass_is_named_by_its_first_entry) {
  auto journal = open();
  PassId first;
  append_txn(journal, first, 1);
  append_txn(journal, first, 1);
  PassId second;
  journal.append(second, {.kind = Kind::failure});
  BOOST_TEST(first.id == 1);
  BOOST_TEST(second.id == 5);
  BOOST_TEST(*entries()[3].entry.pass == 1);
  BOOST_TEST(*entries()[4].entry.pass == 5);
}

BOOST_AUTO_TEST_CASE(pass_that_wrote_nothing_has_no_id_and_no_entry) {
  auto journal = open();
  PassId pass;
  journal.note_pass({.converger = "a", .time_us = 1, .outcome = "unchanged"});
  journal.flush();
  BOOST_TEST(pass.id == 0);
  BOOST_TEST(entries().empty());
}

BOOST_AUTO_TEST_CASE(outcome_rides_on_the_next_append) {
  auto journal = open();
  PassId pass;
  const auto txn = append_txn(journal, pass, 1);
  journal.append_outcome(pass, journal_definition(), txn, Outcome::committed);
  BOOST_TEST(entries().size() == 2u);
  BOOST_TEST(journal.unsettled().empty());
  append_txn(journal, pass, 1);
  const auto all = entries();
  BOOST_REQUIRE(all.size() == 5u);
  BOOST_TEST((all[2].entry.kind == Kind::outcome));
  BOOST_TEST(*all[2].entry.txn == txn);
  BOOST_TEST((all[1].settled == Outcome::committed));
  BOOST_TEST((all[0].settled == Outcome::committed));
  BOOST_TEST((all[4].settled == Outcome::pending));
}

BOOST_AUTO_TEST_CASE(flush_writes_queued_outcomes_and_passes) {
  auto journal = open();
  PassId pass;
  const auto one = append_txn(journal, pass, 1);
  const auto two = append_txn(journal, pass, 1);
  journal.append_outcome(pass, journal_definition(), one, Outcome::committed);
  journal.flush();
  BOOST_TEST(entries().size() == 5u);
  journal.append_outcome(pass, journal_definition(), two, Outcome::rolled_back, R"({"why":"x"})");
  journal.note_pass({.converger = "a", .time_us = 1, .outcome = "converged"});
  BOOST_TEST(entries().size() == 5u);
  journal.flush();
  BOOST_REQUIRE(entries().size() == 6u);
  BOOST_TEST(*entries()[5].entry.detail == R"({"why":"x"})");
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(second_outcome_is_refused) {
  auto journal = open();
  PassId pass;
  const auto txn = append_txn(journal, pass, 1);
  journal.append_outcome(pass, journal_definition(), txn, Outcome::committed);
  const auto again = [&] {
    journal.append_outcome(pass, journal_definition(), txn, Outcome::rolled_back);
  };
  BOOST_TEST((error_of(again).kind() == ErrorKind::usage));
  journal.flush();
  BOOST_TEST(error_of(again).what() == "transaction 1 has an outcome already: committed");
  BOOST_TEST((error_of([&] {
                journal.append(pass,
                               {.kind = Kind::outcome, .txn = txn, .outcome = Outcome::failed});
              }).kind() == ErrorKind::usage));
  journal.append(pass, {.kind = Kind::pause});
  BOOST_TEST(entries().size() == 4u);
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(outcome_of_what_is_no_transaction_is_refused) {
  auto journal = open();
  PassId pass;
  append_txn(journal, pass, 1);
  for (const std::int64_t seq : {2, 99}) {
    BOOST_TEST((error_of([&] {
                  journal.append_outcome(pass, journal_definition(), seq, Outcome::committed);
                }).kind() == ErrorKind::usage));
  }
}

BOOST_AUTO_TEST_CASE(outcome_that_another_process_told_meanwhile_does_not_stop_the_queue) {
  auto journal = open();
  PassId pass;
  const auto one = append_txn(journal, pass, 1);
  const auto two = append_txn(journal, pass, 1);
  journal.append_outcome(pass, journal_definition(), one, Outcome::committed);
  journal.append_outcome(pass, journal_definition(), two, Outcome::committed);
  {
    auto other = open("bob");
    other.append_outcome(pass, journal_definition(), one, Outcome::unknown);
    other.flush();
  }
  journal.flush();
  BOOST_TEST(entries().size() == 6u);
  BOOST_TEST(journal.unsettled().empty());
  BOOST_REQUIRE(notices.size() == 1u);
  BOOST_TEST(notices[0] == "transaction 1 was settled as unknown meanwhile, not as committed");
}

BOOST_AUTO_TEST_CASE(unsettled_tells_what_recovery_must_ask) {
  auto journal = open();
  PassId pass;
  const auto one = append_txn(journal, pass, 1);
  const auto two = append_txn(journal, pass, 1);
  journal.append_outcome(pass, journal_definition(), one, Outcome::committed);
  auto other = open("cron");
  const auto left = other.unsettled();
  BOOST_REQUIRE(left.size() == 2u);
  BOOST_TEST(left[1].seq == two);
  BOOST_TEST(*left[1].pass == pass.id);
  BOOST_TEST((left[1].definition == journal_definition()));
  BOOST_TEST(left[1].txn.xid == "734");
  BOOST_TEST((left[1].txn.server == ServerIdentity{.system_identifier = "7298", .timeline = 1}));
  BOOST_TEST(left[1].txn.database == "prod");
  BOOST_TEST((left[1].writer == this_process()));
  BOOST_REQUIRE(journal.unsettled().size() == 1u);
  BOOST_TEST(journal.unsettled()[0].seq == two);
}

BOOST_AUTO_TEST_CASE(what_next_throws_leaves_nothing) {
  auto journal = open();
  journal.register_definition(journal_definition(), kJournalText);
  PassId other;
  int index = 0;
  const Inconsistency large{.subject = "1", .detail = std::string(500'000, ' ')};
  BOOST_CHECK_THROW(journal.append_pending(other, journal_definition(), {"1", {}, "prod"},
                                           [&] {
                                             if (++index == 5) throw std::runtime_error("no");
                                             return &large;
                                           }),
                    std::runtime_error);
  BOOST_TEST(other.id == 0);
  append_txn(journal, other, 1);
  BOOST_TEST(other.id == 1);
  BOOST_TEST(entries().size() == 2u);
  BOOST_TEST((entries()[1].entry.definition == journal_definition()));
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(writer_holds_the_lock_file_within_its_transaction_only) {
  const auto is_free = [&] {
    const int lock = ::open((file.string() + ".lock").c_str(), O_RDWR | O_CLOEXEC);
    const bool got = ::flock(lock, LOCK_EX | LOCK_NB) == 0;
    ::close(lock);
    return got;
  };
  auto journal = open();
  journal.register_definition(journal_definition(), kJournalText);
  PassId pass;
  BOOST_TEST(is_free());
  bool free_meanwhile = true;
  journal.append_pending(pass, journal_definition(), {"1", {}, "prod"},
                         [&]() -> const Inconsistency* {
                           free_meanwhile = is_free();
                           return nullptr;
                         });
  BOOST_TEST(!free_meanwhile);
  BOOST_TEST(is_free());
}

BOOST_AUTO_TEST_CASE(definition_text_is_kept_once_and_must_be_registered) {
  auto journal = open();
  PassId pass;
  append_txn(journal, pass, 1);
  append_txn(journal, pass, 1);
  BOOST_TEST(ask_sql(file, "select count(*) from definition") == "1");
  BOOST_TEST(ask_sql(file, "select text from definition") == kJournalText);
  const DefinitionId stranger{"stranger", std::string(64, '0')};
  BOOST_TEST((error_of([&] {
                journal.append(pass, {.kind = Kind::failure, .definition = stranger});
              }).kind() == ErrorKind::failure));
  BOOST_TEST((error_of([&] { journal.register_definition(stranger, "text"); }).kind() ==
              ErrorKind::failure));
  journal.append(pass, {.kind = Kind::pause, .definition = DefinitionId{"stranger", ""}});
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(log_goes_on_after_reopening) {
  PassId pass;
  {
    auto journal = open();
    append_txn(journal, pass, 2);
  }
  BOOST_TEST(std::filesystem::exists(file.string() + "-wal"));
  auto journal = open("bob");
  journal.append_outcome(pass, journal_definition(), 1, Outcome::unknown);
  journal.flush();
  BOOST_TEST(entries().size() == 4u);
  BOOST_TEST(entries()[3].actor == "bob");
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(processes_that_append_at_the_same_time_leave_no_gap) {
  std::vector<pid_t> children;
  for (const char* actor : {"one", "two"}) {
    const auto child = ::fork();
    if (child == 0) {
      bool good = false;
      try {
        good = append_many(file, actor, 200);
      } catch (...) {
        _exit(2);
      }
      _exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const auto child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    BOOST_TEST(status == 0);
  }
  const auto found = verify();
  BOOST_TEST(found.entries == 400);
  BOOST_TEST(found.head_seq == 400);
  BOOST_TEST(!found.broken_seq.has_value());
  BOOST_TEST(entries({.subject = "one", .newest = 1000}).size() == 200u);
}

BOOST_AUTO_TEST_CASE(threads_share_one_journal) {
  auto journal = open();
  const auto work = [&] {
    for (int index = 0; index < 25; ++index) {
      PassId pass;
      const auto txn = append_txn(journal, pass, 2);
      journal.append_outcome(pass, journal_definition(), txn, Outcome::committed);
    }
  };
  {
    const std::jthread one(work);
    const std::jthread two(work);
  }
  journal.flush();
  BOOST_TEST(verify().entries == 200);
  BOOST_TEST(!verify().broken_seq.has_value());
  BOOST_TEST(ask_sql(file, "select count(*) from inconsistency where outcome = 'committed'") ==
             "100");
  BOOST_TEST(ask_sql(file, "select count(*) from unsettled") == "0");
}

BOOST_AUTO_TEST_CASE(blocks_seal_the_log_and_cover_it_without_gaps) {
  auto journal = open();
  PassId pass;
  append_txn(journal, pass, 5000);
  append_txn(journal, pass, 4000);
  append_txn(journal, pass, 200);
  BOOST_TEST(ask_sql(file, "select group_concat(first_seq || '-' || last_seq) from block") ==
             "1-5001,5002-9203");
  BOOST_TEST(!verify().broken_seq.has_value());
  tamper(file, "update block set min_time_us = min_time_us - 1 where first_seq = 1");
  BOOST_TEST(verify().broken_seq.value_or(0) == 5001);
}

BOOST_AUTO_TEST_CASE(files_are_private) {
  ::umask(0);
  auto journal = open();
  PassId pass;
  append_txn(journal, pass, 1);
  journal.redaction_key();
  ::umask(022);
  BOOST_TEST(mode_of(file.parent_path()) == 0700u);
  for (const char* suffix : {"", "-wal", "-shm", ".lock", ".key"}) {
    BOOST_TEST_CONTEXT(suffix) { BOOST_TEST(mode_of(file.string() + suffix) == 0600u); }
  }
}

BOOST_AUTO_TEST_CASE(redaction_key_is_made_once) {
  const auto key = open().redaction_key();
  BOOST_TEST(key.size() == 32u);
  BOOST_TEST((open().redaction_key() == key));
  BOOST_TEST(read_text(file.string() + ".key").size() == 32u);
  write_text(file.string() + ".key", "short");
  BOOST_TEST((error_of([&] { open().redaction_key(); }).kind() == ErrorKind::failure));
}

// Rows are written several at a time.
BOOST_AUTO_TEST_CASE(transaction_of_any_size_is_written_whole_and_in_order) {
  auto journal = open();
  PassId pass;
  std::vector<std::string> subjects;
  for (const int size : {0, 1, 31, 32, 33, 64, 100, 1000}) {
    const auto prefix = std::to_string(size) + "-of";
    const auto txn = append_txn(journal, pass, size, prefix);
    for (int i = 0; i < size; ++i) subjects.push_back(fmt::format("{}-{}", prefix, i));
    BOOST_TEST(ask_sql(file, fmt::format("select count(*) from entry where txn = {}", txn)) ==
               std::to_string(size));
  }
  std::vector<std::string> found;
  for (const auto& entry : entries()) {
    if (entry.entry.kind == Kind::inconsistency) found.push_back(*entry.entry.subject);
  }
  BOOST_TEST(found == subjects, boost::test_tools::per_element());
  BOOST_TEST(!verify().broken_seq);
}

BOOST_AUTO_TEST_SUITE_END()
