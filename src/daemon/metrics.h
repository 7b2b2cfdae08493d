#pragma once

#include "src/daemon/overview.h"
#include "src/engine/pass.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <optional>
#include <string>

namespace converge::daemon {

/// What the daemon counts since it started, for Prometheus. Thread-safe.
///
/// Names and units follow <https://prometheus.io/docs/practices/naming/>. What happens is counted
/// here; what is so at the moment of asking comes from the overview.
class Metrics {
 public:
  Metrics();

  /// A pass has ended; `lag` is from the wake-up that caused it to its commit, if one did.
  void pass(const engine::PassResult& result,
            std::optional<std::chrono::microseconds> lag = std::nullopt);
  /// The journal has taken a record, in so long.
  void appended(std::chrono::microseconds duration);

  /// All of it in Prometheus' text format, version 0.0.4. A converger that has had no pass yet has
  /// its counters at 0, so that a rate over them is right from the first pass on.
  std::string text(const Overview& overview);

 private:
  using Counters = prometheus::Family<prometheus::Counter>;
  using Histograms = prometheus::Family<prometheus::Histogram>;

  void begin_counting(const std::string& converger);

  prometheus::Registry registry_;
  Counters& passes_;
  Counters& examined_;
  Counters& inconsistencies_;
  Counters& changes_;
  Counters& failures_;
  Histograms& duration_;
  Histograms& lag_;
  prometheus::Histogram& append_;
};

}  // namespace converge::daemon
