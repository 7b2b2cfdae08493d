#include "tests/unit/journal_fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

constexpr int kBlocks = 34;  // Two stretches of 16 and what is left.

/// A transaction for each block, settled at the start of the next one; the first one only at the
/// very end.
struct LongJournal : JournalFixture {
  LongJournal() {
    auto journal = open("alice");
    PassId pass;
    std::int64_t before = append_txn(journal, pass, 4100, "b0");
    const auto first = before;
    for (int block = 1; block < kBlocks; ++block) {
      const auto txn = append_txn(journal, pass, 4100, "b" + std::to_string(block));
      if (before != first) journal.append_outcome(pass, journal_definition(), before, kGood);
      before = txn;
    }
    journal.append_outcome(pass, journal_definition(), before, kGood);
    journal.append_outcome(pass, journal_definition(), first, kGood);
    journal.append(pass, {.kind = Kind::pause});
    run_sql(file, "pragma wal_checkpoint(truncate)");
  }
  static constexpr auto kGood = Outcome::committed;
};

void copy_journal(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::create_directories(to.parent_path());
  std::filesystem::copy_file(from, to);
}

/// A copy of a journal that is written once.
struct Stretches : JournalFixture {
  Stretches() { copy_journal(original().file, file); }

  static const LongJournal& original() {
    static const LongJournal journal;
    return journal;
  }

  std::int64_t number(const std::string& sql) const { return std::stoll(ask_sql(file, sql)); }
  std::int64_t head() const { return number("select head_seq from chain"); }
  /// Of block 1, 2, ...
  std::int64_t first_of(int block) const {
    return number("select first_seq from block order by 1 limit 1 offset " +
                  std::to_string(block - 1));
  }
  std::int64_t last_of(int block) const {
    return number("select last_seq from block order by 1 limit 1 offset " +
                  std::to_string(block - 1));
  }

  std::int64_t broken_after(const std::string& sql) const {
    tamper(file, sql);
    const auto found = verify();
    BOOST_TEST_MESSAGE(found.reason);
    return found.broken_seq.value_or(0);
  }
};

std::string edit(std::int64_t seq) {
  return "update entry set label = 'x' where seq = " + std::to_string(seq) + ";";
}

std::string exchange(std::int64_t one, std::int64_t other) {
  const auto move = [](std::int64_t from, std::int64_t to) {
    return "update entry set seq = " + std::to_string(to) + " where seq = " + std::to_string(from) +
           ";";
  };
  return move(one, -1) + move(other, one) + move(-1, other);
}

/// What prune does to the file.
std::string prune_up_to(std::int64_t seq) {
  const auto last = std::to_string(seq);
  return "begin immediate;"
         "update chain set pruned_seq = " +
         last +
         ","
         " pruned_hash = (select hash from entry where seq = " +
         last +
         ");"
         "delete from entry where seq <= " +
         last +
         ";"
         "delete from block where last_seq <= " +
         last + "; commit";
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_stretches, Stretches)

BOOST_AUTO_TEST_CASE(long_journal_is_whole) {
  BOOST_TEST(number("select count(*) from block") >= kBlocks - 1);
  std::vector<std::int64_t> done;
  const auto found =
      Reader(file).verify([&](std::int64_t now, std::int64_t) { done.push_back(now); });
  BOOST_TEST(found.reason == "");
  BOOST_TEST(!found.broken_seq.has_value());
  BOOST_TEST(found.entries == head());
  BOOST_TEST(found.head_seq == head());
  BOOST_TEST(done.size() > 8u);
  BOOST_TEST(std::is_sorted(done.begin(), done.end()));
  BOOST_TEST(done.back() == head());
}

BOOST_AUTO_TEST_CASE(edited_entry_is_named_in_whichever_block) {
  for (const int block : {33, 32, 20, 17, 16, 3, 1}) {  // Each before the last one.
    const auto seq = first_of(block) + 1234;
    BOOST_TEST(broken_after(edit(seq)) == seq);
  }
}

BOOST_AUTO_TEST_CASE(edited_entry_at_each_side_of_a_stretch_is_named) {
  for (const auto seq : {first_of(33), last_of(32), first_of(17), last_of(16)}) {
    BOOST_TEST(broken_after(edit(seq)) == seq);
  }
}

BOOST_AUTO_TEST_CASE(entries_before_the_first_bad_one_are_counted) {
  const auto seq = first_of(20) + 5;
  tamper(file, edit(seq));
  BOOST_TEST(verify().entries == seq - 1);
}

BOOST_AUTO_TEST_CASE(forged_hash_of_a_block_is_named_at_its_end) {
  for (const int block : {33, 32, 20, 17, 16, 15, 3}) {
    const auto last = last_of(block);
    BOOST_TEST(broken_after("update block set hash = zeroblob(32) where last_seq = " +
                            std::to_string(last)) == last);
  }
  BOOST_TEST(broken_after("update block set hash = x'00' where last_seq = " +
                          std::to_string(last_of(16))) == last_of(3));
}

BOOST_AUTO_TEST_CASE(forged_times_of_a_block_are_named_at_its_end) {
  const auto last = last_of(18);
  BOOST_TEST(broken_after("update block set max_time_us = max_time_us + 1 where last_seq = " +
                          std::to_string(last)) == last);
}

BOOST_AUTO_TEST_CASE(deleted_block_is_named_at_its_start) {
  for (const int block : {33, 17, 16, 3}) {
    const auto first = first_of(block);
    BOOST_TEST(broken_after("delete from block where first_seq = " + std::to_string(first)) ==
               first);
  }
}

BOOST_AUTO_TEST_CASE(all_blocks_deleted_is_named_at_the_start) {
  BOOST_TEST(broken_after("delete from block") == 1);
}

BOOST_AUTO_TEST_CASE(block_inside_of_another_is_found) {
  const auto first = first_of(5) + 10;
  tamper(file, "insert into block select " + std::to_string(first) + ", " +
                   std::to_string(first + 10) +
                   ", min_time_us, max_time_us, hash from block limit 1");
  BOOST_TEST(verify().broken_seq.value_or(0) == first);
}

BOOST_AUTO_TEST_CASE(blocks_that_the_recorded_open_block_covers_are_found) {
  const auto first = first_of(2);
  BOOST_TEST(broken_after("update chain set block_first_seq = " + std::to_string(first) +
                          ", (block_min_us, block_max_us) = (select min(time_us), max(time_us)"
                          " from entry where seq >= " +
                          std::to_string(first) + ")") == first);
}

BOOST_AUTO_TEST_CASE(moved_end_of_a_block_is_found) {
  // It would be the end of a stretch, with the hash that the entry there really has.
  const auto last = last_of(16);
  const auto seq = std::to_string(last - 7);
  BOOST_TEST(broken_after("update block set last_seq = " + seq +
                          ", hash = (select hash from entry where seq = " + seq +
                          ") where last_seq = " + std::to_string(last)) == last - 6);
}

BOOST_AUTO_TEST_CASE(entries_exchanged_across_the_end_of_a_block_are_named) {
  for (const int block : {20, 16, 3}) {
    const auto last = last_of(block);
    BOOST_TEST(broken_after(exchange(last, last + 1)) == last);
  }
}

BOOST_AUTO_TEST_CASE(deleted_entries_are_named_across_stretches) {
  BOOST_TEST(broken_after("delete from entry where seq = " + std::to_string(first_of(33))) ==
             first_of(33));
  BOOST_TEST(broken_after("delete from entry where seq >= " + std::to_string(first_of(17))) ==
             first_of(17));
  BOOST_TEST(broken_after("delete from entry where seq > " + std::to_string(last_of(3) - 1)) ==
             last_of(3));
}

BOOST_AUTO_TEST_CASE(parts_of_two_journals_are_told_apart_where_they_meet) {
  static const LongJournal other;
  const auto last = std::to_string(last_of(16));
  // Of another one are all entries after block 16, consistent in themselves to the head ...
  tamper(file,
         "attach '" + other.file.string() +
             "' as other;"
             "delete from entry where seq > " +
             last +
             ";"
             "insert into entry select * from other.entry where seq > " +
             last +
             ";"
             "delete from block where last_seq > " +
             last +
             ";"
             "insert into block select * from other.block where last_seq > " +
             last +
             ";"
             "update chain set (head_seq, head_hash, block_first_seq, block_min_us, block_max_us)"
             " = (select head_seq, head_hash, block_first_seq, block_min_us, block_max_us"
             " from other.chain)");
  BOOST_TEST(verify().broken_seq.value_or(0) == last_of(16) + 1);
  // ... and then the hash too that they start from.
  BOOST_TEST(broken_after("attach '" + other.file.string() +
                          "' as other;"
                          "update block set hash = (select hash from other.block b where"
                          " b.last_seq = " +
                          last + ") where last_seq = " + last) == last_of(16));
}

BOOST_AUTO_TEST_CASE(names_of_outcomes_exchanged_with_their_numbers_are_found) {
  const auto first_outcome = number("select min(seq) from entry where outcome = 2");
  BOOST_TEST(broken_after("update entry set outcome = 3 where outcome = 2;"
                          "update outcome set name = 'x' where id = 2;"
                          "update outcome set name = 'committed' where id = 3;"
                          "update outcome set name = 'rolled_back' where id = 2") == first_outcome);
}

BOOST_AUTO_TEST_CASE(unsettled_is_compared_across_stretches) {
  BOOST_TEST(broken_after("insert into unsettled values (1)") == 1);
  BOOST_TEST(broken_after("delete from unsettled") == 0);
}

BOOST_AUTO_TEST_CASE(kept_head_is_compared) {
  const auto kept = [&](std::int64_t seq) {
    return Head{seq, ask_sql(file, "select lower(hex(hash)) from entry where seq = " +
                                       std::to_string(seq))};
  };
  const auto broken = [&](const Head& head) {
    return Reader(file).verify({}, head).broken_seq.value_or(0);
  };
  const auto middle = first_of(20) + 7;
  BOOST_TEST(broken(kept(head())) == 0);
  BOOST_TEST(broken(kept(middle)) == 0);
  BOOST_TEST(broken({middle, kept(middle + 1).hash}) == middle);
  BOOST_TEST(broken({head() + 3, kept(middle).hash}) == head() + 1);
  BOOST_TEST(broken({0, ask_sql(file, "select lower(hex(pruned_hash)) from chain")}) == 0);
}

BOOST_AUTO_TEST_CASE(kept_head_finds_a_journal_that_was_written_anew) {
  const auto seq = first_of(20);
  const Head head{
      seq, ask_sql(file, "select lower(hex(hash)) from entry where seq = " + std::to_string(seq))};
  std::filesystem::remove(file);
  static const LongJournal other;
  copy_journal(other.file, file);
  BOOST_TEST(!verify().broken_seq.has_value());
  const auto found = Reader(file).verify({}, head);
  BOOST_TEST(found.broken_seq.value_or(0) == seq);
  BOOST_TEST(found.reason.find("kept elsewhere") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_a_prune_left_is_whole_and_its_last_pruned_hash_is_compared) {
  const auto last = last_of(20);
  const auto hash = [&](std::int64_t seq) {
    return ask_sql(file, "select lower(hex(hash)) from entry where seq = " + std::to_string(seq));
  };
  const Head before{last - 1, hash(last - 1)};
  const Head exactly{last, hash(last)};
  tamper(file, prune_up_to(last));
  const auto found = Reader(file).verify({}, exactly);
  BOOST_TEST(found.reason == "");
  BOOST_TEST(found.entries == head() - last);
  BOOST_TEST(found.pruned_seq == last);
  BOOST_TEST(!Reader(file).verify({}, before).broken_seq.has_value());
  BOOST_TEST(Reader(file).verify({}, Head{last, before.hash}).broken_seq.value_or(0) == last);
}

BOOST_AUTO_TEST_CASE(prune_meanwhile_is_no_damage) {
  const auto last = last_of(20);
  bool pruned = false;
  const auto prune = [&](std::int64_t, std::int64_t) {
    if (!std::exchange(pruned, true)) tamper(file, prune_up_to(last));
  };
  const auto found = Reader(file).verify(prune);
  BOOST_TEST(found.reason == "");
  BOOST_TEST(found.pruned_seq == last);
  BOOST_TEST(found.entries == head() - last);
}

BOOST_AUTO_TEST_CASE(damage_is_found_in_spite_of_a_prune_meanwhile) {
  const auto last = last_of(20);
  tamper(file, edit(last + 9));
  bool pruned = false;
  const auto found = Reader(file).verify([&](std::int64_t, std::int64_t) {
    if (!std::exchange(pruned, true)) tamper(file, prune_up_to(last));
  });
  BOOST_TEST(found.broken_seq.value_or(0) == last + 9);
}

BOOST_AUTO_TEST_CASE(error_of_the_progress_ends_all_threads) {
  BOOST_CHECK_THROW(
      Reader(file).verify([](std::int64_t, std::int64_t) { throw std::runtime_error("enough"); }),
      std::runtime_error);
}

BOOST_AUTO_TEST_CASE(another_process_appends_meanwhile) {
  const auto before = head();
  const auto child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    try {
      auto journal = open("bob");
      PassId pass;
      for (int number = 0;; ++number) {
        const auto txn = append_txn(journal, pass, 500, "c" + std::to_string(number));
        journal.append_outcome(pass, journal_definition(), txn, Outcome::committed);
      }
    } catch (...) {
    }
    _exit(3);
  }
  std::int64_t last = before;
  for (int round = 0; round < 4; ++round) {
    while (head() == last) {
    }
    const auto found = verify();
    BOOST_TEST(found.reason == "");
    BOOST_TEST(found.head_seq > last);
    BOOST_TEST(found.entries == found.head_seq);
    last = found.head_seq;
  }
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  BOOST_TEST(WIFSIGNALED(status));
  BOOST_TEST(verify().reason == "");
}

BOOST_AUTO_TEST_SUITE_END()
