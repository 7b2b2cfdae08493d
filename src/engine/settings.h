#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace converge::engine {

/// How many inconsistencies one pass may correct.
struct Limit {
  std::int64_t count = 0;         ///< When `percent` is not set.
  std::optional<double> percent;  ///< Of the subjects found ...
  std::int64_t at_least = 0;      ///< ... counted as if at least this many were.
  std::string text;               ///< As written.

  /// Inconsistencies allowed when `found` subjects were found; a fraction is rounded down.
  std::int64_t allowed(std::int64_t found) const;
};

/// The settings of a converger, with the defaults of the design.
struct Settings {
  std::optional<std::chrono::milliseconds> every = std::chrono::minutes(1);  ///< nullopt: never.
  std::vector<std::string> listen;            ///< Channels, with the case that PostgreSQL keeps.
  std::chrono::milliseconds timeout{10'000};  ///< Of one statement.
  std::chrono::milliseconds pass_timeout{300'000};
  int chunk = 1000;  ///< Subjects in one transaction.
  int parallel = 1;  ///< Chunks in flight.
  int shards = 1;
  std::optional<Limit> limit;
  std::chrono::milliseconds settle{0};
  std::vector<std::string> redact;  ///< Columns, likewise.
};

/// When passes are run, for people: `every 10s, listens on account_archived`, or `by hand`.
std::string schedule_text(const Settings& settings);

}  // namespace converge::engine
