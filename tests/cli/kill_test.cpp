#include "tests/cli/fixture.h"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <ostream>
#include <random>
#include <thread>

namespace {

using namespace converge::tests;

/// The ways in which a pass commits.
struct Shape {
  const char* name;
  const char* settings;
  const char* visit;  ///< At which visit of a fault point to die: in the middle.
};
std::ostream& operator<<(std::ostream& stream, const Shape& shape) { return stream << shape.name; }

const std::vector<Shape> kShapes = {
    {"one chunk", "", ""},
    {"chunks one after the other", "-- chunk: 5\n", ":3"},
    {"chunks at once", "-- chunk: 5\n-- parallel: 2\n", ":3"},
    {"all or nothing", "-- chunk: 5\n-- limit: 1000\n", ""},
};

struct Killed : Cli {
  Killed() {
    add_accounts(40);
    archive_accounts();
  }

  void prepare(const Shape& shape) { define("archive", archiver(shape.settings)); }

  /// The next command: it settles what was in flight and corrects the rest.
  void run_again() {
    const auto result = call({"run", "archive", "--wait", "20s"});
    BOOST_TEST(result.status == 0);
    BOOST_TEST(result.err == "");
    BOOST_TEST(left_to_do() == "0");
    require_agreement();
  }

  std::string count(const std::string& outcome) const {
    return ask_journal("select count(*) from \"transaction\" where outcome = '" + outcome + "'");
  }
  std::string settled_by_recovery(const std::string& outcome) const {
    return ask_journal(
        "select count(*) from entry e join outcome o on o.id = e.outcome where e.kind = 4 and "
        "e.detail ->> '$.settled_by' = 'recovery' and o.name = '" +
        outcome + "'");
  }
};

BOOST_FIXTURE_TEST_SUITE(kill, Killed)

BOOST_DATA_TEST_CASE_F(Killed, before_the_record_leaves_no_trace_of_the_chunk, kShapes, shape) {
  prepare(shape);
  die_at("pass.before_append" + std::string(shape.visit), {"run", "archive"});
  BOOST_TEST(left_to_do() != "0");
  run_again();
  // Of several chunks, another one may have been between its record and its commit.
  if (std::string(shape.visit).empty()) BOOST_TEST(count("rolled_back") == "0");
}

BOOST_DATA_TEST_CASE_F(Killed, between_record_and_commit_settles_as_rolled_back, kShapes, shape) {
  prepare(shape);
  die_at("pass.after_append" + std::string(shape.visit), {"run", "archive"});
  BOOST_TEST(count("pending") != "0");
  BOOST_TEST(left_to_do() != "0");
  run_again();
  BOOST_TEST(settled_by_recovery("rolled_back") != "0");
}

BOOST_DATA_TEST_CASE_F(Killed, between_commit_and_outcome_settles_as_committed, kShapes, shape) {
  prepare(shape);
  die_at("pass.after_commit" + std::string(shape.visit), {"run", "archive"});
  BOOST_TEST(count("pending") != "0");
  BOOST_TEST(audited_rows() != "0");
  run_again();
  BOOST_TEST(settled_by_recovery("committed") != "0");
}

BOOST_DATA_TEST_CASE_F(Killed, in_the_journals_own_commit_loses_nothing, kShapes, shape) {
  prepare(shape);
  for (const char* point : {"journal_before_commit", "journal_after_commit"}) {
    for (int visit = 1; visit <= 3; ++visit) {
      dirty_again();
      die_at(point + (":" + std::to_string(visit)), {"run", "archive", "--wait", "20s"});
    }
    run_again();
  }
}

BOOST_AUTO_TEST_CASE(in_recovery_settles_the_next_time) {
  define("archive", archiver(""));
  die_at("pass.after_commit", {"run", "archive"});
  die_at("recovery.before_outcome", {"run", "archive"});
  BOOST_TEST(count("pending") == "1");
  die_at("journal_before_commit", {"run", "archive"});
  BOOST_TEST(count("pending") == "1");
  run_again();
  BOOST_TEST(settled_by_recovery("committed") == "1");
  BOOST_TEST(ask_journal("select count(*) from entry e join kind k on k.id = e.kind "
                         "where k.name = 'recovery'") == "1");
}

BOOST_AUTO_TEST_CASE(after_a_released_commit_the_set_is_not_let_through_again) {
  define("archive", archiver("-- limit: 10\n"));
  const auto held = call({"run", "archive", "-o", "json"});
  BOOST_TEST(held.status == 3);
  const auto digest = member(held.out, "digest");
  BOOST_TEST(call({"release", "archive", digest}).status == 0);
  die_at("pass.after_commit", {"run", "archive"});
  BOOST_TEST(left_to_do() == "0");
  run_again();
  dirty_again();
  BOOST_TEST(call({"run", "archive", "--wait", "20s"}).status == 3);
  BOOST_TEST(left_to_do() == "120");
}

BOOST_AUTO_TEST_CASE(before_a_released_commit_leaves_the_release_standing) {
  define("archive", archiver("-- limit: 10\n"));
  const auto digest = member(call({"run", "archive", "-o", "json"}).out, "digest");
  BOOST_TEST(call({"release", "archive", digest}).status == 0);
  die_at("pass.after_append", {"run", "archive"});
  BOOST_TEST(left_to_do() == "120");
  run_again();
}

BOOST_AUTO_TEST_CASE(record_of_a_live_process_is_left_alone) {
  define("archive", archiver("-- chunk: 20\n-- parallel: 2\n-- timeout: 60s\n"));
  define("idle",
         "-- find:\nselect 1 as id;\n-- step: nothing\n"
         "select id from subject where false;\n");
  guard_commits("new.account_id = 40");
  Bystander bystander(*this, kCommitLock);
  auto writer = start({"run", "archive"});
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  BOOST_REQUIRE(eventually([&] { return audited_rows() == "60"; }));
  // The second chunk's record, and the first one's unless its outcome rode on that.
  const auto pending = count("pending");
  BOOST_TEST(pending != "0");

  const auto other = call({"run", "idle"});
  BOOST_TEST(other.status == 0);
  BOOST_TEST(other.err == "");
  BOOST_TEST(count("pending") == pending);

  bystander.end();
  BOOST_TEST(writer.wait().status == 0);
  BOOST_TEST(count("committed") == "2");
  BOOST_TEST(settled_by_recovery("committed") == "0");
  require_agreement();
}

BOOST_AUTO_TEST_CASE(in_the_middle_of_a_commit_is_asked_about_until_the_server_knows) {
  define("archive", archiver("-- timeout: 60s\n"));
  guard_commits("new.account_id = 40");
  // The server would otherwise notice the death at its next look, and roll back.
  sql("alter function wait() set client_connection_check_interval = 0");
  Bystander bystander(*this, kCommitLock);
  auto writer = start({"run", "archive"});
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  writer.kill(SIGKILL);
  BOOST_TEST(writer.wait().signal == SIGKILL);

  auto next = start({"run", "archive", "--wait", "20s"});
  BOOST_REQUIRE(eventually([&] {
    return sql("select count(*) from pg_stat_activity where datname = current_database() and "
               "application_name = 'converge' and query like 'select pg_xact_status(%'") == "1";
  }));
  BOOST_TEST(count("pending") == "1");
  bystander.end();

  const auto result = next.wait();
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.err == "");
  BOOST_TEST(contains(result.out, "archive  nothing to do, 40 subjects examined"));
  BOOST_TEST(audited_rows() == "120");
  BOOST_TEST(settled_by_recovery("committed") == "1");
  require_agreement();
}

// 200 kills at random instants of runs that each do a pass of chunks at once and a pass of all or
// nothing. What a killed process leaves behind is found by the next one, which may die of it too.
BOOST_AUTO_TEST_CASE(at_random_instants_loses_and_invents_nothing) {
  using Clock = std::chrono::steady_clock;
  constexpr int kKills = 200;
  constexpr int kCompared = 40;
  add_accounts(160);
  archive_accounts();
  define("chunked", archiver("-- chunk: 20\n-- parallel: 2\n"));
  define("whole", archiver("-- chunk: 50\n-- limit: 100000\n"));

  const auto began = Clock::now();
  BOOST_REQUIRE(call({"run", "chunked"}).status == 0);
  dirty_again();
  BOOST_REQUIRE(call({"run", "whole"}).status == 0);
  const auto both = Clock::now() - began;

  const auto seed = std::random_device{}();
  BOOST_TEST_CONTEXT("seed " << seed) {
    std::mt19937 generator(seed);
    auto longest = std::chrono::duration_cast<std::chrono::microseconds>(both / 2).count();
    int killed = 0;
    for (int round = 1; killed < kKills; ++round) {
      BOOST_TEST_REQUIRE(round < 10 * kKills);
      dirty_again();
      auto run = start({"run", round % 2 == 0 ? "chunked" : "whole", "--wait", "20s"});
      std::this_thread::sleep_for(std::chrono::microseconds(
          std::uniform_int_distribution<std::int64_t>(0, longest)(generator)));
      run.kill(SIGKILL);
      if (run.wait().signal == SIGKILL) {
        ++killed;
        longest += longest / 50;
      } else {
        longest -= longest / 20;  // It ended before: the machine is quicker than it was.
        continue;
      }
      if (killed % kCompared != 0) continue;
      const auto last = call({"run", "chunked", "whole", "--wait", "20s"});
      BOOST_TEST(last.status == 0);
      BOOST_TEST(last.err == "");
      BOOST_TEST(left_to_do() == "0");
      require_agreement();
    }
    // Kills hit every part: some records were settled in each way by who came after.
    BOOST_TEST(settled_by_recovery("committed") != "0");
    BOOST_TEST(settled_by_recovery("rolled_back") != "0");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
