#pragma once

#include "convergers/code.h"

#include <span>

namespace converge::convergers {

/// A converger in C++ that is part of the binary. It runs where the configuration enables it:
/// `builtin` under [convergers].
using Builtin = Code (*)();

/// All of them, an explicit table.
std::span<const Builtin> builtins();

}  // namespace converge::convergers
