#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace converge {

/// Where a program may be, in the order of execvp(3): itself when it has a slash, else its name in
/// each directory of PATH.
std::vector<std::string> program_places(const std::string& program);

/// The first of these that this process may run; nullopt when there is none.
std::optional<std::filesystem::path> find_program(const std::string& program);

}  // namespace converge
