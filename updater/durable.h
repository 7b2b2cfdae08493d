#pragma once

#include <filesystem>
#include <string_view>

namespace converge::updater {

/// Makes what was renamed, linked and removed in a directory outlive a power failure. Throws
/// `Error{in_doubt}`: it has happened, and a power failure may undo it.
void sync_directory(const std::filesystem::path& directory);

/// Replaces a file, or makes it (mode 0644 whatever the umask), durably and in one step: a crash
/// leaves the old text or the new one, and perhaps a file `PATH.XXXXXX`. Throws `Error{failure}`
/// when the old text stays, as `sync_directory` when the new one is there.
void replace_file(const std::filesystem::path& path, std::string_view text);

/// Removes a file or a link, not a directory; whether there was one. Throws `Error{failure}`.
bool remove_file(const std::filesystem::path& path);

}  // namespace converge::updater
