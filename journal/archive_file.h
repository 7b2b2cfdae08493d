#pragma once

#include "journal/backup.h"
#include "journal/extent.h"

#include <cstdint>
#include <filesystem>

namespace converge::journal {

/// An archive: a journal file that holds one run of another journal's entries, with the journal id
/// and the dictionaries of that, a chain that starts and ends in the midst of the other's, and no
/// state. It verifies by itself and is read like any journal.
struct ArchiveFile {
  std::int64_t before_first_seq = 0;
  Head last;
  std::int64_t max_time_us = 0;

  std::int64_t entries() const { return last.seq - before_first_seq; }
};

/// Makes an archive of the oldest entries of `journal` up to `last_seq` in the empty file `target`.
/// Throws `SQLite::Exception`; `target` is then to be thrown away.
void fill_archive(const std::filesystem::path& target, const std::filesystem::path& journal,
                  std::int64_t last_seq, const UpkeepProgress& progress);

/// What an archive holds. Throws like `Reader`.
ArchiveFile read_archive(const std::filesystem::path& archive);

/// Whether the archive is one of this journal's that begins where the journal begins or began, and
/// ends with one of its entries, or just before its first: then what both have can be deleted from
/// the journal. Throws like `Reader`.
bool fits(const std::filesystem::path& archive, const std::filesystem::path& journal);

/// Whether the archive has a detail that was redacted in the journal since: it would come back.
/// Throws like `Reader`.
bool undoes_redaction(const std::filesystem::path& archive, const std::filesystem::path& journal);

}  // namespace converge::journal
