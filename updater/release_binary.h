#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace converge::updater {

/// A binary that is to be released: its bytes as they were at one time, whatever becomes of the
/// file.
struct ReleaseBinary {
  std::filesystem::path file;
  std::string bytes;
  std::string platform;        ///< By its ELF header: `linux-amd64` or `linux-arm64`.
  std::string sha256;          ///< In hexadecimal.
  std::int64_t modified_us{};  ///< When the file was written, to the second.
};

/// The platform that an executable is for, by its ELF header (System V ABI, `e_machine`).
///
/// Throws `Error{usage}` without naming the file: no ELF, another machine, not little-endian 64
/// bit, no program that can be started, or less of it than its own headers tell.
std::string platform_of(std::string_view executable);

/// Reads a file and sees that it is a converge for a platform that there are releases for. Throws
/// `Error{usage}`.
ReleaseBinary read_release_binary(const std::filesystem::path& file);

/// What a binary answers to `--version`.
struct ReportedVersion {
  std::int64_t build = 0;
  std::string commit;
};

/// Runs a binary of this platform with `--version`, for at most 30 seconds and without anything of
/// this process's environment. Throws `Error{usage}` when that fails or answers anything else.
ReportedVersion ask_version(const std::filesystem::path& file);

}  // namespace converge::updater
