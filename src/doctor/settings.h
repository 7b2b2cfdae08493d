#pragma once

#include "convergers/registry.h"
#include "src/config/config.h"
#include "src/doctor/finding.h"

#include <memory>

namespace converge::doctor {

/// The configuration, and what is to be said of it. One that cannot be read is replaced by what
/// flags, environment and defaults say, so that the other checks have something to go by.
Findings check_configuration(const config::Flags& flags, config::Config& config, bool& readable);

/// The definitions, a finding for each that cannot be used. `registry` stays null where nothing can
/// be loaded at all.
Findings check_definitions(const config::Config& config,
                           std::shared_ptr<convergers::Registry>& registry);

}  // namespace converge::doctor
