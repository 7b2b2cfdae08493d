#include "tests/support/proxy.h"
#include "tests/torture/claims.h"
#include "tests/torture/closing_table.h"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <csignal>
#include <thread>

namespace {

using namespace converge::tests;

/// What happens at a message.
struct Blow {
  const char* name;
  WireFault fault;
  bool kills;  ///< The process as well, at the same moment.
};

constexpr Blow kBlows[] = {
    {"delayed", WireFault::delayed, false},
    {"cut before", WireFault::cut_before, false},
    {"torn", WireFault::torn, false},
    {"cut after", WireFault::cut_after, false},
    {"reset after", WireFault::reset, false},
    {"half-closed before", WireFault::half_closed_before, false},
    {"half-closed after", WireFault::half_closed_after, false},
    {"black hole before", WireFault::black_hole_before, false},
    {"black hole after", WireFault::black_hole_after, false},
    {"kill -9, not passed on", WireFault::cut_before, true},
    {"kill -9, passed on", WireFault::none, true},
    {"kill -9, black hole after", WireFault::black_hole_after, true},
};

/// Where messages are of the same kind, as far as a COMMIT is concerned.
std::string kind_of(const std::vector<std::string>& places, std::size_t at) {
  if (places[at] == "client Q commit") return "COMMIT";
  if (places[at] == "server C COMMIT") return "its answer";
  if (at > 0 && places[at - 1] == "server C COMMIT") return "its end";
  return "elsewhere";
}

/// One message of those that look alike: the order of connections may change from run to run.
struct Target {
  std::string place;
  int occurrence = 0;  ///< From 1.
  std::string kind;
};

/// Those at and next to a COMMIT, and each `step`th of the others.
std::vector<Target> chosen(const std::vector<std::string>& places, std::size_t step) {
  std::vector<Target> all;
  std::map<std::string, int> seen;
  for (std::size_t at = 0; at < places.size(); ++at) {
    const int occurrence = ++seen[places[at]];
    bool near = false;
    for (std::size_t next = at < 2 ? 0 : at - 2; next < places.size() && next <= at + 2; ++next) {
      near = near || kind_of(places, next) != "elsewhere";
    }
    if (near || at % step == 0) all.push_back({places[at], occurrence, kind_of(places, at)});
  }
  return all;
}

/// A pass whose connections go through a proxy.
struct WireFaults : Cli {
  WireFaults() : proxy(cluster.socket_directory() / ".s.PGSQL.5432") {
    add_accounts(6);
    archive_accounts();
    directory.write("converge.toml", "[database]\nlock_timeout = \"60s\"\n");
    define("archive", archiver("-- chunk: 2\n-- timeout: 60s\n"));
    environment["CONVERGE_DATABASE"] = proxy.url(database);
  }

  /// The messages of a pass to which nothing happens.
  std::vector<std::string> record() {
    std::vector<std::string> places;
    proxy.judge_by([&](const WireMessage& message) {
      places.push_back(message.place());
      return WireFault::none;
    });
    BOOST_REQUIRE(call({"run", "archive"}).status == 0);
    proxy.judge_by({});
    dirty_again();
    return places;
  }

  /// How the command ended at which it was done.
  std::string strike(const Blow& blow, const Target& target) {
    std::atomic<pid_t> victim = 0;
    std::atomic<bool> struck = false;
    proxy.judge_by([&, seen = 0](const WireMessage& message) mutable {
      if (message.place() != target.place || ++seen != target.occurrence) return WireFault::none;
      while (victim == 0) std::this_thread::yield();
      if (blow.kills) ::kill(victim, SIGKILL);
      struck = true;
      return blow.fault;
    });
    auto run = start({"run", "archive"});
    victim = run.pid();
    const auto result = run.wait();
    BOOST_TEST(!result.timed_out);
    require_next_run_corrects();
    return struck ? end_of(result) : "not reached";
  }

  /// The next command goes through, and all that was claimed is so.
  void require_next_run_corrects() {
    proxy.judge_by({});
    const auto next = call({"run", "archive", "--wait", "20s"});
    BOOST_TEST(next.status == 0);
    BOOST_TEST(next.err == "");
    BOOST_TEST(left_to_do() == "0");
    require_agreement();
    dirty_again();
  }

  Proxy proxy;
};

BOOST_FIXTURE_TEST_SUITE(wire_faults, WireFaults)

// Each message of a pass, both ways: handshake, find, steps, COMMIT and its answer.
BOOST_AUTO_TEST_CASE(connection_that_breaks_at_any_message_leaves_true_claims) {
  const auto places = record();
  const auto step = static_cast<std::size_t>(scaled("WIRE_STEP", 25));
  FaultTally tally("wire_faults: a proxy breaks the connection at messages of a pass of " +
                   std::to_string(places.size()) + ": all around COMMIT, else one in " +
                   std::to_string(step));
  for (const Blow& blow : kBlows) {
    for (const Target& target : chosen(places, step)) {
      BOOST_TEST_CONTEXT(blow.name << " at " << target.place << " number " << target.occurrence) {
        const auto work = [&] { return strike(blow, target); };
        if (!tally.tally(blow.name, target.kind, work)) forget_all(*this);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
