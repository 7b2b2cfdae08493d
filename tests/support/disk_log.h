#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace converge::tests {

/// One call that the shim (tests/support/shim/disk.cpp) has written down.
struct DiskCall {
  char kind = 0;
  std::string file;  ///< Without its directory.
  std::size_t offset = 0;
  std::string bytes = {};
};

/// Throws `std::runtime_error` when it is not the shim's.
std::vector<DiskCall> read_disk_log(const std::filesystem::path& file);

/// What of that which was written and not synced outlives a power cut.
enum class Survivors {
  none,
  all,
  torn,    ///< All, but for the second half of what was written last.
  odd,     ///< Every other write: a disk may write in any order.
  newest,  ///< The last write alone.
};
inline constexpr Survivors kSurvivors[] = {Survivors::none, Survivors::all, Survivors::torn,
                                           Survivors::odd, Survivors::newest};
const char* name_of(Survivors survivors);

/// Files by their names.
using DiskFiles = std::map<std::string, std::string>;

/// The journal's files in a directory, without what SQLite makes anew and without the lock.
DiskFiles read_files(const std::filesystem::path& directory);
void write_files(const std::filesystem::path& directory, const DiskFiles& files);

/// The files as they are after a power cut behind the first `calls` calls, from how they were
/// before. Durable is what was synced: content by its file, a name by its directory. What a sync
/// was for that failed is lost however often it is synced afterwards: the kernel takes it for
/// written (https://lwn.net/Articles/752063/).
DiskFiles after_power_cut(const DiskFiles& before, const std::vector<DiskCall>& log,
                          std::size_t calls, Survivors survivors);

}  // namespace converge::tests
