#pragma once

#include <string>

namespace converge {

/// The integer number of this release; 0 for one that was not released.
int build_number();

/// The commit that it was built from, or `unknown`.
std::string build_commit();

}  // namespace converge
