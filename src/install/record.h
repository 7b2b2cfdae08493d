#pragma once

#include "src/install/layout.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace converge::install {

/// What was installed: where, by which build, and the SHA-256 of each file, by which one that was
/// edited since is known.
///
/// Its text is one that `sha256sum -c` reads; what is about the whole is in lines that begin with
/// `#`. While files are being replaced, one has the digests of before and of after.
struct Record {
  Places places;  ///< Without `destdir`.
  std::int64_t build = 0;
  std::string commit;
  std::map<std::string, std::set<std::string>> files;  ///< Digests in hex, by path.

  std::string text() const;
  bool has(const std::filesystem::path& path, const std::string& digest) const;
};

/// Throws `Error{failure}` that names the line for what is not a record.
Record parse_record(std::string_view text, const std::filesystem::path& file);

/// Nullopt where there is none. Throws `Error{failure}` when it cannot be read, or is none; on a
/// host, `Error{usage}` when others than root and this user can write it.
std::optional<Record> read_record(const Places& places);

}  // namespace converge::install
