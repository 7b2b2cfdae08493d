#pragma once

#include "src/config/config.h"
#include "src/doctor/finding.h"

namespace converge::doctor {

/// Whether the update server answers, with a release that a trusted key signed and that is still
/// valid; and whether the binary could be replaced. Also what the server's clock says.
Findings check_update(const config::Config& config);

/// Whether the build that runs is on trial, and which ones failed here.
Findings check_build();

}  // namespace converge::doctor
