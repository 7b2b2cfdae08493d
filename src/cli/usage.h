#pragma once

#include "src/base/error.h"

#include <CLI/CLI.hpp>

namespace converge::cli {

/// What a person is told who gave wrong arguments to the program `app`: `Error{usage}` with the
/// nearest word that there is, or the help of the command that was meant.
Error usage_error(const CLI::App& app, const CLI::ParseError& error);

/// Throws that for a first word that is no command, and for an option before it that there is not.
void require_known_command(const CLI::App& app, int argc, char** argv);

}  // namespace converge::cli
