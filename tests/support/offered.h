#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace converge::tests {

/// An option with all its spellings: `-n`, `--lines`.
using Spellings = std::vector<std::string>;

/// What `--help` of the program offers: the options of each command, such as `journal verify`. The
/// empty name has those that all commands share. Walks from command to command as it is told of
/// them.
std::map<std::string, std::vector<Spellings>> offered_options(const std::string& binary);

}  // namespace converge::tests
