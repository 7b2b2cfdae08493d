#pragma once

#include "src/config/config.h"

#include <filesystem>

namespace converge::config {

/// Reads a configuration file into `config`, which keeps what the file does not name.
///
/// Throws `Error{usage}` with file, line and column for what is not TOML, an unknown key, and a
/// value that is not of its kind.
void read_settings(const std::filesystem::path& file, Config& config);

}  // namespace converge::config
