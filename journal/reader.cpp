#include "journal/reader.h"

#include "journal/chain.h"
#include "journal/database.h"
#include "journal/state.h"
#include "journal/verify.h"
#include "src/base/error.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace converge::journal {
namespace {

/// A page is held in memory, so that no read transaction is open while its reader prints.
constexpr std::int64_t kPageEntries = 256;
constexpr std::size_t kPageBytes = 1024 * 1024;

constexpr const char* kColumns =
    "select e.seq, e.time_us, e.kind, e.pass, d.name, d.version, a.name, a.build, e.txn, e.subject,"
    " e.label, e.count, e.outcome, e.detail, e.hash,"
    " case when e.kind in (1, 3) then"
    "   (select o.outcome from entry o where o.kind = 4 and o.txn = e.seq"
    "    order by o.outcome is 5 limit 1)"
    " when e.kind = 2 then"
    "   (select o.outcome from entry o where o.kind = 4 and o.txn = e.txn"
    "    order by o.outcome is 5 limit 1) end"
    " from entry e left join definition d on d.id = e.definition"
    " left join actor a on a.id = e.actor";

std::optional<std::int64_t> number_in(const SQLite::Column& column) {
  return column.isNull() ? std::nullopt : std::optional<std::int64_t>(column.getInt64());
}

std::optional<std::string> text_in(const SQLite::Column& column) {
  return column.isNull() ? std::nullopt : std::optional(column.getString());
}

std::optional<Outcome> outcome_in(const SQLite::Column& column) {
  return column.isNull() ? std::nullopt : std::optional(static_cast<Outcome>(column.getInt64()));
}

StoredEntry entry_in(SQLite::Statement& row) {
  StoredEntry stored;
  stored.seq = row.getColumn(0).getInt64();
  stored.time_us = row.getColumn(1).getInt64();
  stored.entry.kind = static_cast<Kind>(row.getColumn(2).getInt64());
  stored.entry.pass = number_in(row.getColumn(3));
  if (!row.getColumn(4).isNull()) {
    stored.entry.definition =
        DefinitionId{row.getColumn(4).getString(), row.getColumn(5).getString()};
  }
  stored.actor = row.getColumn(6).getString();
  stored.build = row.getColumn(7).getInt64();
  stored.entry.txn = number_in(row.getColumn(8));
  stored.entry.subject = text_in(row.getColumn(9));
  stored.entry.label = text_in(row.getColumn(10));
  stored.entry.count = number_in(row.getColumn(11));
  stored.entry.outcome = outcome_in(row.getColumn(12));
  stored.entry.detail = text_in(row.getColumn(13));
  stored.hash = hex(row.getColumn(14).getString());
  stored.settled = outcome_in(row.getColumn(15));
  if (!stored.settled) {
    stored.settled = stored.entry.outcome;
  }
  return stored;
}

std::vector<std::int64_t> definitions_of(SQLite::Database& database,
                                         const std::vector<std::string>& convergers) {
  std::vector<std::int64_t> numbers;
  SQLite::Statement row(database, "select id from definition where name = ?");
  for (const auto& name : convergers) {
    row.bind(1, name);
    while (row.executeStep()) {
      numbers.push_back(row.getColumn(0).getInt64());
    }
    row.reset();
  }
  return numbers;
}

/// Conditions on `entry`, any of which suffices. Each is one range of one index in order of seq:
/// SQLite would sort all matches, or scan the log, for a condition on several definitions at once.
std::vector<std::string> ranges_of(SQLite::Database& database, const Filter& filter) {
  const auto definitions = definitions_of(database, filter.convergers);
  if (filter.subject) {
    std::string condition = "subject = :subject";
    if (!filter.convergers.empty()) {
      condition += fmt::format(" and +definition in ({})", fmt::join(definitions, ", "));
    }
    return {condition};
  }
  if (filter.convergers.empty()) {
    return {"true"};
  }
  std::vector<std::string> ranges;
  for (const auto definition : definitions) {
    ranges.push_back(fmt::format("definition = {}", definition));
  }
  return ranges;
}

/// The seqs that match and lie on one side of :seq, at most :limit, nearest first.
std::string matching(const std::vector<std::string>& ranges, const char* side, const char* order) {
  std::vector<std::string> parts;
  for (const auto& range : ranges) {
    parts.push_back(fmt::format(
        "select seq from (select seq from entry where {} and seq {} :seq order by seq {} "
        "limit :limit)",
        range, side, order));
  }
  return fmt::format("{} order by seq {} limit :limit", fmt::join(parts, " union all "), order);
}

void bind_search(SQLite::Statement& statement, const Filter& filter, std::int64_t seq,
                 std::int64_t limit) {
  if (filter.subject) {
    statement.bind(":subject", *filter.subject);
  }
  statement.bind(":seq", seq);
  statement.bind(":limit", limit);
}

}  // namespace

class Reader::Implementation {
 public:
  explicit Implementation(const std::filesystem::path& file)
      : file_(file), database_(open_for_reading(file)) {}

  void newest(const Filter& filter, const std::function<void(const StoredEntry&)>& entry);
  std::vector<StoredEntry> page_after(const Filter& filter, const std::vector<std::string>& ranges,
                                      std::int64_t seq, std::int64_t limit);

  /// Calls `body` with the database and translates what it throws.
  template <typename Body>
  auto reading(const Body& body) {
    try {
      return body(*database_);
    } catch (const SQLite::Exception& error) {
      throw read_error(file_, error);
    }
  }

  std::filesystem::path file_;
  std::unique_ptr<SQLite::Database> database_;
};

std::vector<StoredEntry> Reader::Implementation::page_after(const Filter& filter,
                                                            const std::vector<std::string>& ranges,
                                                            std::int64_t seq, std::int64_t limit) {
  SQLite::Statement row(*database_, fmt::format("{} where e.seq in ({}) order by e.seq", kColumns,
                                                matching(ranges, ">", "asc")));
  bind_search(row, filter, seq, std::min(limit, kPageEntries));
  std::vector<StoredEntry> page;
  for (std::size_t bytes = 0; bytes < kPageBytes && row.executeStep();) {
    page.push_back(entry_in(row));
    bytes += page.back().entry.detail.value_or("").size();
  }
  return page;
}

void Reader::Implementation::newest(const Filter& filter,
                                    const std::function<void(const StoredEntry&)>& entry) {
  std::int64_t before_first = 0;
  std::int64_t left = 0;
  auto ranges = ranges_of(*database_, filter);
  if (!filter.bookkeeping) {
    for (std::string& range : ranges) range += " and kind not in (1, 4)";
  }
  if (ranges.empty() || filter.newest <= 0) {
    return;
  }
  {
    constexpr std::int64_t kEnd = INT64_MAX;
    SQLite::Statement row(*database_, fmt::format("select min(seq) - 1, count(*) from ({})",
                                                  matching(ranges, "<", "desc")));
    bind_search(row, filter, kEnd, filter.newest);
    row.executeStep();
    before_first = row.getColumn(0).getInt64();
    left = row.getColumn(1).getInt64();
  }
  while (left > 0) {
    const auto page = page_after(filter, ranges, before_first, left);
    if (page.empty()) {
      return;  // Pruned meanwhile.
    }
    std::for_each(page.begin(), page.end(), entry);
    before_first = page.back().seq;
    left -= static_cast<std::int64_t>(page.size());
  }
}

Reader::Reader(const std::filesystem::path& file)
    : implementation_(std::make_unique<Implementation>(file)) {}

Reader::~Reader() = default;

void Reader::newest(const Filter& filter, const std::function<void(const StoredEntry&)>& entry) {
  implementation_->reading([&](SQLite::Database&) { implementation_->newest(filter, entry); });
}

Verification Reader::verify(const std::function<void(std::int64_t, std::int64_t)>& progress) {
  return implementation_->reading(
      [&](SQLite::Database& database) { return Verifier(database, progress).run(); });
}

std::map<std::string, LastPass> Reader::last_passes() {
  std::map<std::string, LastPass> passes;
  for (auto& last : implementation_->reading(read_last_passes)) {
    auto name = last.converger;
    passes.emplace(std::move(name), std::move(last));
  }
  return passes;
}

std::map<std::string, Hold> Reader::holds() {
  std::map<std::string, Hold> holds;
  for (auto& hold : implementation_->reading(read_holds)) {
    auto name = hold.converger;
    holds.emplace(std::move(name), std::move(hold));
  }
  return holds;
}

}  // namespace converge::journal
