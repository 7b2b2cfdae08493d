#pragma once

#include "src/daemon/overview.h"

#include <string>
#include <string_view>

namespace converge::daemon {

/// The page for people, as it is now; its script keeps it so. Without one it still says what is
/// well, what is not and which command resolves it.
std::string page(const Overview& overview);

std::string_view page_style();   ///< CSS.
std::string_view page_script();  ///< JavaScript.

}  // namespace converge::daemon
