#pragma once

#include "src/install/install.h"

#include <filesystem>
#include <optional>
#include <vector>

namespace converge::cli {

/// What this build, at this path, would install at these places.
install::InstallRequest install_request(install::Places places);

/// The record of what was installed together with the binary at this path; nullopt when there is
/// none, as of a binary that was copied to where it is.
std::optional<install::Record> record_beside(const std::filesystem::path& binary);

/// Tells that systemd has to read units again, which it does not by itself, if these are some that
/// changed.
void tell_units_changed(const std::vector<install::Deed>& deeds, const install::Places& places);

/// After an update has ended well, or was taken back: brings what was installed with the binary of
/// this process to what this build has, as `install` does, but for the program and the
/// configuration. Nothing happens where it is that already, where nothing was installed, and while
/// a build is on trial. What it did is told as a notice, unless `quiet`, and so is what keeps it
/// from that, which changes nothing: the next one tries again.
void refresh_installed(bool quiet);

}  // namespace converge::cli
