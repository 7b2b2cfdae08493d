#define BOOST_TEST_DYN_LINK
#include "journal/settle.h"
#include "tests/unit/journal_outside.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

using Keys = std::vector<std::string>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_owed, OutsideFixture)

BOOST_AUTO_TEST_CASE(committed_transaction_owes_what_it_planned) {
  auto journal = open();
  const auto txn = plan(journal, {"7", "8"}, {}, std::string("a\0b", 3));
  BOOST_TEST(owed(journal) == Keys());  // Pending.
  BOOST_TEST(journal.standing(kName).owes);
  settle(journal, txn, Outcome::committed);
  BOOST_TEST(owed(journal) == (Keys{"7", "8"}));
  settle(journal, plan(journal, {"9"}, {5}), Outcome::committed);
  BOOST_TEST(owed(journal) == (Keys{"7", "8", "9"}));
  BOOST_TEST(owed(journal, "other") == Keys());
  BOOST_TEST(!journal.standing("other").owes);
  const auto first = all_owed(journal).at(0);
  BOOST_TEST(first.key == key_of("7"));
  BOOST_TEST(first.version == journal_definition().version);
  BOOST_TEST(*first.label == "label of 7");
  BOOST_TEST(first.row == std::string("a\0b", 3));
  BOOST_TEST(first.step == 0);
  BOOST_TEST(!first.done);
  BOOST_TEST(first.txn == txn);
  BOOST_TEST(first.pass == txn);
  BOOST_TEST(all_owed(journal).at(2).pass == 5);
}

BOOST_AUTO_TEST_CASE(pages_go_on_where_the_one_before_ended) {
  auto journal = open();
  settle(journal, plan(journal, {"1", "2", "3"}), Outcome::committed);
  settle(journal, plan(journal, {"4"}), Outcome::unknown);
  settle(journal, plan(journal, {"5", "6"}), Outcome::committed);
  OwedPage page{.size = 2};
  std::vector<Keys> pages;
  do {
    pages.emplace_back();
    for (const auto& one : journal.owed(kName, page)) {
      pages.back().push_back(one.subject);
      page.after_txn = one.txn;
      page.after_number = one.number;
    }
    if (pages.size() == 1) journal.drop_owed({key_of("2"), key_of("5")});
  } while (!pages.back().empty());
  BOOST_TEST((pages == std::vector<Keys>{{"1", "2"}, {"3", "6"}, {}}));
  BOOST_TEST(journal.owed_among(kName, {"6", "4", "3", "2"}) == (Keys{"3", "6"}));
  BOOST_TEST(journal.owed_among("other", {"3"}) == Keys());
}

BOOST_AUTO_TEST_CASE(outcome_lost_in_a_crash_owes_once_it_is_found_again) {
  {
    auto journal = open();
    settle(journal, plan(journal, {"7"}), Outcome::committed);
  }
  auto journal = open();
  BOOST_TEST(owed(journal) == Keys());
  settle(journal, journal.unsettled().at(0).seq, Outcome::committed);
  BOOST_TEST(owed(journal) == Keys{"7"});
}

BOOST_AUTO_TEST_CASE(transaction_that_was_not_committed_owes_nothing) {
  auto journal = open();
  settle(journal, plan(journal, {"7"}), Outcome::rolled_back);
  settle(journal, plan(journal, {"8"}), Outcome::failed);
  settle(journal, plan(journal, {"9"}), Outcome::committed);
  BOOST_TEST(owed(journal) == Keys{"9"});
  journal.flush();
  BOOST_TEST(ask_sql(file, "select group_concat(subject) from owed") == "9");
}

BOOST_AUTO_TEST_CASE(unknown_transaction_waits_for_a_person) {
  auto journal = open();
  const auto first = settle(journal, plan(journal, {"7"}), Outcome::unknown);
  const auto second = settle(journal, plan(journal, {"8"}), Outcome::unknown);
  journal.flush();
  BOOST_TEST(owed(journal) == Keys());
  BOOST_TEST(ask_sql(file, "select count(*) from owed") == "2");
  converge::journal::settle(file, "eve", first, Outcome::committed, "seen in the table");
  BOOST_TEST(owed(journal) == Keys{"7"});
  converge::journal::settle(file, "eve", second, Outcome::rolled_back, "not seen");
  BOOST_TEST(ask_sql(file, "select count(*) from owed") == "1");
}

BOOST_AUTO_TEST_CASE(totals_tell_what_is_owed_and_what_waits_for_a_person) {
  auto journal = open();
  BOOST_TEST(Reader(file).state().owed.empty());
  const auto first = settle(journal, plan(journal, {"7", "8"}), Outcome::committed);
  plan(journal, {"9"});  // Pending: it may be owed.
  settle(journal, plan(journal, {"10"}), Outcome::rolled_back);
  const auto unknown = settle(journal, plan(journal, {"11", "12", "13"}), Outcome::unknown);
  settle(journal, plan(journal, {"14"}), Outcome::unknown);
  PassId pass;
  journal.quarantine(pass, {.kind = Kind::failure, .outcome = Outcome::failed},
                     {.converger = kName, .subject = "7", .failures = 1});
  const auto owed = Reader(file).state().owed;
  BOOST_REQUIRE(owed.size() == 1U);
  const OwedTotal& total = owed.at(kName);
  const auto time_of = [&](std::int64_t txn) {
    return std::stoll(
        ask_sql(file, "select time_us from entry where seq = " + std::to_string(txn)));
  };
  BOOST_TEST(total.subjects == 3);
  BOOST_TEST(total.ready == 2);
  BOOST_TEST(total.since_us == time_of(first));
  BOOST_TEST(total.ready_since_us == time_of(first));
  BOOST_TEST(total.unknown == 4);
  BOOST_TEST(total.unknown_txns == 2);
  BOOST_TEST(total.unknown_txn == unknown);
  BOOST_TEST(total.unknown_since_us == time_of(unknown));
  BOOST_TEST(total.begun_us > 0);
}

BOOST_AUTO_TEST_CASE(totals_forget_what_is_in_quarantine_and_what_is_settled) {
  auto journal = open();
  const auto txn = settle(journal, plan(journal, {"7"}), Outcome::unknown);
  settle(journal, plan(journal, {"8"}), Outcome::committed);
  PassId pass;
  journal.quarantine(pass, {.kind = Kind::failure, .outcome = Outcome::failed},
                     {.converger = kName, .subject = "8", .failures = 1});
  auto total = Reader(file).state().owed.at(kName);
  BOOST_TEST(total.subjects == 1);
  BOOST_TEST(total.ready == 0);
  BOOST_TEST(total.ready_since_us == 0);
  BOOST_TEST(total.begun_us == 0);
  converge::journal::settle(file, "eve", txn, Outcome::committed, "seen in the table");
  total = Reader(file).state().owed.at(kName);
  BOOST_TEST(total.subjects == 2);
  BOOST_TEST(total.ready == 1);
  BOOST_TEST(total.unknown == 0);
  BOOST_TEST(total.since_us <= total.ready_since_us);
  journal.drop_owed({key_of("7"), key_of("8")});
  BOOST_TEST(Reader(file).state().owed.empty());
}

BOOST_AUTO_TEST_CASE(step_that_is_done_waits_for_those_after_it) {
  auto journal = open();
  settle(journal, plan(journal, {"7", "8"}), Outcome::committed);
  end(journal, begin(journal, "7"), "7", Outcome::failed);
  end(journal, begin(journal, "8"), "8", Outcome::committed, AttemptState::owed_done);
  BOOST_TEST(!all_owed(journal).at(0).done);
  BOOST_TEST(all_owed(journal).at(1).done);
  journal.advance_owed({key_of("8"), key_of("x")}, 1);
  BOOST_TEST(all_owed(journal).at(1).step == 1);
  BOOST_TEST(!all_owed(journal).at(1).done);
  journal.drop_owed({key_of("8")});
  BOOST_TEST(owed(journal) == Keys{"7"});
  journal.drop_owed({key_of("7")});
  BOOST_TEST(Reader(file).state().owed.empty());
  BOOST_TEST(!journal.standing(kName).owes);
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(reader_tells_what_is_owed_page_by_page) {
  auto journal = open();
  Keys subjects;
  for (int number = 1000; number < 1600; ++number) subjects.push_back(std::to_string(number));
  settle(journal, plan(journal, subjects), Outcome::committed);
  settle(journal, plan(journal, {"unknown"}), Outcome::unknown);
  plan(journal, {"pending"});
  journal.flush();
  subjects.emplace_back("pending");
  Keys told;
  Reader(file).owed(kName, [&](const Owed& owed) {
    BOOST_TEST(owed.key == key_of(owed.subject));
    BOOST_TEST(owed.row == "row");
    told.push_back(owed.subject);
  });
  BOOST_TEST(told == subjects);
  Reader(file).owed("other", [](const Owed&) { BOOST_ERROR("it owes nothing"); });
}

BOOST_AUTO_TEST_SUITE_END()
