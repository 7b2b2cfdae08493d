#include "src/base/version.h"

namespace converge {

int build_number() { return CONVERGE_BUILD; }

std::string build_commit() { return CONVERGE_COMMIT; }

}  // namespace converge
