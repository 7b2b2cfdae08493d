#include "tests/bench/daemon.h"

#include "tests/bench/daemon_process.h"
#include "tests/bench/flags.h"
#include "tests/bench/wakeup.h"
#include "tests/bench/world.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace converge::bench {

namespace {

using std::chrono::steady_clock;

constexpr const char* kWoken = "-- every: 1h\n-- listen: account_archived";
constexpr int kIdleConvergers = 50;
constexpr int kIdleSubjects = 100;
constexpr std::chrono::seconds kIdleFor{30};
constexpr int kStarts = 11;
constexpr int kRecoveries = 5;

double seconds_since(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

class DaemonBench {
 public:
  DaemonBench(std::string converge, Results& results)
      : converge_(std::move(converge)), results_(results) {}

  void run() {
    measure_wakeup(world_, converge_, results_);
    fmt::print("\nthe daemon, medians{:>46} {:>9}\n", "median", "max");
    measure_start();
    measure_kill();
    measure_server_restart();
    measure_idle();
  }

 private:
  void tell(const std::string& name, const std::vector<double>& seconds) {
    const double most = *std::max_element(seconds.begin(), seconds.end());
    fmt::print("  {:<52}{:>7.1f} ms{:>7.1f} ms\n", name, median(seconds) * 1000, most * 1000);
    std::fflush(stdout);
    results_.add(name, {{"median_ms", median(seconds) * 1000}, {"max_ms", most * 1000}});
  }

  void measure_start() {
    Flags flags(world_);
    const auto configuration = flags.configure(1, kWoken);
    std::vector<double> corrected;
    std::vector<double> stopped;
    for (int i = 0; i < kStarts; ++i) {
      const std::string account = flags.archive_next();
      const auto start = steady_clock::now();
      DaemonProcess daemon(converge_, configuration);
      flags.await_correction(account);
      corrected.push_back(seconds_since(start));
      daemon.wait_until_ready();
      stopped.push_back(daemon.stop());
    }
    tell("exec to the first correction visible", corrected);
    tell("SIGTERM to the end when idle", stopped);
  }

  /// Killed while PostgreSQL commits, so that the next start has a record to settle.
  void measure_kill() {
    Flags flags(world_);
    flags.operator_session().execute(
        "create function wait() returns trigger language plpgsql as $$ begin "
        "perform pg_advisory_xact_lock(7); return null; end $$;"
        "create constraint trigger wait after update on cluster deferrable initially deferred "
        "for each row execute function wait()");
    const auto configuration = flags.configure(1, kWoken);
    std::vector<double> seconds;
    for (int i = 0; i < kRecoveries; ++i) seconds.push_back(kill_and_start(flags, configuration));
    tell("kill -9 with a pending record, restart, next correction", seconds);
  }

  double kill_and_start(Flags& flags, const std::filesystem::path& configuration) {
    Session bystander(flags.url());
    {
      DaemonProcess killed(converge_, configuration);
      killed.wait_until_ready();
      bystander.execute("select pg_advisory_lock(7)");
      flags.archive_next();
      await_lock_wait(bystander);
      killed.kill();
    }
    const std::string next = flags.archive_next();
    const auto start = steady_clock::now();
    DaemonProcess daemon(converge_, configuration);
    bystander.execute("select pg_advisory_unlock(7)");
    flags.await_correction(next);
    const double took = seconds_since(start);
    daemon.wait_until_ready();
    daemon.stop();
    return took;
  }

  static void await_lock_wait(Session& session) {
    const auto deadline = steady_clock::now() + std::chrono::seconds(30);
    while (session.execute("select count(*) from pg_locks where locktype = 'advisory' and "
                           "not granted") == "0") {
      if (steady_clock::now() > deadline) throw std::runtime_error("no correction is committing");
    }
  }

  void measure_server_restart() {
    Flags flags(world_);
    DaemonProcess daemon(converge_, flags.configure(1, kWoken));
    daemon.wait_until_ready();
    flags.await_correction(flags.archive_next());
    std::vector<double> seconds;
    for (int i = 0; i < kRecoveries; ++i) seconds.push_back(restart_server(flags));
    tell("PostgreSQL accepts connections, to a correction", seconds);
    daemon.stop();
  }

  double restart_server(Flags& flags) {
    world_.server().stop();
    // Away for long enough that the daemon's attempts are at their rarest.
    std::this_thread::sleep_for(std::chrono::seconds(5));
    const std::jthread starting([&] { world_.server().start(); });
    while (!is_connected(flags)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const auto accepted = steady_clock::now();
    flags.await_correction(flags.archive_next());
    return seconds_since(accepted);
  }

  static bool is_connected(Flags& flags) {
    try {
      flags.reconnect();
      return true;
    } catch (const std::runtime_error&) {
      return false;  // Still starting.
    }
  }

  void measure_idle() {
    Flags flags(world_, kIdleSubjects);
    DaemonProcess daemon(converge_, flags.configure(kIdleConvergers, "-- every: 10s"));
    daemon.wait_until_ready();
    std::this_thread::sleep_for(std::chrono::seconds(10));  // Each has had its first pass.
    const double before = daemon.cpu_seconds();
    const auto start = steady_clock::now();
    std::this_thread::sleep_for(kIdleFor);
    const double share = (daemon.cpu_seconds() - before) / seconds_since(start) * 100;
    const double resident_mib = daemon.resident_mib();
    daemon.stop();
    fmt::print("  {:<52}{:>8.2f} %{:>8.1f} MiB\n",
               fmt::format("idle, {} convergers every 10s: of a core, resident", kIdleConvergers),
               share, resident_mib);
    results_.add("idle", {{"core_percent", share}, {"resident_mib", resident_mib}});
  }

  std::string converge_;
  Results& results_;
  World world_;
};

}  // namespace

void measure_daemon(const std::string& converge, Results& results) {
  if (!run_if_known({converge, "daemon", "--help"})) {
    fmt::print("\nthe daemon is not in this build\n");
    return;
  }
  DaemonBench(converge, results).run();
}

}  // namespace converge::bench
