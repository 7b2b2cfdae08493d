#include "tests/bench/wakeup.h"

#include "tests/bench/daemon_process.h"
#include "tests/bench/flags.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <stop_token>
#include <thread>
#include <vector>

namespace converge::bench {

namespace {

constexpr int kWarmUp = 50;
constexpr int kSamples = 1000;
/// Archived before, as the table's statistics know: where they know of none, both are planned to
/// look for the flag and not for the key.
constexpr int kKnown = 1000;
/// Between flags, so that each finds everybody asleep, as an operator's does.
constexpr std::chrono::milliseconds kPause{3};

/// The least that anybody must do, without a journal.
void work_barely(const std::string& url, const std::stop_token& stop) {
  Session session(url);
  session.prepare("find",
                  "select id, email as label from account "
                  "where archived_at > now() - interval '1 day' and id = $1");
  session.prepare("correct",
                  "update cluster set archived_at = now() "
                  "where account_id = $1 and archived_at is null returning account_id, id");
  session.execute("listen account_archived");
  while (!stop.stop_requested()) {
    const auto account = session.notification(std::chrono::milliseconds(50));
    if (!account) continue;
    session.execute("begin");
    session.execute_prepared("find", *account);
    session.execute_prepared("correct", *account);
    session.execute("commit");
  }
}

/// Milliseconds, sorted.
struct Latencies {
  explicit Latencies(std::vector<double> seconds) : sorted_ms(std::move(seconds)) {
    std::sort(sorted_ms.begin(), sorted_ms.end());
    std::for_each(sorted_ms.begin(), sorted_ms.end(), [](double& value) { value *= 1000; });
  }
  double at(double share) const {
    const auto last = static_cast<double>(sorted_ms.size() - 1);
    return sorted_ms[static_cast<std::size_t>(share * last)];
  }

  std::vector<double> sorted_ms;
};

void tell(const std::string& name, const Latencies& latencies, Results& results) {
  const Results::Figures figures = {{"p50_ms", latencies.at(0.5)},
                                    {"p95_ms", latencies.at(0.95)},
                                    {"p99_ms", latencies.at(0.99)},
                                    {"max_ms", latencies.at(1)}};
  fmt::print("  {:<52}", name);
  for (const auto& [figure, value] : figures) fmt::print("{:>9.3f}", value);
  fmt::print("\n");
  std::fflush(stdout);
  results.add("wake-up " + name, figures);
}

}  // namespace

void measure_wakeup(World& world, const std::string& converge, Results& results) {
  Flags ours(world, kKnown);
  Flags theirs(world, kKnown);
  DaemonProcess daemon(converge, ours.configure(1, "-- every: 1h\n-- listen: account_archived"));
  daemon.wait_until_ready();
  const std::jthread worker([&](const std::stop_token& stop) { work_barely(theirs.url(), stop); });

  std::vector<double> of_daemon;
  std::vector<double> of_worker;
  for (int i = 0; i < kWarmUp + kSamples; ++i) {
    for (const bool is_ours : {i % 2 == 0, i % 2 != 0}) {
      std::this_thread::sleep_for(kPause);
      const double seconds = (is_ours ? ours : theirs).correct_next();
      if (i >= kWarmUp) (is_ours ? of_daemon : of_worker).push_back(seconds);
    }
  }
  daemon.stop();

  fmt::print(
      "\nCOMMIT of a flag to its correction visible, {} samples, ms{:>3}p50{:>9}{:>9}{:>9}\n",
      kSamples, "", "p95", "p99", "max");
  const Latencies daemon_ms(of_daemon);
  const Latencies worker_ms(of_worker);
  tell("converge daemon", daemon_ms, results);
  tell("a bare worker: listen, find, update, commit", worker_ms, results);
  fmt::print("  {:<52}{:>9.2f}{:>9.2f}{:>9.2f}\n", "ratio", daemon_ms.at(0.5) / worker_ms.at(0.5),
             daemon_ms.at(0.95) / worker_ms.at(0.95), daemon_ms.at(0.99) / worker_ms.at(0.99));
  results.add("wake-up ratio", {{"p50", daemon_ms.at(0.5) / worker_ms.at(0.5)},
                                {"p99", daemon_ms.at(0.99) / worker_ms.at(0.99)}});
}

}  // namespace converge::bench
