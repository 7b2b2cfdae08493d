#pragma once

#include "src/base/error.h"

#include <filesystem>
#include <string_view>

namespace converge::journal {

/// FILE.partial (mode 0600), in which FILE is made: FILE is never seen half done. Only one process
/// makes the same file at a time; what one that was killed left is begun anew. Throws
/// `Error{failure}`, and `Error{usage}` where FILE is there already or its directory is not.
class PartialFile {
 public:
  explicit PartialFile(const std::filesystem::path& file);
  /// Removes it, unless it was finished.
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// Makes it FILE, on disk: fsync, rename (never over another file), fsync of the directory. No
  /// connection may have it open any more, and its WAL must be empty.
  void finish();

 private:
  void remove_beside() const;

  const std::filesystem::path file_;
  const std::filesystem::path path_;
  int descriptor_ = -1;  // Holds the flock. Closed last: closing drops SQLite's own locks.
  bool finished_ = false;
};

/// Removes what killed makers of files left in a directory; files that are being made stay.
void remove_left_overs(const std::filesystem::path& directory);

/// FILE cannot be made, and nothing is left of it.
Error copy_error(const std::filesystem::path& file, std::string_view reason);

}  // namespace converge::journal
