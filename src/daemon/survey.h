#pragma once

#include "journal/reader.h"
#include "src/daemon/overview.h"
#include "src/daemon/passes.h"

#include <vector>

namespace converge::daemon {

/// What the convergers of a daemon do, from what its passes and its journal know. While it is
/// `able` to converge, it takes what nobody owns: what it does not own, another host runs.
std::vector<ConvergerOverview> survey(const Passes& passes, journal::State state,
                                      std::int64_t now_us, bool able);

}  // namespace converge::daemon
