#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace converge::tests {

/// A whole ELF program (elf(5)) for this machine, without a C library, that does nothing but exit
/// with `status`; filled up to `size_bytes`.
std::string tiny_program(int status, std::size_t size_bytes = 4096);

/// Writes one, mode 0755.
void write_tiny_program(const std::filesystem::path& path, int status,
                        std::size_t size_bytes = 4096);

/// The exit status of a program without arguments; minus the number of the error when it cannot be
/// run, -1000 when a signal ends it.
int exit_status_of(const std::filesystem::path& program);

}  // namespace converge::tests
