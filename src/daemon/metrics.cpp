#include "src/daemon/metrics.h"

#include "src/daemon/gauges.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace converge::daemon {
namespace {

using engine::PassOutcome;

const prometheus::Histogram::BucketBoundaries kPassSeconds = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5,
                                                              1,     5,     10,   60,   300};
const prometheus::Histogram::BucketBoundaries kLagSeconds = {
    0.0005, 0.001, 0.0015, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30};
const prometheus::Histogram::BucketBoundaries kAppendSeconds = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1};

double seconds(std::chrono::microseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

auto& counters(prometheus::Registry& registry, const std::string& name, const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

auto& histograms(prometheus::Registry& registry, const std::string& name, const std::string& help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

}  // namespace

Metrics::Metrics()
    : passes_(counters(registry_, "converge_passes_total", "Passes that ended, by outcome.")),
      examined_(counters(registry_, "converge_subjects_examined_total",
                         "Subjects that passes looked at.")),
      inconsistencies_(counters(registry_, "converge_inconsistencies_total",
                                "Subjects found wrong and set right.")),
      changes_(counters(registry_, "converge_changes_total", "Rows that steps changed.")),
      failures_(counters(registry_, "converge_failures_total",
                         "Subjects that could not be set right, once for each try.")),
      duration_(histograms(registry_, "converge_pass_duration_seconds",
                           "Time from the beginning of a pass to its end.")),
      lag_(histograms(registry_, "converge_wakeup_to_commit_seconds",
                      "Time from a wake-up to the commit of the pass that it caused.")),
      append_(histograms(registry_, "converge_journal_append_seconds",
                         "Time that a durable append to the journal took.")
                  .Add({}, kAppendSeconds)) {}

void Metrics::pass(const engine::PassResult& result, std::optional<std::chrono::microseconds> lag) {
  const prometheus::Labels converger = {{"converger", result.converger}};
  passes_.Add({{"converger", result.converger}, {"outcome", std::string(name_of(result.outcome))}})
      .Increment();
  // Another process was at it: there was no pass to time.
  if (result.outcome == PassOutcome::skipped) return;
  examined_.Add(converger).Increment(static_cast<double>(result.examined));
  // Those of a hold were found, and not corrected.
  if (result.outcome != PassOutcome::held) {
    inconsistencies_.Add(converger).Increment(static_cast<double>(result.inconsistencies));
    changes_.Add(converger).Increment(static_cast<double>(result.changes));
  }
  failures_.Add(converger).Increment(static_cast<double>(result.failed));
  duration_.Add(converger, kPassSeconds).Observe(seconds(result.duration));
  if (lag) lag_.Add(converger, kLagSeconds).Observe(seconds(*lag));
}

void Metrics::appended(std::chrono::microseconds duration) { append_.Observe(seconds(duration)); }

void Metrics::begin_counting(const std::string& converger) {
  constexpr std::array kOutcomes = {PassOutcome::unchanged, PassOutcome::converged,
                                    PassOutcome::failed,    PassOutcome::held,
                                    PassOutcome::skipped,   PassOutcome::interrupted};
  for (const auto outcome : kOutcomes) {
    passes_.Add({{"converger", converger}, {"outcome", std::string(name_of(outcome))}});
  }
  for (auto* const family : {&examined_, &inconsistencies_, &changes_, &failures_}) {
    family->Add({{"converger", converger}});
  }
  duration_.Add({{"converger", converger}}, kPassSeconds);
}

std::string Metrics::text(const Overview& overview) {
  for (const auto& one : overview.convergers) begin_counting(one.name);
  auto families = registry_.Collect();
  auto gauges = gauges_of(overview);
  std::move(gauges.begin(), gauges.end(), std::back_inserter(families));
  // Before the first wake-up there is nothing to tell, and a family without a sample is noise.
  families.erase(std::remove_if(families.begin(), families.end(),
                                [](const auto& family) { return family.metric.empty(); }),
                 families.end());
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace converge::daemon
