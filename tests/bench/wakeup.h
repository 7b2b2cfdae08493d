#pragma once

#include "tests/bench/measure.h"
#include "tests/bench/world.h"

#include <string>

namespace converge::bench {

/// From COMMIT of a flag to the correction being visible elsewhere: of the daemon, which journals
/// it, and beside it of a worker in C++ that does only the work: LISTEN, begin, find, update,
/// commit. In turn, one flag at a time.
void measure_wakeup(World& world, const std::string& converge, Results& results);

}  // namespace converge::bench
