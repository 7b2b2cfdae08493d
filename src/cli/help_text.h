#pragma once

#include <CLI/CLI.hpp>

#include <memory>

namespace converge::cli {

/// What `--help` prints: usage, arguments, options with all their spellings, commands, footer;
/// within 80 columns as long as the footer is.
std::shared_ptr<CLI::FormatterBase> help_formatter();

}  // namespace converge::cli
