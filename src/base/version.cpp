#include "src/base/version.h"

namespace converge {

int build_number() { return CONVERGE_BUILD; }

std::string build_commit() { return CONVERGE_COMMIT; }

std::int64_t build_time_us() { return std::int64_t{CONVERGE_BUILT} * 1'000'000; }

}  // namespace converge
