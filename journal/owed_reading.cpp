#include "journal/owed_reading.h"

#include "journal/schema.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

namespace converge::journal {
namespace {

constexpr std::int64_t kOwedSinceVersion = 5;

/// The index has all but the subject, which is read only where something is in quarantine. A
/// transaction that was pruned was committed, see journal/owed.cpp; its archive knows until when.
constexpr const char* kTotals = R"sql(
with by_txn as materialized (
  select o.converger, o.txn as planned_by, count(*) as owed,
    count(*) filter (where exists (select 1 from quarantine q where q.converger = o.converger)
      and exists (select 1 from quarantine q
                  where q.converger = o.converger and q.subject = o.subject)) as quarantined
  from owed o indexed by owed_converger
  group by o.converger, o.txn),
told as materialized (
  select *,
    coalesce((select e.time_us from entry e where e.seq = planned_by),
             (select a.max_time_us from archive a where a.last_seq >= planned_by
              order by a.last_seq limit 1)) as time_us,
    planned_by > (select pruned_seq from chain) and 5 is (
      select e.outcome from entry e where e.kind = 4 and e.txn = planned_by
      order by e.outcome is 5 limit 1) as is_unknown
  from by_txn)
select converger,
  sum(owed) filter (where not is_unknown),
  min(time_us) filter (where not is_unknown),
  sum(owed - quarantined) filter (where not is_unknown),
  min(time_us) filter (where not is_unknown and owed > quarantined),
  sum(owed) filter (where is_unknown),
  min(time_us) filter (where is_unknown),
  count(*) filter (where is_unknown),
  min(planned_by) filter (where is_unknown),
  (select max(e.time_us) from unsettled u join entry e on e.seq = u.seq
   join definition d on d.id = e.definition where d.name = told.converger)
from told group by converger
)sql";

}  // namespace

std::map<std::string, OwedTotal> read_owed_totals(SQLite::Database& database) {
  std::map<std::string, OwedTotal> all;
  if (schema_state(database).version < kOwedSinceVersion) return all;
  SQLite::Statement row(database, kTotals);
  while (row.executeStep()) {
    const auto number = [&](int column) { return row.getColumn(column).getInt64(); };  // Null is 0.
    all[row.getColumn(0).getString()] = {.subjects = number(1),
                                         .since_us = number(2),
                                         .ready = number(3),
                                         .ready_since_us = number(4),
                                         .unknown = number(5),
                                         .unknown_since_us = number(6),
                                         .unknown_txns = number(7),
                                         .unknown_txn = number(8),
                                         .begun_us = number(9)};
  }
  return all;
}

UnknownOwed read_unknown_owed(SQLite::Database& database, const std::string& subject,
                              const std::string& definitions) {
  if (schema_state(database).version < kOwedSinceVersion) return {};
  SQLite::Statement row(
      database, fmt::format("select count(distinct o.txn), min(o.txn) from owed o"
                            " where o.subject = ? and o.converger in"
                            " (select name from definition where id in ({}))"
                            " and o.txn > (select pruned_seq from chain) and 5 = ("
                            "  select e.outcome from entry e where e.kind = 4 and e.txn = o.txn"
                            "  order by e.outcome is 5 limit 1)",
                            definitions));
  row.bind(1, subject);
  row.executeStep();
  return {.txns = row.getColumn(0).getInt64(), .txn = row.getColumn(1).getInt64()};
}

}  // namespace converge::journal
