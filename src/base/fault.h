#pragma once

namespace converge {

/// A place where the tests kill the process. Does nothing in `converge`. In `converge-debug`, which
/// differs from it in this function alone, the process sends itself SIGKILL when the environment
/// variable CONVERGE_FAULT is `NAME` or `NAME:N`, at the first or the Nth time that it comes by;
/// and it appends the name to the file that CONVERGE_FAULT_LOG names, each time.
void fault_point(const char* name) noexcept;

}  // namespace converge
