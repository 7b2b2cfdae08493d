#pragma once

#include <chrono>
#include <functional>

namespace converge::doctor {

/// Calls `work` in a thread of its own, and returns whether it has ended within `limit`: whatever a
/// name service, a server that accepts and says nothing, or a disk does, the caller goes on.
///
/// Where it has not, the thread is left to itself. So `work` must own all that it uses, throw
/// nothing, and the process has to end without waiting for it, by _exit(2).
bool ends_within(std::chrono::milliseconds limit, std::function<void()> work);

}  // namespace converge::doctor
