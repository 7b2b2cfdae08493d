#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace converge::bench {

/// What a filled journal holds that is asked for.
struct FilledJournal {
  std::filesystem::path file;
  std::int64_t entries = 0;  ///< At least as many as were asked for.
  std::string common;        ///< A converger with most of the entries, under two definitions.
  std::string rare;          ///< One with a handful, spread over all of the time.
  std::string subject;       ///< One that was corrected a few times.
  std::string nobody;        ///< One that never was.
};

/// Fills a new journal by the writer that the product has, in transactions of 1,000
/// inconsistencies of about 300 bytes each, with passes, outcomes and a few failures, as if written
/// evenly over the 400 days before now.
FilledJournal fill_journal(const std::filesystem::path& file, std::int64_t entries);

}  // namespace converge::bench
