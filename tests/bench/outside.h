#pragma once

#include "tests/bench/measure.h"

#include <string>

namespace converge::bench {

/// Steps outside the database against a service on the loopback network that takes 5 ms: one at a
/// time, sixteen at once, and what a call costs this side.
void measure_outside(const std::string& converge, Results& results);

}  // namespace converge::bench
