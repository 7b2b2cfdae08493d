#include "tests/cli/agreement.h"
#include "tests/cli/daemon_fixture.h"
#include "tests/torture/closing_table.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace converge::tests;
using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

constexpr int kAccounts = 200;

/// Operators in sessions of their own, who set flags, take them back, and make wrong again what was
/// corrected, until the object ends.
class Operators {
 public:
  Operators(const Cli& cli, unsigned seed, int count = 2) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, &cli, seed, i] { work(cli, seed + static_cast<unsigned>(i)); });
    }
  }
  ~Operators() { stop(); }
  Operators(const Operators&) = delete;
  Operators& operator=(const Operators&) = delete;

  void stop() {
    over_ = true;
    for (auto& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  int flips() const { return flips_; }

 private:
  void work(const Cli& cli, unsigned seed) {
    std::mt19937 generator(seed);
    const auto among = [&](int most) {
      return std::uniform_int_distribution<int>(0, most)(generator);
    };
    while (!over_) {
      const auto first = among(kAccounts);
      const auto of_some = fmt::format("between {} and {}", first, first + among(kAccounts / 10));
      const std::string statements =
          among(2) > 0
              ? "update account set archived_at = now() where archived_at is null and id " + of_some
              : "update account set archived_at = null where id " + of_some +
                    "; update cluster set archived_at = null where account_id " + of_some +
                    "; update api_key set revoked_at = null where account_id " + of_some;
      try {
        cli.sql(statements);
        ++flips_;
      } catch (const std::exception&) {
        // Two who want the same rows in another order: one of them has to try again.
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(among(40)));
    }
  }

  std::atomic<bool> over_ = false;
  std::atomic<int> flips_ = 0;
  std::vector<std::thread> threads_;
};

/// What was killed, and what came of it.
struct Tally {
  int kills = 0;
  int ended_before = 0;
  int comparisons = 0;
  int disagreements = 0;
};

struct RandomKills : Daemon {
  RandomKills() {
    add_accounts(kAccounts);
    define("archive", archiver("-- every: 1h\n-- listen: account_archived\n-- chunk: 20\n"
                               "-- parallel: 2\n"));
    define("whole", archiver("-- every: 1s\n-- chunk: 50\n-- limit: 100000\n"));
    // Woken for all: passes narrowed to one subject that is flipped on purpose would be a fight.
    sql("create or replace function tell() returns trigger language plpgsql as $$ begin "
        "perform pg_notify('account_archived', ''); return null; end $$");
    directory.write("converge.toml", std::string("[daemon]\n") + kQuiet);
  }

  static std::int64_t since(Clock::time_point begun) {
    return std::chrono::duration_cast<microseconds>(Clock::now() - begun).count();
  }
  static void kill(Command& daemon, Tally& tally) {
    daemon.kill(SIGKILL);
    const auto result = daemon.wait();
    BOOST_TEST(result.signal == SIGKILL, result.out << result.err);
    ++tally.kills;
  }
  int kept_for(int longest_us) {
    return std::uniform_int_distribution<int>(0, longest_us)(generator);
  }
  /// All of the journal against the database, while nobody writes to either.
  void compare(Tally& tally) {
    const auto last = call({"run", "archive", "whole", "--wait", "60s"});
    BOOST_TEST(last.status == 0, last.out << last.err);
    BOOST_TEST(left_to_do() == "0");
    const auto found = disagreement(*this);
    BOOST_TEST(found == "", "seed " << seed << ", after " << tally.kills << " kills: " << found);
    const auto other = run_command({"python3", "tests/verify_journal.py", journal.string()});
    BOOST_TEST(other.status == 0, other.out << other.err);
    ++tally.comparisons;
    if (!found.empty() || other.status != 0) ++tally.disagreements;
  }
  std::string settled(const std::string& outcome) const {
    return ask_journal(
        "select count(*) from entry e join outcome o on o.id = e.outcome where e.kind = 4 and "
        "e.detail ->> '$.settled_by' = 'recovery' and o.name = '" +
        outcome + "'");
  }
  void tell(const std::string& what, const Tally& tally, int flips) const {
    ClosingTable table(fmt::format("random_kills: kill -9 of {} (seed {})", what, seed),
                       {"kills", "ended before", "flag changes", "transactions", "corrections",
                        "settled committed", "settled rolled back", "comparisons", "verdict"});
    table.add(
        {std::to_string(tally.kills), std::to_string(tally.ended_before), std::to_string(flips),
         ask_journal("select count(*) from \"transaction\""), audited_rows(), settled("committed"),
         settled("rolled_back"), std::to_string(tally.comparisons),
         tally.disagreements == 0 ? "all agree" : fmt::format("{} DISAGREE", tally.disagreements)});
    // Kills hit every part: some records were settled in each way by who came after.
    if (wanted < 100) return;
    BOOST_TEST(settled("committed") != "0");
    BOOST_TEST(settled("rolled_back") != "0");
  }

  const unsigned seed =
      static_cast<unsigned>(scaled("SEED", static_cast<int>(std::random_device{}() >> 1)));
  std::mt19937 generator{seed};
  const int wanted = scaled("KILLS", 200);
  const int compared = std::max(1, std::min(50, wanted / 4));  ///< After so many kills each.
};

BOOST_FIXTURE_TEST_SUITE(random_kills, RandomKills)

BOOST_AUTO_TEST_CASE(runs_lose_and_invent_nothing) {
  const auto begun = Clock::now();
  archive_accounts();
  BOOST_REQUIRE(call({"run", "archive"}).status == 0);
  auto longest_us = static_cast<int>(since(begun));
  Tally tally;
  int flips = 0;
  while (tally.kills < wanted) {
    Operators operators(*this, static_cast<unsigned>(generator()));
    for (int batch = 0; batch < compared && tally.kills < wanted;) {
      auto run = start({"run", "archive", "whole", "--wait", "20s", "-q"});
      std::this_thread::sleep_for(microseconds(kept_for(longest_us)));
      run.kill(SIGKILL);
      // As long as a whole run takes on this machine, and as it is loaded now.
      if (run.wait().signal == SIGKILL) {
        ++tally.kills;
        ++batch;
        longest_us += longest_us / 50;
      } else {
        ++tally.ended_before;
        longest_us -= longest_us / 20;
      }
    }
    operators.stop();
    flips += operators.flips();
    compare(tally);
  }
  tell("`converge run`, while operators change flags", tally, flips);
}

BOOST_AUTO_TEST_CASE(daemon_loses_and_invents_nothing) {
  Tally tally;
  int flips = 0;
  while (tally.kills < wanted) {
    // As long as this machine, as it is loaded now, takes to start and correct, and as long again.
    archive_accounts();
    const auto begun = Clock::now();
    auto first = start({"daemon"});
    BOOST_REQUIRE(converges());
    const auto longest_us = static_cast<int>(since(begun)) * 2;
    kill(first, tally);
    Operators operators(*this, static_cast<unsigned>(generator()), 3);
    for (int batch = 1; batch < compared && tally.kills < wanted; ++batch) {
      auto daemon = start({"daemon"});
      std::this_thread::sleep_for(microseconds(kept_for(longest_us)));
      kill(daemon, tally);
    }
    operators.stop();
    flips += operators.flips();
    compare(tally);
  }
  tell("`converge daemon`, while operators change flags", tally, flips);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
