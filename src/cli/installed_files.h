#pragma once

#include "src/doctor/finding.h"

namespace converge::cli {

/// Whether what `converge install` has put beside the binary of this process is what this build
/// has: pages, units, completions. An older unit, say, may forbid what this build does. Changes
/// nothing, and throws nothing of what it finds.
doctor::Finding examine_installed_files();

}  // namespace converge::cli
