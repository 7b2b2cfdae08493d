#pragma once

#include "convergers/code.h"

namespace converge::convergers {

/// Keeps the subscriptions of the platform in step with its clusters: see `mend` for what is right.
Code reconcile_subscription();

}  // namespace converge::convergers
