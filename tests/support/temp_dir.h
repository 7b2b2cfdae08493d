#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace converge::tests {

/// A directory of mode 0700 in `$TMPDIR`, else `/tmp`, that is removed with all that is in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

  /// Writes a file (mode 0644, directories of mode 0755 in between) and returns its path.
  std::filesystem::path write(const std::filesystem::path& name, std::string_view content) const;

 private:
  std::filesystem::path path_;
};

/// The content of a file, bytes as they are. Throws `std::runtime_error` when it cannot be read.
std::string read_text(const std::filesystem::path& file);

/// Writes a file anew. Throws `std::runtime_error` when it cannot be written.
void write_text(const std::filesystem::path& file, std::string_view content);

}  // namespace converge::tests
