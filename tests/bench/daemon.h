#pragma once

#include "tests/bench/measure.h"

#include <string>

namespace converge::bench {

/// The daemon: wake-up latency, what it costs when idle, how fast it starts and stops, and how soon
/// it is at work again after kill -9 and after a restart of PostgreSQL.
void measure_daemon(const std::string& converge, Results& results);

}  // namespace converge::bench
