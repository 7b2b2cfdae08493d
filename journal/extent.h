#pragma once

#include "journal/reader.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace converge::journal {

/// A file that older entries were moved to.
struct Archive {
  std::int64_t last_seq = 0;     ///< The last entry in it.
  std::int64_t time_us = 0;      ///< When it was pruned.
  std::int64_t max_time_us = 0;  ///< The greatest time in it.
  std::filesystem::path file;    ///< Absolute, as it was called then.
};

/// From where to where a journal reaches.
struct Extent {
  std::string journal_id;
  std::int64_t pruned_seq = 0;  ///< The last entry that is not here any more; 0: all are here.
  std::string pruned_hash;      ///< Its hash, hexadecimal.
  std::optional<std::int64_t> first_time_us;  ///< Of the oldest entry here.
  Head head;
  std::vector<Archive> archives;  ///< Oldest first.
  /// The last archive, when entries that are in it are still here: a prune that was interrupted.
  const Archive* unfinished() const {
    return archives.empty() || archives.back().last_seq <= pruned_seq ? nullptr : &archives.back();
  }
};

/// Reads it in one short read transaction, from a journal of any schema up to ours. Throws like
/// `Reader`.
Extent extent_of(const std::filesystem::path& file);

}  // namespace converge::journal
