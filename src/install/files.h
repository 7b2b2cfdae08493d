#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace converge::install {

/// What a path leads to, without following a symbolic link.
struct Seen {
  enum class What { nothing, file, link, other };
  What what = What::nothing;
  std::string digest{};  ///< SHA-256 in hex, of a file.
};

/// Throws `Error{failure}` when it cannot be read.
Seen look_at(const std::filesystem::path& path);

/// Refuses a directory on whose way somebody else than root and this user could put another:
/// `Error{usage}` that names it. What does not exist yet is none of them.
void require_closed_way(const std::filesystem::path& directory);

/// Files that are to appear at their paths, all or none of them.
///
/// `stage` writes one, durably, beside its path under a name that begins with a dot, and makes
/// the directories that are missing (0755). `put_in_place` then renames all of them, in order.
/// What is not in place when this is destroyed is removed, and so are directories made for it. A
/// process that is killed leaves files `.NAME.XXXXXX`, and whole files at the paths.
class Staging {
 public:
  Staging() = default;
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  /// Those that are missing on its way, too, whatever the umask says. Throws `Error{failure}`.
  void make_directories(const std::filesystem::path& directory);
  /// Whatever the umask says. Throws `Error{failure}`, with a hint; the path is as it was.
  void stage(const std::filesystem::path& path, std::string_view content, mode_t mode);
  /// Throws `Error{failure}` that names the path which could not be replaced; those before it are.
  void put_in_place();

 private:
  struct Staged {
    std::string temporary;
    std::filesystem::path path;
  };

  std::vector<Staged> staged_;
  std::vector<std::filesystem::path> made_;  ///< Directories, outer ones first.
};

/// Removes a file or a link, and remembers its directory. Throws `Error{failure}`.
void remove(const std::filesystem::path& path, std::set<std::filesystem::path>& directories);

/// Why something could not be done to a file, with what helps against that as the hint. `undone`
/// says what has become of the rest.
[[noreturn]] void fail(const std::string& what, int error_number, const std::string& undone);

}  // namespace converge::install
