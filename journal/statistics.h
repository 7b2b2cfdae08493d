#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace SQLite {
class Database;
}

namespace converge::journal {

/// What to count: the entries of a window of time, both ends included, of these convergers (names
/// or glob patterns); of all that have any when none is named.
struct StatisticsQuery {
  std::int64_t first_us = 0;
  std::int64_t last_us = 0;
  std::vector<std::string> convergers = {};
  std::int64_t most_buckets = 60;  ///< At least 1.
  bool whole = false;              ///< Also the part of the window before the journal begins.
};

/// What entries of some stretch of time tell. A pass that only looked leaves no entry, and is in no
/// count.
struct Counts {
  std::int64_t passes = 0;           ///< That did something, failed or were stopped.
  std::int64_t inconsistencies = 0;  ///< Corrected: their transaction is known to be committed.
  std::int64_t changes = 0;          ///< Rows changed in correcting these.
  std::int64_t failures = 0;         ///< Of subjects, and of passes as a whole, which broke off.

  friend bool operator==(const Counts&, const Counts&) = default;
};

struct ConvergerStatistics {
  std::string converger;
  Counts counts;
  std::int64_t rolled_back = 0;  ///< Inconsistencies whose transaction was; they are corrected by a
                                 ///< later one or not at all, and never counted twice.
  std::int64_t unknown = 0;      ///< Inconsistencies of whose transaction nobody knows.
  std::int64_t pending = 0;      ///< And those of which nobody has asked yet.
  std::int64_t attempts = 0;     ///< Of steps outside the database, however they ended ...
  std::int64_t attempts_failed = 0;               ///< ... of these, what failed ...
  std::int64_t attempts_unknown = 0;              ///< ... and of what nobody knows, or does yet.
  std::optional<std::int64_t> slowest_pass = {};  ///< Its id.
  std::int64_t slowest_ms = 0;
  std::optional<std::int64_t> last_correction_us = {};
  std::vector<Counts> buckets;  ///< The window, cut into equal stretches; the last may be shorter.
};

struct Statistics {
  std::int64_t first_us = 0;  ///< As asked, or where the journal begins, if that is later.
  std::int64_t last_us = 0;
  std::int64_t bucket_us = 0;                   ///< A round length: 10m, 3h, 1d.
  std::vector<ConvergerStatistics> convergers;  ///< In order of their names.
};

/// Counts what the entries say that are in the journal when it is called.
///
/// Reads only the blocks that the window touches, some ten thousand entries in one read
/// transaction, so that no writer's checkpoint waits for it; `progress(done, total)` is called in
/// between, with none open. Memory is that of the counts. Throws `Error{usage}` for a name that the
/// journal has no definition of, with the nearest one it has.
Statistics read_statistics(SQLite::Database& database, const StatisticsQuery& query,
                           const std::function<void(std::int64_t, std::int64_t)>& progress);

}  // namespace converge::journal
