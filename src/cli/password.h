#pragma once

#include <string>

namespace converge::cli {

/// A password: asked for on the terminal, without showing it, when standard input is one; else the
/// first line of standard input. Throws `Error{usage}` when there is none.
std::string read_password(const std::string& prompt);

}  // namespace converge::cli
