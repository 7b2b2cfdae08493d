#include "journal/prefix.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <array>
#include <optional>

namespace converge::journal {
namespace {

/// The first entry that is too young; the blocks spare reading all that are before it.
constexpr const char* kFirstYoung =
    "select seq from entry where time_us >= ?1 and seq >= coalesce("
    " (select min(first_seq) from block where max_time_us >= ?1),"
    " (select block_first_seq from chain)) order by seq limit 1";

constexpr const char* kFirstUnsettled =
    "select min(u.seq) from unsettled u join entry e on e.seq = u.seq"
    " where u.seq <= ?1 and e.kind = 1";
constexpr const char* kFirstUnsettledAttempt =
    "select min(u.seq) from unsettled u join entry e on e.seq = u.seq"
    " where u.seq <= ?1 and e.kind = 3";

/// What is owed by a transaction that is not here any more is taken for owed.
constexpr const char* kFirstUnknownOwing =
    "select min(w.txn) from owed w where w.txn <= ?1 and 5 = ("
    " select o.outcome from entry o where o.kind = 4 and o.txn = w.txn"
    " order by o.outcome is 5 limit 1)";

/// The first transaction or attempt up to ?1 that ends after it; a second outcome is a person's.
constexpr const char* kFirstSplit =
    "select min(o.txn) from entry o where o.kind = 4 and o.txn <= ?1 and o.seq > ?1"
    " and not exists (select 1 from entry p where p.kind = 4 and p.txn = o.txn and p.seq < o.seq)";

constexpr const char* kFirstRedactedLater =
    "select min(e.seq) from entry e where e.seq <= ?1"
    " and e.subject in (select subject from entry where kind = 15 and kind > 4 and seq > ?1)"
    " and e.detail is null and e.detail_sha is not null"
    " and not exists (select 1 from entry r left join definition d on d.id = r.definition"
    "                 where r.kind = 15 and r.subject = e.subject and r.seq > e.seq and r.seq <= ?1"
    "                 and (d.name is null or d.name is"
    "                      (select name from definition where id = e.definition)))";

std::optional<std::int64_t> ask(SQLite::Database& database, const char* sql, std::int64_t value) {
  SQLite::Statement row(database, sql);
  row.bind(1, value);
  return row.executeStep() && !row.getColumn(0).isNull()
             ? std::optional<std::int64_t>(row.getColumn(0).getInt64())
             : std::nullopt;
}

/// Ends the prefix before the entry that one of the rules leaves out; false when none does.
bool shorten(SQLite::Database& database, Prefix& prefix) {
  struct Rule {
    const char* first;
    const char* reason;
  };
  constexpr std::array<Rule, 5> kRules = {{
      {kFirstUnsettled, "transaction {} has no outcome yet"},
      {kFirstUnsettledAttempt, "attempt {} has no outcome yet"},
      {kFirstUnknownOwing,
       "nobody has settled transaction {}, which planned steps outside the database"},
      {kFirstSplit, "the outcome of entry {} is not old enough"},
      {kFirstRedactedLater, "entry {} was redacted, and the entry that says so is not old enough"},
  }};
  for (const auto& rule : kRules) {
    if (const auto seq = ask(database, rule.first, prefix.last_seq);
        seq && *seq > prefix.before_first_seq) {
      prefix.last_seq = *seq - 1;
      if (prefix.held_back.empty()) {  // What follows from the first is no reason of its own.
        prefix.held_back = fmt::format(fmt::runtime(rule.reason), *seq);
      }
      return true;
    }
  }
  return false;
}

}  // namespace

Prefix prefix_before(SQLite::Database& database, std::int64_t before_us) {
  Prefix prefix;
  SQLite::Statement row(database, "select pruned_seq, head_seq from chain");
  row.executeStep();
  prefix.before_first_seq = row.getColumn(0).getInt64();
  const auto young = ask(database, kFirstYoung, before_us);
  prefix.last_seq = young ? *young - 1 : row.getColumn(1).getInt64();
  row.reset();
  while (prefix.last_seq > prefix.before_first_seq && shorten(database, prefix)) {
  }
  return prefix;
}

}  // namespace converge::journal
