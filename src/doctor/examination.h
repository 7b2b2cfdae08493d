#pragma once

#include "src/config/config.h"
#include "src/doctor/finding.h"

#include <functional>

namespace converge::doctor {

using Tell = std::function<void(const Finding&)>;

/// Checks everything around converge on this host, and tells each finding when it is known: those
/// that others depend on first. Changes nothing: it makes no file, writes no row, and keeps no
/// lock.
///
/// A check that fails is a finding, and hides no other. One that does not end within its time is
/// one too; what it does goes on in a thread that nobody waits for. Returns whether there is such a
/// thread: the process then has to end by _exit(2).
bool examine(const config::Flags& flags, const Tell& tell);

}  // namespace converge::doctor
