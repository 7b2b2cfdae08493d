#pragma once

#include "src/daemon/overview.h"

#include <prometheus/metric_family.h>

#include <vector>

namespace converge::daemon {

/// What is so at this moment, for Prometheus: of the convergers, of the daemon, and of its process.
/// A converger that was removed is in it no more.
std::vector<prometheus::MetricFamily> gauges_of(const Overview& overview);

}  // namespace converge::daemon
