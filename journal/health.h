#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

namespace converge::journal {

/// What a look at a journal file finds, short of walking its chain.
struct Health {
  std::int64_t entries = 0;  ///< That are in the file.
  /// The first thing that SQLite's quick check of tables and indices complains of, or empty.
  std::string damage;
  bool looked_at_all = true;       ///< The check came to its end within the time it was given.
  std::int64_t unsettled = 0;      ///< Transactions and attempts without an outcome.
  std::int64_t unknown = 0;        ///< Transactions whose outcome only a person can tell ...
  std::int64_t first_unknown = 0;  ///< ... and the entry of the first; 0: there is none.
};

/// Looks at a journal, for so long at most. Writes nothing. Throws as `Reader` does.
Health look_at(const std::filesystem::path& file, std::chrono::milliseconds patience);

}  // namespace converge::journal
