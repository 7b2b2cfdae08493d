#define BOOST_TEST_DYN_LINK
#include "journal/prune.h"
#include "journal/redact.h"
#include "journal/settle.h"
#include "src/base/clock.h"
#include "tests/unit/journal_outside.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <thread>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

using Keys = std::vector<std::string>;

constexpr std::chrono::seconds kPatience{5};
const std::string kSecret = "values-of-the-row-of-";

struct Upkept : OutsideFixture {
  /// A time after all that is in the journal, and before all that is still to come.
  static std::int64_t mark() {
    const auto now_us = wall_time_us() + 1;
    while (wall_time_us() <= now_us) std::this_thread::yield();
    return now_us;
  }
  Pruning prune_before(std::int64_t before_us) {
    return prune(file, "alice", before_us, directory / "archive.db", {});
  }
  bool anywhere(const std::string& text) const {
    return read_text(file).find(text) != std::string::npos ||
           read_text(file.string() + "-wal").find(text) != std::string::npos;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_outside_upkeep, Upkept)

BOOST_AUTO_TEST_CASE(prune_keeps_an_attempt_with_its_outcome) {
  auto journal = open();
  const auto seq = begin(journal, "7");
  const auto before_us = mark();
  auto held_back = prune_before(before_us);
  BOOST_TEST(held_back.entries == 0);
  BOOST_TEST(held_back.held_back == "attempt 1 has no outcome yet");
  end(journal, seq, "7", Outcome::committed);
  journal.flush();
  BOOST_TEST(prune_before(before_us).held_back == "the outcome of entry 1 is not old enough");
  BOOST_TEST(prune_before(mark()).entries == 2);
  BOOST_TEST(!verify().broken_seq.has_value());
  BOOST_TEST(!Reader(directory / "archive.db").verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(transaction_that_was_pruned_still_owes) {
  auto journal = open();
  settle(journal, plan(journal, {"7"}), Outcome::committed);
  journal.flush();
  const auto since_us = Reader(file).state().owed.at(kName).since_us;
  BOOST_TEST(prune_before(mark()).entries == 3);
  BOOST_TEST(owed(journal) == Keys{"7"});
  const auto total = Reader(file).state().owed.at(kName);
  BOOST_TEST(total.ready == 1);
  BOOST_TEST(total.since_us >= since_us);  // As far as the archive is known to reach.
  BOOST_TEST(total.since_us < mark());
}

BOOST_AUTO_TEST_CASE(prune_keeps_what_a_person_has_to_settle) {
  auto journal = open();
  const auto txn = settle(journal, plan(journal, {"7"}), Outcome::unknown);
  journal.flush();
  BOOST_TEST(prune_before(mark()).held_back ==
             "nobody has settled transaction 1, which planned steps outside the database");
  converge::journal::settle(file, "eve", txn, Outcome::rolled_back, "not seen");
  BOOST_TEST(prune_before(mark()).entries == 4);
  BOOST_TEST(owed(journal) == Keys());
}

BOOST_AUTO_TEST_CASE(redaction_erases_what_is_owed_and_what_was_answered) {
  auto journal = open();
  settle(journal, plan(journal, {"7", "8"}, {}, kSecret), Outcome::committed);
  const auto seq = begin(journal, "7", true);
  begin(journal, "8", true);
  const auto refused = error_of([&] { redact(file, "eve", "7", std::nullopt, "law", kPatience); });
  BOOST_TEST(std::string(refused.what()) ==
             "subject 7 is in attempt " + std::to_string(seq) + ", which has no outcome yet");
  end(journal, seq, "7", Outcome::committed, AttemptState::found_done);
  journal.flush();
  BOOST_TEST(redact(file, "eve", "7", std::nullopt, "law", kPatience).entries == 3);
  BOOST_TEST(owed(journal) == Keys{"8"});
  const auto title = attempt_for("7").title;
  BOOST_TEST(!journal.last_outside(kName, title, {"7"}).at(0).has_value());
  BOOST_TEST(journal.last_outside(kName, title, {"8"}).at(0).has_value());
  BOOST_TEST(!anywhere("\"status\":\"200\""));
  BOOST_TEST(!anywhere(attempt_for("7").request));
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(row_that_was_owed_is_nowhere_in_the_file) {
  {
    auto journal = open();
    std::string row(20'000, 'x');  // Several pages of its own.
    row += kSecret + "7";
    settle(journal, plan(journal, {"7"}, {}, row), Outcome::committed);
    settle(journal, plan(journal, {"8"}, {}, kSecret + "8"), Outcome::committed);
    settle(journal, plan(journal, {"9"}, {}, kSecret + "9"), Outcome::rolled_back);
    journal.flush();
    BOOST_TEST(anywhere(kSecret + "7"));
    journal.drop_owed({key_of("7"), key_of("8")});
  }
  BOOST_REQUIRE(ask_sql(file, "pragma wal_checkpoint(truncate)") == "0");
  BOOST_TEST(!anywhere(kSecret));
}

BOOST_AUTO_TEST_SUITE_END()
