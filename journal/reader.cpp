#include "journal/reader.h"

#include "journal/control.h"
#include "journal/convergers.h"
#include "journal/database.h"
#include "journal/owed.h"
#include "journal/reading.h"
#include "journal/schema.h"
#include "journal/search.h"
#include "journal/state.h"
#include "journal/stored_entry.h"
#include "journal/verify.h"
#include "src/base/error.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

namespace converge::journal {
namespace {

/// A page is held in memory, so that no read transaction is open while its reader prints.
constexpr std::size_t kPageEntries = 256;
constexpr std::size_t kPageBytes = 1024 * 1024;

constexpr std::size_t kSeqsAtOnce = 4096;

std::vector<StoredEntry> read_page(SQLite::Database& database, std::span<const std::int64_t> seqs,
                                   Search::Order order) {
  SQLite::Statement row(database,
                        fmt::format("select {} from {} where e.seq in ({}) order by e.seq {}",
                                    kEntryColumns, kEntryTables, fmt::join(seqs, ", "),
                                    order == Search::Order::oldest_first ? "asc" : "desc"));
  std::vector<StoredEntry> page;
  for (std::size_t bytes = 0; bytes < kPageBytes && row.executeStep();) {
    page.push_back(entry_in(row));
    bytes += page.back().entry.detail.value_or("").size();
  }
  return page;
}

/// Visits the entries in the order of `seqs`, which are sorted; those that were pruned meanwhile
/// are not there any more.
void visit_all(SQLite::Database& database, std::span<const std::int64_t> seqs, Search::Order order,
               const Reader::Visit& visit) {
  while (!seqs.empty()) {
    const auto wanted = seqs.subspan(0, std::min(seqs.size(), kPageEntries));
    const auto page = read_page(database, wanted, order);
    std::for_each(page.begin(), page.end(), visit);
    if (page.empty()) {
      seqs = seqs.subspan(wanted.size());
      continue;
    }
    // A page that is too large for memory ends early.
    const auto last = std::find(wanted.begin(), wanted.end(), page.back().seq);
    seqs = seqs.subspan(static_cast<std::size_t>(last - wanted.begin()) + 1);
  }
}

/// Visits what a search finds, at most so many.
void visit_found(SQLite::Database& database, Search& search, Search::Order order, std::int64_t most,
                 const Reader::Visit& visit) {
  while (most > 0) {
    const auto seqs =
        search.next(static_cast<std::size_t>(std::min<std::int64_t>(most, kSeqsAtOnce)));
    if (seqs.empty()) return;
    visit_all(database, seqs, order, visit);
    most -= static_cast<std::int64_t>(seqs.size());
  }
}

/// The seq of the last but `filter.newest - 1` match; 1 when there are not so many.
std::int64_t first_of_newest(SQLite::Database& database, const Filter& filter) {
  std::int64_t first = 1;
  if (filter.newest == INT64_MAX) return first;
  Search search(database, filter, Search::Order::newest_first, INT64_MAX);
  for (std::int64_t left = filter.newest; left > 0;) {
    const auto seqs =
        search.next(static_cast<std::size_t>(std::min<std::int64_t>(left, kSeqsAtOnce)));
    if (seqs.empty()) return 1;
    left -= static_cast<std::int64_t>(seqs.size());
    first = seqs.back();
  }
  return first;
}

template <typename Value>
std::map<std::string, Value> by_converger(std::vector<Value> values) {
  std::map<std::string, Value> all;
  for (auto& value : values) {
    auto name = value.converger;
    all.emplace(std::move(name), std::move(value));
  }
  return all;
}

/// Of several shards: what is worst, as that is what a person has to know.
void add_shard(LastPass& worst, const LastPass& shard) {
  if (shard.outcome == "failed" && worst.outcome != "failed") {
    worst.outcome = shard.outcome;
    worst.message = shard.message;
  }
  worst.time_us = std::min(worst.time_us, shard.time_us);
  worst.completed_us = std::min(worst.completed_us, shard.completed_us);
  worst.correction_us = std::max(worst.correction_us, shard.correction_us);
  worst.streak = std::max(worst.streak, shard.streak);
  worst.failures = std::max(worst.failures, shard.failures);
}

std::map<std::string, LastPass> with_shards_joined(const std::vector<LastPass>& passes) {
  std::map<std::string, LastPass> all;
  for (const LastPass& pass : passes) {
    const auto [known, is_new] = all.emplace(pass.converger, pass);
    if (!is_new) add_shard(known->second, pass);
    known->second.shard.clear();
  }
  return all;
}

}  // namespace

class Reader::Implementation {
 public:
  explicit Implementation(const std::filesystem::path& file)
      : file_(file), identity_(identity_of(file)), database_(open_for_reading(file)) {}

  template <typename Body>
  auto reading(const Body& body) {
    return journal::reading(file_, *database_, body);
  }

  std::filesystem::path file_;
  std::optional<FileIdentity> identity_;
  std::unique_ptr<SQLite::Database> database_;
  State state_;                                ///< As it was read last ...
  std::optional<std::int64_t> state_version_;  ///< ... and SQLite's data_version before that.
};

Reader::Reader(const std::filesystem::path& file)
    : implementation_(std::make_unique<Implementation>(file)) {}

Reader::~Reader() = default;

void Reader::newest(const Filter& filter, const Visit& visit) {
  if (filter.newest <= 0) return;
  implementation_->reading([&](SQLite::Database& database) {
    Search search(database, filter, Search::Order::oldest_first, first_of_newest(database, filter));
    visit_found(database, search, Search::Order::oldest_first, filter.newest, visit);
  });
}

void Reader::newest_first(const Filter& filter, const Visit& visit) {
  implementation_->reading([&](SQLite::Database& database) {
    Search search(database, filter, Search::Order::newest_first, INT64_MAX);
    visit_found(database, search, Search::Order::newest_first, filter.newest, visit);
  });
}

void Reader::after(std::int64_t seq, const Filter& filter, const Visit& visit) {
  implementation_->reading([&](SQLite::Database& database) {
    Search search(database, filter, Search::Order::oldest_first, seq + 1);
    visit_found(database, search, Search::Order::oldest_first, INT64_MAX, visit);
  });
}

Head Reader::head() {
  return implementation_->reading([](SQLite::Database& database) {
    SQLite::Statement row(database, "select head_seq, head_hash from chain");
    row.executeStep();
    return Head{.seq = row.getColumn(0).getInt64(), .hash = hex(row.getColumn(1).getString())};
  });
}

std::string Reader::journal_id() {
  return implementation_->reading([](SQLite::Database& database) {
    return database.execAndGet("select journal_id from chain").getString();
  });
}

bool Reader::is_current() const {
  return identity_of(implementation_->file_) == implementation_->identity_;
}

std::vector<std::string> Reader::convergers() { return implementation_->reading(convergers_in); }

Verification Reader::verify(const std::function<void(std::int64_t, std::int64_t)>& progress,
                            const std::optional<Head>& kept) {
  return implementation_->reading([&](SQLite::Database& database) {
    return Verifier(implementation_->file_, database, progress, kept).run();
  });
}

Statistics Reader::statistics(const StatisticsQuery& query,
                              const std::function<void(std::int64_t, std::int64_t)>& progress) {
  return implementation_->reading(
      [&](SQLite::Database& database) { return read_statistics(database, query, progress); });
}

State Reader::state() {
  auto& known = *implementation_;
  return known.reading([&](SQLite::Database& database) {
    const auto version = database.execAndGet("pragma data_version").getInt64();
    if (known.state_version_ == version) return known.state_;
    const SQLite::Transaction snapshot(database);
    State state{.last_passes = with_shards_joined(read_last_passes(database)),
                .holds = by_converger(read_holds(database))};
    if (schema_state(database).version >= 3) {
      state.pauses = read_pauses(database);
      state.quarantined = read_quarantined(database);
      state.service = read_service(database);
    }
    state.owed = read_owed_totals(database);
    known.state_ = state;
    known.state_version_ = version;
    return state;
  });
}

void Reader::owed(const std::string& converger, const std::function<void(const Owed&)>& visit) {
  OwedPage page{.size = kPageEntries};
  std::vector<Owed> owed;
  do {
    owed = implementation_->reading([&](SQLite::Database& database) {
      if (!has_owed(database)) return std::vector<Owed>();
      return read_owed(database, converger, page, [](auto) { return Outcome::committed; });
    });
    std::for_each(owed.begin(), owed.end(), visit);
    if (owed.empty()) return;
    page.after_txn = owed.back().txn;
    page.after_number = owed.back().number;
  } while (owed.size() == page.size);
}

std::vector<std::optional<LastOutside>> Reader::last_outside(
    const std::string& converger, const std::string& title,
    const std::vector<std::string>& subjects) {
  return implementation_->reading([&](SQLite::Database& database) {
    if (!has_owed(database)) {
      return std::vector<std::optional<LastOutside>>(subjects.size());
    }
    SQLite::Statement select(database, kSelectOutside);
    return read_outside(select, converger, title, subjects);
  });
}

std::map<std::string, LastPass> Reader::last_passes() {
  return with_shards_joined(implementation_->reading(read_last_passes));
}

std::map<std::string, UpdateSeen> Reader::update_seen() {
  return implementation_->reading([](SQLite::Database& database) {
    return schema_state(database).version >= 6 ? read_update_seen(database)
                                               : std::map<std::string, UpdateSeen>();
  });
}

std::map<std::string, Hold> Reader::holds() {
  return by_converger(implementation_->reading(read_holds));
}

}  // namespace converge::journal
