#pragma once

#include "journal/reader.h"

#include <filesystem>
#include <string>
#include <vector>

namespace converge::fuzz {

/// A journal as converge writes it, with all kinds of entries and of state: its oldest entries were
/// pruned, a detail was redacted, and the newest entries are still in the WAL.
struct JournalSeed {
  std::string file;  ///< The bytes of journal.db ...
  std::string wal;   ///< ... and of journal.db-wal.
  journal::Head head;
  std::vector<std::string> entries;  ///< As `text_of` gives them.
};

/// Made once. Its times, hashes and its id are others in each process; where things stand is not.
const JournalSeed& journal_seed();

/// The same after more entries than a block has, without the rest.
const JournalSeed& journal_seed_with_blocks();

/// Puts the bytes of a seed, or what was made of them, at a path.
void write_journal(const JournalSeed& seed, const std::filesystem::path& file);

/// All that the chain of hashes is over.
std::string text_of(const journal::StoredEntry& entry);

/// The texts of all entries of a journal. Throws as `Reader`.
std::vector<std::string> entries_of(const std::filesystem::path& file);

}  // namespace converge::fuzz
