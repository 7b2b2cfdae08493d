#pragma once

#include "src/config/config.h"

namespace converge::config {

/// What `load` gives without any file, for who has to look on where it cannot be read.
Config load_without_file(const Flags& flags);

}  // namespace converge::config
