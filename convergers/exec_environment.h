#pragma once

#include "convergers/pieces.h"
#include "convergers/variables.h"

#include <string>
#include <utility>
#include <vector>

namespace converge::convergers {

/// The environment of a program that a definition runs: of this process's only what says where it
/// is and which language it speaks (PATH, HOME, USER, LOGNAME, SHELL, LANG, LANGUAGE, LC_*, TZ,
/// TMPDIR), since the rest is full of secrets that are none of its business; and the variables that
/// the definition names. Throws `Error{failure}` when one of these has no value that fits.
std::vector<std::pair<std::string, std::string>> exec_environment(const Pieces& named,
                                                                  const Variables& variables);

}  // namespace converge::convergers
