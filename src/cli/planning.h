#pragma once

#include "src/cli/pass_printer.h"
#include "src/config/config.h"
#include "src/engine/converger.h"
#include "src/engine/pass.h"

#include <cstdint>

namespace converge::cli {

/// Gives a plan what it knows of earlier passes, as the next run would: from the journal, if there
/// is one.
void remember_for_plan(engine::PassContext& context, const config::Config& config,
                       const std::string& name);

/// Shows what the next run of a converger carries out before it looks for anything, as earlier
/// passes left it owing; returns to how many subjects. What is in quarantine waits there, unless
/// its subject is named. `context` is what `remember_for_plan` has made of it. Throws `Error` where
/// the journal cannot be read; where the server refuses, nothing is shown, as the pass tells it.
std::int64_t plan_owed(engine::Converger& converger, const engine::PassContext& context,
                       const config::Config& config, PassPrinter& printer);

}  // namespace converge::cli
