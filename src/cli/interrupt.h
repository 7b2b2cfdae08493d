#pragma once

#include <atomic>
#include <initializer_list>

namespace converge::cli {

/// Whether a signal that `end_at` was given has come.
std::atomic<bool>& interrupted();

/// From now on the first of these signals sets `interrupted`, and the second ends the process; a
/// reader that goes away stops nothing halfway.
void end_at(std::initializer_list<int> signals);

}  // namespace converge::cli
