#include "src/daemon/gauges.h"

#include "src/base/process.h"
#include "src/base/version.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace converge::daemon {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

ClientMetric sample(double value, std::vector<ClientMetric::Label> labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  return metric;
}

MetricFamily gauge(const char* name, const char* help, std::vector<ClientMetric> samples) {
  return {name, help, MetricType::Gauge, std::move(samples)};
}

template <typename Integer>
MetricFamily gauge(const char* name, const char* help, Integer value) {
  return gauge(name, help, {sample(static_cast<double>(value))});
}

double seconds(std::int64_t time_us) { return static_cast<double>(time_us) / 1e6; }

double seconds(const timespec& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return seconds(time);
}

/// A gauge with a sample for each converger of which `value` knows one.
template <typename Value>
MetricFamily by_converger(const Overview& overview, const char* name, const char* help,
                          const Value& value) {
  std::vector<ClientMetric> samples;
  for (const auto& one : overview.convergers) {
    const std::optional<double> known = value(one);
    if (known) samples.push_back(sample(*known, {{"converger", one.name}}));
  }
  return gauge(name, help, std::move(samples));
}

/// A gauge of two parts that make up a whole.
MetricFamily parts(const char* name, const char* help, const char* used, int in_use, int all) {
  return gauge(name, help,
               {sample(in_use, {{"state", used}}), sample(all - in_use, {{"state", "idle"}})});
}

struct State {
  std::string_view word;
  const char* name;
  const char* help;
};

constexpr std::array kStates = {
    State{"held", "converge_held", "Whether a limit holds the converger."},
    State{"paused", "converge_paused", "Whether a person paused the converger."},
    State{"failing", "converge_failing", "Whether the last pass of the converger failed."},
    State{"silent", "converge_silent", "Whether the converger is overdue by three periods."},
    State{"broken", "converge_broken", "Whether the file of the converger cannot be used."},
};

/// Beside its state, a file that was good once may be broken.
bool is_in(const ConvergerOverview& one, std::string_view state) {
  return one.state == state || (state == "broken" && !one.file_error.empty());
}

/// What is owed for a moment is nothing to be alarmed at: the time tells.
void add_owed(const Overview& overview, std::vector<MetricFamily>& families) {
  families.push_back(by_converger(
      overview, "converge_owed_subjects", "Subjects to which a step outside the database is owed.",
      [](const auto& one) { return static_cast<double>(one.owing.subjects); }));
  families.push_back(by_converger(overview, "converge_owed_since_timestamp_seconds",
                                  "Since when the first step outside the database is owed.",
                                  [](const auto& one) -> std::optional<double> {
                                    if (one.owing.since_us == 0) return std::nullopt;
                                    return seconds(one.owing.since_us);
                                  }));
  families.push_back(by_converger(
      overview, "converge_owed_unknown_subjects",
      "Subjects whose steps outside the database wait for a person to settle a transaction.",
      [](const auto& one) { return static_cast<double>(one.owing.unknown); }));
}

void add_convergers(const Overview& overview, std::vector<MetricFamily>& families) {
  std::transform(
      kStates.begin(), kStates.end(), std::back_inserter(families), [&](const auto& state) {
        return by_converger(overview, state.name, state.help,
                            [&](const auto& one) { return is_in(one, state.word) ? 1.0 : 0.0; });
      });
  families.push_back(
      by_converger(overview, "converge_quarantined_subjects", "Subjects in quarantine.",
                   [](const auto& one) { return static_cast<double>(one.quarantined); }));
  add_owed(overview, families);
  families.push_back(by_converger(overview, "converge_owned",
                                  "Whether this host runs the converger.",
                                  [](const auto& one) { return one.owned ? 1.0 : 0.0; }));
  families.push_back(by_converger(overview, "converge_last_completed_pass_timestamp_seconds",
                                  "When the last pass ended that did not fail.",
                                  [](const auto& one) -> std::optional<double> {
                                    if (!one.last_completed_us) return std::nullopt;
                                    return seconds(*one.last_completed_us);
                                  }));
}

void add_daemon(const Overview& overview, std::vector<MetricFamily>& families) {
  families.push_back(
      gauge("converge_connected", "Whether PostgreSQL answers.", overview.connected));
  families.push_back(
      gauge("converge_ready", "Whether nothing keeps it from converging.", overview.ready()));
  families.push_back(parts("converge_workers", "Threads that run passes.", "busy", overview.busy,
                           overview.workers));
  families.push_back(parts("converge_pool_connections", "Connections that passes share.", "in_use",
                           overview.connections_in_use, overview.connections));
  families.push_back(gauge("converge_journal_bytes", "Size of the journal's file and its log.",
                           overview.journal_bytes));
  families.push_back(
      gauge("converge_journal_entries", "Entries in the journal.", overview.journal_entries));
  families.push_back(gauge(
      "converge_build_info", "The build, as labels.",
      {sample(1, {{"build", fmt::format("{}", build_number())}, {"commit", build_commit()}})}));
}

/// Under the names that Prometheus' own client libraries use.
void add_process(std::vector<MetricFamily>& families) {
  static const double since_boot =
      static_cast<double>(this_process().started) / static_cast<double>(sysconf(_SC_CLK_TCK));
  const double booted = seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME);
  families.push_back(
      gauge("process_start_time_seconds", "When the process started.", booted + since_boot));
  MetricFamily cpu{"process_cpu_seconds_total", "Processor time used.", MetricType::Counter, {{}}};
  cpu.metric.front().counter.value = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  families.push_back(std::move(cpu));
  std::int64_t pages = 0;
  std::int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  families.push_back(
      gauge("process_resident_memory_bytes", "Resident memory.", resident * sysconf(_SC_PAGESIZE)));
}

}  // namespace

std::vector<MetricFamily> gauges_of(const Overview& overview) {
  std::vector<MetricFamily> families;
  add_convergers(overview, families);
  add_daemon(overview, families);
  add_process(families);
  return families;
}

}  // namespace converge::daemon
