#pragma once

#include "journal/backup.h"
#include "journal/extent.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace converge::journal {

struct Pruning {
  std::int64_t entries = 0;    ///< That are in the archive; 0: nothing was older.
  std::int64_t first_seq = 0;  ///< The first of them ...
  Head last;                   ///< ... and the last.
  bool resumed = false;  ///< The archive was there already, from a prune that was interrupted.
  std::string held_back = {};   ///< Why entries that are older stay; empty: none does.
  std::string space_kept = {};  ///< Why not all space was given back; empty: it was.
};

/// Moves the oldest entries, those older than `before_us` (see `prefix_before`), into `archive`, a
/// new journal file (mode 0600) that verifies by itself; then gives the space back.
///
/// First the archive is made as ARCHIVE.partial, verified, made durable and named; then a `prune`
/// entry and a row of the table `archive` say where the entries are; then the entries are deleted,
/// in short write transactions between which others write. After each of these the journal
/// verifies. Killed at any instant, nothing is lost: the same call goes on where this one was, and
/// a call with another archive is refused until it has. No space: an error, and the entries that
/// are still in the journal are whole; the same call again goes on.
///
/// Throws `Error{usage}` when `archive` exists and is not that of an interrupted prune, or when
/// another prune was interrupted; `Error{failure}` for the rest.
Pruning prune(const std::filesystem::path& file, const std::string& actor, std::int64_t before_us,
              const std::filesystem::path& archive, const UpkeepProgress& progress = {});

}  // namespace converge::journal
