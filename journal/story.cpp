#include "journal/story.h"

#include "journal/convergers.h"
#include "journal/detail.h"
#include "journal/owed_reading.h"
#include "journal/reading.h"
#include "journal/stored_entry.h"
#include "journal/subject_search.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace converge::journal {
namespace {

/// A page is held in memory, so that no read transaction is open while its reader prints.
constexpr std::int64_t kPageEntries = 256;
constexpr std::size_t kPageBytes = 1024 * 1024;
/// The same for a page of which only numbers are kept.
constexpr std::int64_t kCountedEntries = 4096;

/// A pass ends soon after its entries: others that ended meanwhile are passed over, up to so many.
constexpr int kPassesBetween = 256;

/// The seqs of a subject in the order of its index, which are in the order of seq; without
/// outcomes, which are told of with what they settle.
std::string seqs_of(const std::string& condition, std::int64_t limit) {
  return fmt::format(
      "select seq from entry where subject = :subject and seq > :after and kind <> 4{} order by seq"
      " limit {}",
      condition, limit);
}

/// Corrections of one subject so far, by converger.
class Occurrences {
 public:
  void count(StoryEntry& entry) {
    const StoredEntry& stored = entry.stored;
    if (stored.entry.kind != Kind::inconsistency || stored.settled != Outcome::committed ||
        !stored.entry.definition) {
      return;
    }
    Last& last = last_[stored.entry.definition->name];
    entry.occurrence = ++last.count;
    if (last.count > 1) entry.previous_us = last.time_us;
    last.time_us = stored.time_us;
  }

 private:
  struct Last {
    std::int64_t count = 0;
    std::int64_t time_us = 0;
  };
  std::map<std::string, Last> last_;
};

/// Which inconsistencies planned attempts of one subject.
class Plans {
 public:
  /// `planned` and `key` are of the entry's detail.
  void note(StoryEntry& entry, const std::optional<std::string>& planned,
            const std::optional<std::string>& key) {
    if (planned) {
      for (auto& one : planned_keys(*planned)) by_key_[std::move(one)] = entry.stored.seq;
    }
    if (!key) return;
    const auto found = by_key_.find(*key);
    if (found != by_key_.end()) entry.planned_by = found->second;
  }

 private:
  std::map<std::string, std::int64_t> by_key_;
};

void count_correction(StorySummary& summary, const std::string& converger, std::int64_t time_us) {
  auto known =
      std::find_if(summary.corrected.begin(), summary.corrected.end(),
                   [&](const auto& corrections) { return corrections.converger == converger; });
  if (known == summary.corrected.end()) {
    known = summary.corrected.insert(known, {.converger = converger, .first_us = time_us});
  }
  ++known->count;
  known->last_us = time_us;
}

void count_entry(StorySummary& summary, Kind kind, std::optional<Outcome> outcome,
                 const std::string& converger, std::int64_t time_us) {
  if (kind == Kind::attempt) return;
  if (outcome == Outcome::failed) {
    ++summary.failed;
    summary.last_failed_us = time_us;
  } else if (kind == Kind::inconsistency) {
    if (outcome == Outcome::committed) count_correction(summary, converger, time_us);
    if (outcome == Outcome::rolled_back) ++summary.rolled_back;
    if (outcome == Outcome::pending) ++summary.pending;
    if (outcome == Outcome::unknown) ++summary.unknown;
  }
}

/// Prepared once, for the lookups that are made for each entry.
struct Lookups {
  explicit Lookups(SQLite::Database& database)
      : xid(database,
            "select case when json_valid(detail) then detail ->> '$.xid' end"
            " from entry where seq = ? and kind = 1"),
        trigger(database, fmt::format("select case when json_valid(detail) then detail ->> "
                                      "'$.trigger' end from entry where seq ="
                                      " (select seq from (select seq, pass from entry"
                                      "   where kind > 4 and kind = 6 and seq > ?1"
                                      "   order by seq limit {})"
                                      "  where pass = ?2 limit 1)",
                                      kPassesBetween)),
        settlement(database,
                   "select e.seq, e.time_us, a.name, e.detail from entry e"
                   " left join actor a on a.id = e.actor"
                   " where e.kind = 4 and e.txn = ? order by e.seq desc limit 1"),
        redaction(database,
                  "select e.seq, e.time_us, a.name, e.detail from entry e"
                  " left join actor a on a.id = e.actor"
                  " left join definition d on d.id = e.definition"
                  " where e.subject = ?1 and e.kind = 15 and e.seq > ?2"
                  " and (d.name is null or d.name is ?3) order by e.seq limit 1") {}

  SQLite::Statement xid;
  SQLite::Statement trigger;
  SQLite::Statement settlement;
  SQLite::Statement redaction;
};

/// The first column of the only row, or nothing; leaves no transaction open.
std::optional<std::string> only_text(SQLite::Statement& statement) {
  auto text = statement.executeStep() ? text_in(statement.getColumn(0)) : std::nullopt;
  statement.reset();
  return text;
}

/// `Settlement` and `Redaction` in the only row, or nothing; leaves no transaction open.
template <typename Teller>
std::optional<Teller> only_teller(SQLite::Statement& row) {
  std::optional<Teller> teller;
  if (row.executeStep()) {
    teller = Teller{.seq = row.getColumn(0).getInt64(),
                    .time_us = row.getColumn(1).getInt64(),
                    .actor = row.getColumn(2).getString(),
                    .detail = text_in(row.getColumn(3))};
  }
  row.reset();
  return teller;
}

}  // namespace

class StoryReader::Implementation {
 public:
  explicit Implementation(const std::filesystem::path& file)
      : file_(file), database_(open_for_reading(file)) {}

  StorySummary summary(const StoryFilter& filter);
  void tell(const StoryFilter& filter, std::int64_t last_seq,
            const std::function<void(const StoryEntry&)>& entry);

  template <typename Body>
  auto reading(const Body& body) {
    return journal::reading(file_, *database_, body);
  }

 private:
  std::vector<StoryEntry> page(const StoryFilter& filter, const std::string& condition,
                               std::int64_t after, std::int64_t last_seq);
  void look_around(Lookups& lookups, StoryEntry& entry);

  std::filesystem::path file_;
  std::unique_ptr<SQLite::Database> database_;
  // By converger: the last that was looked up, which tells of all entries before it; none: of none
  // that follow.
  std::map<std::string, std::optional<Redaction>> redactions_;
  Plans plans_;
};

StorySummary StoryReader::Implementation::summary(const StoryFilter& filter) {
  StorySummary summary;
  // Up to the column `label` a row is in one page, however long its detail is.
  SQLite::Statement row(
      *database_,
      fmt::format("select e.seq, e.time_us, e.kind, d.name, e.label,"
                  " coalesce((select o.outcome from entry o where o.kind = 4 and"
                  "   o.txn = case e.kind when 2 then e.txn when 3 then e.seq end"
                  "   order by o.seq desc limit 1), e.outcome)"
                  " from entry e left join definition d on d.id = e.definition"
                  " where e.seq in ({}) order by e.seq",
                  seqs_of(condition_of(*database_, filter.convergers), kCountedEntries)));
  for (bool more = true; more;) {
    std::int64_t rows = 0;
    row.bind(":subject", filter.subject);
    row.bind(":after", summary.last_seq);
    for (; row.executeStep(); ++rows) {
      summary.last_seq = row.getColumn(0).getInt64();
      if (!row.getColumn(4).isNull()) summary.label = row.getColumn(4).getString();
      count_entry(summary, static_cast<Kind>(row.getColumn(2).getInt64()),
                  outcome_in(row.getColumn(5)), row.getColumn(3).getString(),
                  row.getColumn(1).getInt64());
    }
    row.reset();
    more = rows == kCountedEntries;
  }
  const auto definitions = definition_list(*database_, filter.convergers);
  summary.owed = read_subject_owed(*database_, filter.subject, definitions);
  return summary;
}

std::vector<StoryEntry> StoryReader::Implementation::page(const StoryFilter& filter,
                                                          const std::string& condition,
                                                          std::int64_t after,
                                                          std::int64_t last_seq) {
  SQLite::Statement row(
      *database_,
      fmt::format("select {}, e.detail is null and e.detail_sha is not null,"
                  " iif(e.kind = 2 and json_valid(e.detail), e.detail -> '$.planned',"
                  " null),"
                  " iif(e.kind = 3 and json_valid(e.detail), e.detail ->> '$.key', null)"
                  " from {}"
                  " where e.seq in ({}) order by e.seq",
                  kEntryColumns, kEntryTables,
                  seqs_of(condition + " and seq <= :last", kPageEntries)));
  row.bind(":subject", filter.subject);
  row.bind(":after", after);
  row.bind(":last", last_seq);
  std::vector<StoryEntry> page;
  for (std::size_t bytes = 0; bytes < kPageBytes && row.executeStep();) {
    page.push_back(
        {.stored = entry_in(row), .redacted = row.getColumn(kEntryColumnCount).getInt() != 0});
    plans_.note(page.back(), text_in(row.getColumn(kEntryColumnCount + 1)),
                text_in(row.getColumn(kEntryColumnCount + 2)));
    bytes += page.back().stored.entry.detail.value_or("").size();
  }
  return page;
}

void StoryReader::Implementation::look_around(Lookups& lookups, StoryEntry& story) {
  const StoredEntry& stored = story.stored;
  const Kind kind = stored.entry.kind;
  if (kind == Kind::inconsistency && stored.entry.txn) {
    lookups.xid.bind(1, *stored.entry.txn);
    story.xid = only_text(lookups.xid);
  }
  const auto settled = kind == Kind::attempt ? std::optional(stored.seq) : stored.entry.txn;
  if (settled) {
    lookups.settlement.bind(1, *settled);
    story.settlement = only_teller<Settlement>(lookups.settlement);
  }
  const bool of_a_pass =
      kind == Kind::inconsistency || kind == Kind::attempt || kind == Kind::failure;
  if (of_a_pass && stored.entry.pass) {
    lookups.trigger.bind(1, stored.seq);
    lookups.trigger.bind(2, *stored.entry.pass);
    story.trigger = only_text(lookups.trigger);
  }
  if (story.redacted && stored.entry.subject) {
    const std::string converger = stored.entry.definition ? stored.entry.definition->name : "";
    const auto [known, is_new] = redactions_.try_emplace(converger);
    if (is_new || (known->second && known->second->seq < stored.seq)) {
      lookups.redaction.bind(1, *stored.entry.subject);
      lookups.redaction.bind(2, stored.seq);
      lookups.redaction.bind(3, converger);
      known->second = only_teller<Redaction>(lookups.redaction);
    }
    story.redaction = known->second;
  }
}

void StoryReader::Implementation::tell(const StoryFilter& filter, std::int64_t last_seq,
                                       const std::function<void(const StoryEntry&)>& entry) {
  Lookups lookups(*database_);
  Occurrences occurrences;
  const auto condition = condition_of(*database_, filter.convergers);
  redactions_.clear();
  plans_ = {};
  for (std::int64_t after = 0; after < last_seq;) {
    auto entries = page(filter, condition, after, last_seq);
    if (entries.empty()) return;  // Pruned meanwhile.
    for (StoryEntry& story : entries) {
      look_around(lookups, story);
      occurrences.count(story);
      entry(story);
    }
    after = entries.back().stored.seq;
  }
}

StoryReader::StoryReader(const std::filesystem::path& file)
    : implementation_(std::make_unique<Implementation>(file)) {}

StoryReader::~StoryReader() = default;

FoundSubject StoryReader::find(const StoryFilter& filter) {
  return implementation_->reading(
      [&](SQLite::Database& database) { return find_subject(database, filter, kLabelEntries); });
}

StorySummary StoryReader::summary(const StoryFilter& filter) {
  return implementation_->reading(
      [&](SQLite::Database&) { return implementation_->summary(filter); });
}

void StoryReader::tell(const StoryFilter& filter, std::int64_t last_seq,
                       const std::function<void(const StoryEntry&)>& entry) {
  implementation_->reading(
      [&](SQLite::Database&) { implementation_->tell(filter, last_seq, entry); });
}

std::optional<std::string> StoryReader::definition(const DefinitionId& id) {
  return implementation_->reading([&](SQLite::Database& database) {
    SQLite::Statement row(database, "select text from definition where name = ? and version = ?");
    row.bind(1, id.name);
    row.bind(2, id.version);
    return only_text(row);
  });
}

std::vector<std::string> StoryReader::convergers() {
  return implementation_->reading(convergers_in);
}

}  // namespace converge::journal
