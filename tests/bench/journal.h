#pragma once

#include "tests/bench/measure.h"

#include <cstdint>
#include <string>

namespace converge::bench {

/// How the commands that read the journal fare on one of so many entries, beside one of 100,000:
/// whole processes, warm cache, medians. What `converge` does not know yet is told and left out.
void measure_journal(const std::string& converge, std::int64_t entries, Results& results);

}  // namespace converge::bench
