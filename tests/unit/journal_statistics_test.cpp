#define BOOST_TEST_DYN_LINK
#include "journal/statistics.h"
#include "src/base/clock.h"
#include "tests/unit/journal_fixture.h"

#include <boost/test/unit_test.hpp>

#include <numeric>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kHour = 3'600 * kSecond;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kTen = 1'795'341'600 * kSecond;  // 2026-11-22 10:00:00 UTC.

struct StatisticsFixture : JournalFixture {
  /// Of the archive_account that `append_txn` writes.
  ConvergerStatistics archive(std::int64_t first_us, std::int64_t last_us) const {
    const auto all = Reader(file).statistics(
        {.first_us = first_us, .last_us = last_us, .convergers = {"archive_account"}});
    BOOST_REQUIRE(all.convergers.size() == 1u);
    return all.convergers[0];
  }
  ConvergerStatistics archive() const { return archive(0, wall_time_us()); }

  void append_pass(Journal& journal, PassId& pass, const std::string& converger,
                   const std::string& detail) const {
    journal.register_definition(journal_definition(), kJournalText);
    journal.append(pass,
                   {.kind = Kind::pass,
                    .definition = converger == "archive_account" ? journal_definition()
                                                                 : DefinitionId{converger, ""},
                    .count = 1,
                    .detail = detail});
  }

  /// Gives entries of the open block times of their own; `chain` knows them as a writer would.
  void set_time(std::int64_t seq, std::int64_t time_us) const {
    tests::tamper(file, "update entry set time_us = " + std::to_string(time_us) +
                            " where seq = " + std::to_string(seq) +
                            "; update chain set"
                            " block_min_us = (select min(time_us) from entry"
                            "  where seq >= block_first_seq),"
                            " block_max_us = (select max(time_us) from entry"
                            "  where seq >= block_first_seq)");
  }
};

std::int64_t number(const std::filesystem::path& file, const std::string& sql) {
  return std::stoll(ask_sql(file, sql));
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_statistics, StatisticsFixture)

BOOST_AUTO_TEST_CASE(each_converger_is_counted_by_itself) {
  auto journal = open();
  PassId pass;
  const auto txn = append_txn(journal, pass, 3);
  journal.append_outcome(pass, journal_definition(), txn, Outcome::committed);
  append_pass(journal, pass, "archive_account", R"({"outcome":"converged","duration_ms":12})");
  PassId other;
  journal.append(other, {.kind = Kind::failure, .definition = DefinitionId{"other", ""}});
  append_pass(journal, other, "other", R"({"outcome":"failed","failed":1,"duration_ms":7})");
  journal.append(other, {.kind = Kind::pause, .definition = DefinitionId{"paused", ""}});

  const auto all = Reader(file).statistics({.first_us = 0, .last_us = wall_time_us()});
  BOOST_REQUIRE(all.convergers.size() == 2u);  // Nothing of `paused` is counted here.
  const auto& archive = all.convergers[0];
  BOOST_TEST(archive.converger == "archive_account");
  BOOST_TEST(
      (archive.counts == Counts{.passes = 1, .inconsistencies = 3, .changes = 6, .failures = 0}));
  BOOST_TEST((archive.slowest_pass == txn));
  BOOST_TEST(archive.slowest_ms == 12);
  BOOST_TEST((archive.last_correction_us ==
              number(file, "select max(time_us) from entry where kind = 2")));
  const auto& second = all.convergers[1];
  BOOST_TEST(second.converger == "other");
  BOOST_TEST((second.counts == Counts{.passes = 1, .failures = 1}));
  BOOST_TEST(!second.last_correction_us.has_value());
}

BOOST_AUTO_TEST_CASE(only_what_is_known_to_be_committed_counts_as_corrected) {
  auto journal = open();
  PassId pass;
  const auto end = [&](int inconsistencies, std::optional<Outcome> outcome) {
    const auto txn = append_txn(journal, pass, inconsistencies);
    if (outcome) journal.append_outcome(pass, journal_definition(), txn, *outcome);
  };
  end(1, Outcome::committed);
  end(2, Outcome::rolled_back);
  end(4, Outcome::unknown);
  end(8, std::nullopt);
  end(16, Outcome::committed);
  journal.flush();
  const auto found = archive();
  BOOST_TEST(found.counts.inconsistencies == 17);
  BOOST_TEST(found.counts.changes == 34);
  BOOST_TEST(found.rolled_back == 2);
  BOOST_TEST(found.unknown == 4);
  BOOST_TEST(found.pending == 8);
}

BOOST_AUTO_TEST_CASE(pass_that_broke_off_is_a_failure_and_the_slowest_one_is_named) {
  auto journal = open();
  PassId quick;
  append_pass(journal, quick, "archive", R"({"outcome":"converged","duration_ms":5})");
  PassId slow;
  append_pass(journal, slow, "archive",
              R"({"outcome":"failed","failed":0,"duration_ms":9000,"message":"gone"})");
  PassId held;
  append_pass(journal, held, "archive", R"({"outcome":"held","duration_ms":8999})");
  const auto found = Reader(file).statistics({.last_us = wall_time_us()}).convergers.at(0);
  BOOST_TEST((found.counts == Counts{.passes = 3, .failures = 1}));
  BOOST_TEST((found.slowest_pass == slow.id));
  BOOST_TEST(found.slowest_ms == 9000);
}

BOOST_AUTO_TEST_CASE(detail_that_is_redacted_or_damaged_ends_no_count) {
  auto journal = open();
  for (int i = 0; i < 3; ++i) {
    PassId pass;
    append_pass(journal, pass, "archive", R"({"outcome":"converged","duration_ms":5})");
  }
  tests::tamper(file,
                "update entry set detail = null where seq = 1;"
                "update entry set detail = '{' where seq = 2");
  const auto found = Reader(file).statistics({.last_us = wall_time_us()}).convergers.at(0);
  BOOST_TEST(found.counts.passes == 3);
  BOOST_TEST((found.slowest_pass == 3));
}

BOOST_AUTO_TEST_CASE(both_ends_of_the_window_belong_to_it) {
  auto journal = open();
  for (int i = 0; i < 4; ++i) {
    PassId pass;
    append_pass(journal, pass, "archive_account", "{}");
    set_time(i + 1, kTen + i * kSecond);
  }
  BOOST_TEST(archive(kTen, kTen + 3 * kSecond).counts.passes == 4);
  BOOST_TEST(archive(kTen + 1, kTen + 3 * kSecond).counts.passes == 3);
  BOOST_TEST(archive(kTen, kTen + 3 * kSecond - 1).counts.passes == 3);
  BOOST_TEST(archive(kTen + kSecond, kTen + kSecond).counts.passes == 1);
  BOOST_TEST(archive(kTen + kSecond + 1, kTen + 2 * kSecond - 1).counts.passes == 0);
  BOOST_TEST(archive(0, kTen - 1).counts.passes == 0);
  BOOST_TEST(archive(kTen + kDay, kTen + 2 * kDay).counts.passes == 0);
}

BOOST_AUTO_TEST_CASE(window_is_cut_into_round_stretches) {
  auto journal = open();
  for (int i = 0; i < 3; ++i) {
    PassId pass;
    append_pass(journal, pass, "archive_account", "{}");
  }
  set_time(1, kTen);
  set_time(2, kTen + 3 * kHour - 1);
  set_time(3, kTen + 7 * kDay);
  const auto all = Reader(file).statistics({.first_us = kTen, .last_us = kTen + 7 * kDay});
  BOOST_TEST(all.bucket_us == 3 * kHour);
  const auto& buckets = all.convergers.at(0).buckets;
  BOOST_REQUIRE(buckets.size() == 56u);
  BOOST_TEST(buckets.front().passes == 2);
  BOOST_TEST(buckets.back().passes == 1);
  BOOST_TEST(std::accumulate(buckets.begin(), buckets.end(), std::int64_t{0},
                             [](auto sum, const auto& one) { return sum + one.passes; }) == 3);

  const auto cut = [&](std::int64_t span_us) {
    const auto found = Reader(file).statistics(
        {.first_us = kTen, .last_us = kTen + span_us, .convergers = {"archive_account"}});
    BOOST_TEST(found.convergers.at(0).buckets.size() <= 60u);
    return found.bucket_us;
  };
  BOOST_TEST(cut(0) == kSecond);
  BOOST_TEST(cut(60 * kSecond) == kSecond);
  BOOST_TEST(cut(60 * kSecond + 1) == 2 * kSecond);
  BOOST_TEST(cut(kHour) == 60 * kSecond);
  BOOST_TEST(cut(kDay) == kHour / 2);
  BOOST_TEST(cut(365 * kDay) == 7 * kDay);
  BOOST_TEST(cut(100 * 365 * kDay) == 896 * kDay);
}

BOOST_AUTO_TEST_CASE(window_begins_no_earlier_than_the_journal) {
  auto journal = open();
  PassId pass;
  append_pass(journal, pass, "archive_account", "{}");
  set_time(1, kTen);
  BOOST_TEST(Reader(file).statistics({.first_us = 0, .last_us = kTen + kHour}).first_us == kTen);
  BOOST_TEST(Reader(file).statistics({.first_us = kTen + 1, .last_us = kTen + kHour}).first_us ==
             kTen + 1);
  // One that ends before it is empty, and not turned around.
  const auto before = Reader(file).statistics({.first_us = 0, .last_us = kTen - kHour});
  BOOST_TEST(before.first_us == kTen - kHour);
  BOOST_TEST(before.convergers.empty());
}

BOOST_AUTO_TEST_CASE(journal_without_entries_has_no_statistics) {
  { auto journal = open(); }
  BOOST_TEST(Reader(file).statistics({.last_us = wall_time_us()}).convergers.empty());
}

BOOST_AUTO_TEST_CASE(blocks_outside_the_window_are_not_read) {
  auto journal = open();
  PassId pass;
  for (int i = 0; i < 3; ++i) append_txn(journal, pass, 5'000);  // A sealed block each.
  append_pass(journal, pass, "archive_account", "{}");
  BOOST_REQUIRE(number(file, "select count(*) from block") == 3);
  // Blocks as of three days, the newest first: the clock was put back in between.
  tests::tamper(file, "update entry set time_us = " + std::to_string(kTen) +
                          " - (select count(*) from block where first_seq <= entry.seq) * " +
                          std::to_string(kDay) + " where seq <= 15003;" +
                          "update block set min_time_us = (select min(time_us) from entry where seq"
                          " between first_seq and last_seq), max_time_us = min_time_us;"
                          "update block set max_time_us = min_time_us;");
  const auto pending = [&](std::int64_t first_us, std::int64_t last_us) {
    return archive(first_us, last_us).pending;
  };
  BOOST_TEST(pending(kTen - 3 * kDay, kTen) == 15'000);
  BOOST_TEST(pending(kTen - 2 * kDay, kTen) == 10'000);
  BOOST_TEST(pending(kTen - 2 * kDay, kTen - 2 * kDay) == 5'000);
  BOOST_TEST(pending(kTen - 3 * kDay, kTen - 2 * kDay) == 10'000);
  BOOST_TEST(archive(kTen, wall_time_us()).counts.passes == 1);
  // Were the first block read for this window, this entry of it would be counted.
  tests::tamper(
      file, "update entry set time_us = " + std::to_string(kTen - 2 * kDay) + " where seq = 10");
  BOOST_TEST(pending(kTen - 2 * kDay, kTen - 2 * kDay) == 5'000);
}

BOOST_AUTO_TEST_CASE(reading_keeps_no_checkpoint_from_completing) {
  auto journal = open();
  PassId pass;
  append_txn(journal, pass, 70'000);
  Reader reader(file);
  std::vector<std::int64_t> done;
  const auto found = reader.statistics({.last_us = wall_time_us() + kHour}, [&](auto now, auto of) {
    BOOST_TEST(of == 70'001);
    done.push_back(now);
    append_txn(journal, pass, 1);
    // Busy (1) while any reader is in a transaction that does not see all of the WAL.
    BOOST_TEST(ask_sql(file, "pragma wal_checkpoint(truncate)") == "0");
  });
  BOOST_TEST((done == std::vector<std::int64_t>{65'536, 70'001}));
  BOOST_TEST(found.convergers.at(0).pending == 70'000);  // As of when it was asked.
}

BOOST_AUTO_TEST_CASE(unknown_converger_is_refused_with_the_nearest) {
  auto journal = open();
  PassId pass;
  append_pass(journal, pass, "archive_account", "{}");
  const auto ask = [&](const std::string& name) {
    return error_of([&] {
      Reader(file).statistics({.last_us = kTen, .convergers = {"archive_account", name}});
    });
  };
  const auto error = ask("archive_acount");
  BOOST_TEST((error.kind() == ErrorKind::usage));
  BOOST_TEST(error.what() == "the journal knows no converger archive_acount");
  BOOST_TEST(error.hint() == "Did you mean archive_account?");
  BOOST_TEST(ask("x\x1b").what() == R"(the journal knows no converger x\x1b)");
}

BOOST_AUTO_TEST_CASE(named_convergers_are_told_even_when_they_did_nothing) {
  auto journal = open();
  PassId pass;
  append_pass(journal, pass, "one", "{}");
  append_pass(journal, pass, "two", "{}");
  const auto all = Reader(file).statistics(
      {.first_us = kTen, .last_us = kTen, .convergers = {"two", "one", "two"}});
  BOOST_REQUIRE(all.convergers.size() == 2u);
  BOOST_TEST(all.convergers[0].converger == "one");
  BOOST_TEST((all.convergers[0].counts == Counts{}));
  BOOST_TEST(all.convergers[0].buckets.size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
