#pragma once

#include <cstdint>
#include <string>

namespace converge {

/// The integer number of this release; 0 for one that was not released.
int build_number();

/// The commit that it was built from, or `unknown`.
std::string build_commit();

/// When that commit was made, in microseconds since 1970-01-01 00:00 UTC: no clock that is right
/// says less. 0: not known.
std::int64_t build_time_us();

}  // namespace converge
