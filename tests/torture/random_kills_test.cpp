#include "tests/cli/fixture.h"
#include "tests/torture/closing_table.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <chrono>
#include <csignal>
#include <random>
#include <thread>

namespace {

using namespace converge::tests;

/// Accounts whose flags change while what acts on them is killed.
struct RandomKills : Cli {
  RandomKills() {
    add_accounts(200);
    define("chunked", archiver("-- chunk: 20\n-- parallel: 2\n"));
    define("whole", archiver("-- chunk: 50\n-- limit: 100000\n"));
  }
};

BOOST_FIXTURE_TEST_SUITE(random_kills, RandomKills)

BOOST_AUTO_TEST_CASE(runs_lose_and_invent_nothing) {
  const int wanted = scaled("KILLS", 200);
  ClosingTable table("random_kills: kill -9 of `converge run` at random instants",
                     {"kills", "agreements"});
  int agreements = 0;
  std::mt19937 generator(std::random_device{}());
  for (int killed = 0; killed < wanted; ++killed) {
    archive_accounts("random() < 0.5");
    auto run = start({"run", "--wait", "20s"});
    std::this_thread::sleep_for(
        std::chrono::microseconds(std::uniform_int_distribution<int>(0, 100'000)(generator)));
    run.kill(SIGKILL);
    run.wait();
    dirty_again();
  }
  BOOST_TEST(call({"run", "--wait", "20s"}).status == 0);
  require_agreement();
  ++agreements;
  table.add({std::to_string(wanted), std::to_string(agreements)});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
