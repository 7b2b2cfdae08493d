#include "journal/statistics.h"

#include "journal/convergers.h"
#include "journal/entry.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace converge::journal {
namespace {

constexpr std::int64_t kWindowEntries = 65'536;

struct SeqRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

/// What can hold entries of the window: sealed blocks, and the open one, which `chain` describes.
/// In one statement, or a block that is sealed meanwhile would be in neither.
constexpr const char* kBlocks =
    "with part(first_seq, last_seq, min_us, max_us) as ("
    " select first_seq, last_seq, min_time_us, max_time_us from block"
    " union all select block_first_seq, head_seq, block_min_us, block_max_us from chain)";

/// Of entries that there can be, each once, whatever a damaged file says.
std::vector<SeqRange> ranges_of(SQLite::Database& database, const StatisticsQuery& query) {
  std::vector<SeqRange> ranges;
  SQLite::Statement row(
      database,
      fmt::format("{} select max(first_seq, 1), min(last_seq, (select max(seq) from entry))"
                  " from part where max_us >= ? and min_us <= ? order by 1",
                  kBlocks));
  row.bind(1, query.first_us);
  row.bind(2, query.last_us);
  while (row.executeStep()) {
    SeqRange range{row.getColumn(0).getInt64(), row.getColumn(1).getInt64()};
    if (!ranges.empty()) {
      if (range.last <= ranges.back().last) continue;
      range.first = std::max(range.first, ranges.back().last + 1);
    }
    if (range.first > range.last) continue;
    if (!ranges.empty() && ranges.back().last + 1 == range.first) {
      ranges.back().last = range.last;
    } else {
      ranges.push_back(range);
    }
  }
  return ranges;
}

/// The first entry from there on; a damaged file may have room for more than anybody can wait for.
std::optional<std::int64_t> entry_from(SQLite::Statement& next, std::int64_t seq) {
  std::optional<std::int64_t> first;
  next.bind(1, seq);
  next.executeStep();
  if (!next.getColumn(0).isNull()) first = next.getColumn(0).getInt64();
  next.reset();  // Which ends its read transaction.
  return first;
}

/// The shortest round length of which `most` cover the span.
std::int64_t bucket_length(std::int64_t span_us, std::int64_t most) {
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  constexpr std::array kRoundSeconds = {std::int64_t{1},
                                        std::int64_t{2},
                                        std::int64_t{5},
                                        std::int64_t{10},
                                        std::int64_t{15},
                                        std::int64_t{30},
                                        kMinute,
                                        2 * kMinute,
                                        5 * kMinute,
                                        10 * kMinute,
                                        15 * kMinute,
                                        30 * kMinute,
                                        kHour,
                                        2 * kHour,
                                        3 * kHour,
                                        6 * kHour,
                                        12 * kHour,
                                        kDay,
                                        2 * kDay,
                                        7 * kDay,
                                        14 * kDay,
                                        28 * kDay};
  constexpr std::int64_t kSecondUs = 1'000'000;
  const auto covers = [&](std::int64_t seconds) {
    return span_us / most < seconds * kSecondUs || span_us == most * seconds * kSecondUs;
  };
  const auto* const round = std::find_if(kRoundSeconds.begin(), kRoundSeconds.end(), covers);
  auto seconds = round == kRoundSeconds.end() ? kRoundSeconds.back() : *round;
  while (!covers(seconds)) seconds *= 2;
  return seconds * kSecondUs;
}

class Count {
 public:
  Count(SQLite::Database& database, const StatisticsQuery& query)
      : outcome_of_(database, "select outcome from entry where kind = 4 and txn = ?") {
    statistics_.first_us = query.first_us;
    statistics_.last_us = query.last_us;
    SQLite::Statement begin(database, fmt::format("{} select min(min_us) from part", kBlocks));
    if (!query.whole && begin.executeStep() && !begin.getColumn(0).isNull()) {
      statistics_.first_us =
          std::clamp(begin.getColumn(0).getInt64(), query.first_us, query.last_us);
    }
    const auto span_us = statistics_.last_us - statistics_.first_us;
    statistics_.bucket_us = bucket_length(span_us, query.most_buckets);
    const auto length = statistics_.bucket_us;
    buckets_ = static_cast<std::size_t>(std::max<std::int64_t>(1, (span_us + length - 1) / length));
  }

  /// Of the columns of `kEntries`.
  void add(SQLite::Statement& row, const std::string& converger);
  ConvergerStatistics& of(const std::string& converger);
  Statistics result() &&;

 private:
  void add_inconsistency(SQLite::Statement& row, ConvergerStatistics& sums, Counts& bucket);
  void add_attempt(SQLite::Statement& row, ConvergerStatistics& sums);
  static void add_pass(SQLite::Statement& row, ConvergerStatistics& sums, Counts& bucket);
  Outcome outcome_of(std::int64_t txn);

  Statistics statistics_;
  std::size_t buckets_ = 1;
  std::map<std::string, ConvergerStatistics> convergers_;
  SQLite::Statement outcome_of_;
  std::pair<std::int64_t, Outcome> last_txn_{0, Outcome::pending};
};

/// A detail may be redacted, and nothing that stands in one may end the count of the others.
constexpr const char* kEntries =
    "select definition, time_us, kind, txn, count, pass,"
    " case when kind = 6 and json_valid(detail) then detail ->> '$.duration_ms' end,"
    " case when kind = 6 and json_valid(detail) then detail ->> '$.message' end is not null,"
    " seq from entry where seq between ?1 and ?2 and time_us between ?3 and ?4"
    " and kind in (2, 3, 5, 6)";

ConvergerStatistics& Count::of(const std::string& converger) {
  auto& sums = convergers_[converger];
  sums.converger = converger;
  sums.buckets.resize(buckets_);
  return sums;
}

void Count::add(SQLite::Statement& row, const std::string& converger) {
  auto& sums = of(converger);
  const auto place = (row.getColumn(1).getInt64() - statistics_.first_us) / statistics_.bucket_us;
  auto& bucket = sums.buckets[std::min(static_cast<std::size_t>(place), buckets_ - 1)];
  const auto kind = static_cast<Kind>(row.getColumn(2).getInt64());
  if (kind == Kind::inconsistency) {
    add_inconsistency(row, sums, bucket);
  } else if (kind == Kind::attempt) {
    add_attempt(row, sums);
  } else if (kind == Kind::failure) {
    ++bucket.failures;
  } else {
    add_pass(row, sums, bucket);
  }
}

void Count::add_inconsistency(SQLite::Statement& row, ConvergerStatistics& sums, Counts& bucket) {
  const auto outcome = outcome_of(row.getColumn(3).getInt64());
  if (outcome == Outcome::rolled_back || outcome == Outcome::failed) {
    ++sums.rolled_back;
  } else if (outcome == Outcome::unknown) {
    ++sums.unknown;
  } else if (outcome == Outcome::pending) {
    ++sums.pending;
  } else {
    const auto time_us = row.getColumn(1).getInt64();
    ++bucket.inconsistencies;
    bucket.changes += row.getColumn(4).getInt64();
    sums.last_correction_us = std::max(sums.last_correction_us.value_or(time_us), time_us);
  }
}

/// Its failure is counted by the entry that tells of it.
void Count::add_attempt(SQLite::Statement& row, ConvergerStatistics& sums) {
  const auto outcome = outcome_of(row.getColumn(8).getInt64());
  ++sums.attempts;
  if (outcome == Outcome::failed) ++sums.attempts_failed;
  if (outcome == Outcome::unknown || outcome == Outcome::pending) ++sums.attempts_unknown;
}

void Count::add_pass(SQLite::Statement& row, ConvergerStatistics& sums, Counts& bucket) {
  ++bucket.passes;
  if (row.getColumn(7).getInt64() != 0) ++bucket.failures;
  const auto duration_ms = row.getColumn(6).getInt64();
  if (row.getColumn(6).isNull() || row.getColumn(5).isNull()) return;
  if (sums.slowest_pass && duration_ms <= sums.slowest_ms) return;
  sums.slowest_pass = row.getColumn(5).getInt64();
  sums.slowest_ms = duration_ms;
}

/// The inconsistencies of a transaction follow each other, so that one is remembered.
Outcome Count::outcome_of(std::int64_t txn) {
  if (last_txn_.first == txn) return last_txn_.second;
  outcome_of_.reset();
  outcome_of_.bind(1, txn);
  last_txn_ = {txn, Outcome::pending};
  if (outcome_of_.executeStep()) {
    last_txn_.second = static_cast<Outcome>(outcome_of_.getColumn(0).getInt64());
  }
  outcome_of_.reset();
  return last_txn_.second;
}

Statistics Count::result() && {
  for (auto& [name, sums] : convergers_) {
    for (const auto& bucket : sums.buckets) {
      sums.counts.passes += bucket.passes;
      sums.counts.inconsistencies += bucket.inconsistencies;
      sums.counts.changes += bucket.changes;
      sums.counts.failures += bucket.failures;
    }
    statistics_.convergers.push_back(std::move(sums));
  }
  return std::move(statistics_);
}

/// Ends the statement, and with it the read transaction.
void add_entries(SQLite::Statement& row, const std::map<std::int64_t, std::string>& definitions,
                 Count& count) {
  while (row.executeStep()) {
    const auto found = definitions.find(row.getColumn(0).getInt64());
    if (found != definitions.end()) count.add(row, found->second);
  }
  row.reset();
}

/// One statement for the whole log or, so that a rare converger among many costs little, one for
/// each definition, which is a range of an index.
std::vector<SQLite::Statement> selections(SQLite::Database& database, const StatisticsQuery& query,
                                          const std::map<std::int64_t, std::string>& definitions) {
  std::vector<SQLite::Statement> rows;
  if (query.convergers.empty()) {
    rows.emplace_back(database, kEntries);
  } else {
    for (const auto& [number, name] : definitions) {
      rows.emplace_back(database, fmt::format("{} and definition = {}", kEntries, number));
    }
  }
  for (auto& row : rows) {
    row.bind(3, query.first_us);
    row.bind(4, query.last_us);
  }
  return rows;
}

}  // namespace

Statistics read_statistics(SQLite::Database& database, const StatisticsQuery& query,
                           const std::function<void(std::int64_t, std::int64_t)>& progress) {
  const auto ranges = ranges_of(database, query);
  require_known_convergers(query.convergers, convergers_in(database));
  const auto definitions = definitions_of(database, query.convergers);
  auto rows = selections(database, query, definitions);
  Count count(database, query);
  for (const auto& name : query.convergers) {
    if (!is_pattern(name)) count.of(name);
  }
  std::int64_t total = 0;
  for (const auto& range : ranges) total += range.last - range.first + 1;
  std::int64_t done = 0;
  SQLite::Statement next(database, "select min(seq) from entry where seq >= ?");
  for (const auto& range : ranges) {
    auto first = entry_from(next, range.first);
    while (first && *first <= range.last) {
      const auto last =
          range.last - *first < kWindowEntries ? range.last : *first + kWindowEntries - 1;
      for (auto& row : rows) {
        row.bind(1, *first);
        row.bind(2, last);
        add_entries(row, definitions, count);
      }
      done += last - *first + 1;
      if (progress) progress(done, total);
      first = last < range.last ? entry_from(next, last + 1) : std::nullopt;
    }
  }
  return std::move(count).result();
}

}  // namespace converge::journal
