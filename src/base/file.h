#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace converge {

/// The whole content of a file. Throws `Error{usage}` naming the path and the reason.
std::string read_file(const std::filesystem::path& path);

/// Writes a file that must not exist yet (mode 0644, less the umask), all of it or nothing: a crash
/// leaves no part of it under its name. Throws `Error{usage}` naming the path and the reason.
void write_new_file(const std::filesystem::path& path, std::string_view text);

/// Refuses a file that acts (a definition, the configuration) when somebody else could have written
/// it: it and its directory must belong to root or to the user of this process and must not be
/// writable by group or others (a sticky directory such as /tmp may be). Throws `Error{usage}` with
/// the command that mends it, as a hint. sshd's StrictModes and sudo do the same.
void require_trusted(const std::filesystem::path& path);

}  // namespace converge
