#pragma once

#include "src/doctor/finding.h"

namespace converge::cli {

/// Whether what `converge install` has put beside the binary of this process is what this build
/// has: pages, units, completions. An older unit, say, may forbid what this build does. Changes
/// nothing, and throws nothing of what it finds. While a build is on trial, they are left to
/// follow.
doctor::Findings examine_installed_files();

}  // namespace converge::cli
