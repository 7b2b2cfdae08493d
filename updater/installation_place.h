#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace converge::updater {

/// Refuses a binary that must not, or cannot, be replaced where it is, before anything is
/// downloaded: one that is no regular file, that a package manager owns (dpkg, rpm), that is a
/// mount point itself, that is immutable or may only be appended to (or whose directory is), on a
/// file system that is read-only or mounted noexec, in a directory that others can write (as
/// `require_trusted`) or that this user cannot, or that belongs to somebody else and this user is
/// not root.
///
/// Changes nothing. Throws `Error{usage}` with what to do; `Error{failure}` when a package manager
/// does not answer.
void require_replaceable_place(const std::filesystem::path& binary);

/// Refuses a binary that a package manager owns (dpkg, rpm): `Error{usage}` with the command that
/// updates it. One that is not there is nobody's. Throws `Error{failure}` when a package manager
/// does not answer.
void require_unpackaged(const std::filesystem::path& binary);

/// The refusal of a directory where this user can make no file, from the error that making one
/// gave: `Error{usage}`.
[[noreturn]] void refuse_directory(const std::filesystem::path& directory, int error_number);

/// The package that `dpkg -S PATH` names in its answer, without its architecture.
std::optional<std::string> dpkg_owner(std::string_view answer);

/// Whether a line of /proc/self/mountinfo (proc(5)) has this path as its mount point.
bool is_mount_of(std::string_view line, const std::filesystem::path& path);

}  // namespace converge::updater
