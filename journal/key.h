#pragma once

#include <filesystem>
#include <string>

namespace converge::journal {

/// The 32 bytes of a key file, which is made (0600, random) when there is none. A crash leaves the
/// whole key or none. To be called under the `FileLock`. Throws `Error{failure}` when the file
/// cannot be read or made or has not 32 bytes: a new key would silently break with the old hashes.
std::string load_or_make_key(const std::filesystem::path& file);

}  // namespace converge::journal
