#pragma once

#include <cstdint>
#include <filesystem>
#include <sys/types.h>

namespace converge::tests {

/// What a process has of its host, at one moment or at most.
struct Footprint {
  std::int64_t resident = 0;  ///< Bytes of memory.
  int descriptors = 0;
  int threads = 0;
  int sessions = 0;  ///< At the server; footprint_of does not ask it.
  int files = 0;     ///< Temporary ones, in a directory or without a name any more.

  /// Makes each number the larger one.
  void widen(const Footprint& other);
};

/// Of the running process, whose temporary files go into that directory, as /proc tells it: see
/// proc(5). Throws std::runtime_error when it has ended.
Footprint footprint_of(pid_t pid, const std::filesystem::path& temporary);

}  // namespace converge::tests
