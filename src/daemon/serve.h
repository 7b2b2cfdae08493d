#pragma once

#include "src/config/config.h"

namespace converge::daemon {

/// The service, from its start to its end; the exit status of the process. To be called before the
/// process has threads. Throws `Error{usage}` when it cannot begin.
int serve(const config::Flags& flags);

}  // namespace converge::daemon
