#define BOOST_TEST_DYN_LINK
#include "journal/database.h"
#include "tests/unit/journal_outside.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <thread>

namespace {

using namespace converge;
using namespace converge::journal;
using namespace converge::tests;

const auto kAnyone = [](const ProcessIdentity&) { return true; };

}  // namespace

BOOST_FIXTURE_TEST_SUITE(journal_attempt, OutsideFixture)

BOOST_AUTO_TEST_CASE(attempt_is_durable_before_it_is_made) {
  auto journal = open();
  const auto seq = begin(journal, "7");
  BOOST_TEST(seq == 1);
  const auto written = entries().at(0);
  BOOST_TEST((written.entry.kind == Kind::attempt));
  BOOST_TEST((written.settled == Outcome::pending));
  BOOST_TEST(*written.entry.pass == 1);
  BOOST_TEST(*written.entry.subject == "7");
  BOOST_TEST(*written.entry.label == "label of 7");
  BOOST_TEST(written.entry.detail->starts_with(
                 R"({"title":"request deprovisioning","request":"POST http://machine/clusters/7",)"
                 R"("key":")" +
                 key_of("7") + R"(-0","pid":)"),
             *written.entry.detail);
  end(journal, seq, "7", Outcome::committed);
  BOOST_TEST(entries().size() == 1u);  // Queued.
  journal.flush();
  BOOST_TEST((entries().at(0).settled == Outcome::committed));
  BOOST_TEST(ask_sql(file,
                     "select status || ' ' || duration_ms || ' ' || outcome || ' ' ||"
                     " settled_by || ' ' || title from attempt") ==
             "200 5.2 committed 2 request deprovisioning");
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(attempts_that_begin_together_share_a_write) {
  constexpr int kThreads = 16;
  auto journal = open();
  journal.register_definition(journal_definition(), kJournalText);
  std::atomic<int> writes = 0;
  journal.time_writes([&](auto) { ++writes; });
  PassId pass;
  std::vector<std::int64_t> seqs(kThreads);
  {
    std::vector<std::jthread> threads;
    std::barrier all_begin(kThreads + 1);
    const FileLock busy(file);
    for (std::size_t index = 0; index < kThreads; ++index) {
      threads.emplace_back([&, index] {
        const auto attempt = attempt_for(std::to_string(index));
        all_begin.arrive_and_wait();
        seqs[index] = journal.begin_attempt(pass, journal_definition(), attempt, false);
      });
    }
    all_begin.arrive_and_wait();
  }
  std::sort(seqs.begin(), seqs.end());
  BOOST_TEST(seqs.front() == 1);
  BOOST_TEST((std::adjacent_find(seqs.begin(), seqs.end()) == seqs.end()));
  BOOST_TEST(seqs.back() == kThreads);
  BOOST_TEST(writes < kThreads / 2);
  BOOST_TEST(pass.id == 1);
  BOOST_TEST(ask_sql(file, "select count(distinct subject) from attempt where pass = 1") == "16");
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(write_that_fails_fails_every_attempt_in_it) {
  auto journal = open();
  PassId pass;
  const auto attempt = attempt_for("7");
  const auto failed = error_of([&] {
    journal.begin_attempt(pass, {"other", std::string(64, '0')}, attempt, true);
  });
  BOOST_TEST((failed.kind() == ErrorKind::failure));
  BOOST_TEST(pass.id == 0);
  BOOST_TEST(entries().empty());
  BOOST_TEST(!journal.last_outside("other", attempt.title, {"7"}).at(0).has_value());
  BOOST_TEST(begin(journal, "7") == 1);
}

BOOST_AUTO_TEST_CASE(lost_outcome_is_given_up_once) {
  {
    auto journal = open();
    begin(journal, "7");
    end(journal, begin(journal, "8"), "8", Outcome::committed);
    // Killed: the journal's destructor writes no outcomes.
  }
  auto journal = open("cron");
  BOOST_TEST(journal.unsettled().empty());  // Of transactions.
  BOOST_TEST(journal.give_up_attempts([](const auto&) { return false; }) == 0);
  const auto self = this_process();
  BOOST_TEST(journal.give_up_attempts([&](const auto& writer) { return writer == self; }) == 2);
  BOOST_TEST(journal.give_up_attempts(kAnyone) == 0);
  const auto written = entries({.newest = 10, .bookkeeping = true});
  BOOST_REQUIRE(written.size() == 4u);
  BOOST_TEST((written[0].settled == Outcome::unknown));
  BOOST_TEST(*written[2].entry.txn == 1);
  BOOST_TEST(*written[2].entry.detail == R"({"settled_by":"recovery"})");
  BOOST_TEST(!verify().broken_seq.has_value());
}

BOOST_AUTO_TEST_CASE(queued_outcome_is_not_given_up) {
  auto journal = open();
  end(journal, begin(journal, "7"), "7", Outcome::committed);
  BOOST_TEST(journal.give_up_attempts(kAnyone) == 0);
  BOOST_TEST((entries().at(0).settled == Outcome::committed));
}

BOOST_AUTO_TEST_CASE(second_outcome_is_refused) {
  auto journal = open();
  const auto seq = begin(journal, "7");
  end(journal, seq, "7", Outcome::failed);
  journal.flush();
  const auto second = error_of([&] { end(journal, seq, "7", Outcome::committed); });
  BOOST_TEST((second.kind() == ErrorKind::usage));
}

BOOST_AUTO_TEST_CASE(subjects_found_keep_their_key_until_one_succeeds) {
  auto journal = open();
  const auto title = attempt_for("7").title;
  const auto last = [&](const std::string& subject) {
    return journal.last_outside(kName, title, {"other", subject}).at(1);
  };
  BOOST_TEST(!last("7").has_value());
  const auto seq = begin(journal, "7", true);
  BOOST_REQUIRE(last("7").has_value());
  BOOST_TEST(last("7")->key == key_of("7") + "-0");
  BOOST_TEST(last("7")->tried_us == entries().at(0).time_us);
  BOOST_TEST(last("7")->done_us == 0);
  end(journal, seq, "7", Outcome::failed);
  journal.flush();
  BOOST_TEST(last("7")->done_us == 0);
  end(journal, begin(journal, "7", true), "7", Outcome::committed, AttemptState::found_done);
  journal.flush();
  BOOST_TEST(last("7")->done_us >= last("7")->tried_us);
  auto next = attempt_for("7");
  next.key = key_of("b") + "-0";
  PassId pass;
  journal.begin_attempt(pass, journal_definition(), next, true);
  BOOST_TEST(last("7")->key == next.key);
  BOOST_TEST(last("7")->done_us == 0);
}

BOOST_AUTO_TEST_CASE(attempts_for_subjects_no_longer_found_are_forgotten) {
  auto journal = open();
  const auto title = attempt_for("7").title;
  begin(journal, "7", true);
  end(journal, begin(journal, "8", true), "8", Outcome::committed, AttemptState::found_done);
  journal.flush();
  int writes = 0;
  journal.time_writes([&](auto) { ++writes; });
  journal.forget_outside(kName, {"8", "9"});
  journal.forget_outside("other", {"7"});
  journal.purge_outside(kName, title, 5);
  BOOST_TEST(writes == 0);
  journal.forget_outside(kName, {"7", "8"});
  auto left = journal.last_outside(kName, title, {"7", "8"});
  BOOST_TEST(!left.at(0).has_value());
  BOOST_REQUIRE(left.at(1).has_value());
  journal.purge_outside(kName, "another step", left[1]->tried_us + 1);
  BOOST_TEST(journal.last_outside(kName, title, {"8"}).at(0).has_value());
  journal.purge_outside(kName, title, left[1]->tried_us + 1);
  BOOST_TEST(!journal.last_outside(kName, title, {"8"}).at(0).has_value());
  BOOST_TEST(writes == 2);
}

BOOST_AUTO_TEST_SUITE_END()
