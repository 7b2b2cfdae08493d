#pragma once

#include "src/base/embedded_file.h"

#include <filesystem>
#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

namespace converge::install {

/// Where what belongs to converge is put. Absolute, normal, and as the host sees them: `destdir`
/// goes before each of them when files are touched, and is named in none.
struct Places {
  std::filesystem::path destdir{};
  std::filesystem::path prefix{};
  std::filesystem::path bindir{};
  std::filesystem::path datadir{};
  std::filesystem::path mandir{};
  /// Empty: what serves a whole host (units, sysusers.d, tmpfiles.d) is left out.
  std::filesystem::path unitdir{};
  std::filesystem::path configuration{};  ///< The directory of converge.toml.

  std::filesystem::path program() const { return bindir / "converge"; }
  std::filesystem::path record() const { return datadir / "converge" / "installed"; }
  /// The directory of converger files, a person's: empty when it is new.
  std::filesystem::path definitions() const { return configuration / "convergers"; }
  std::filesystem::path on_disk(const std::filesystem::path& path) const {
    return destdir.empty() ? path : destdir / path.relative_path();
  }
};

enum class Kind {
  program,        ///< The binary: the updater replaces it as well.
  configuration,  ///< A person's once it is there.
  other,
};

/// A file that is put on the host.
struct Item {
  std::filesystem::path path;
  std::string content;
  mode_t mode = 0644;
  Kind kind = Kind::other;
};

/// The one list of what is installed where: the program, and what of the files that it carries has
/// a place on a host. In units, `@bindir@` is replaced, and `@written@` by all directories that an
/// update writes to.
std::vector<Item> layout(const Places& places, std::span<const EmbeddedFile> carried,
                         std::string program);

}  // namespace converge::install
