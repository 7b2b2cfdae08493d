#include "journal/owed_reading.h"

#include "journal/owed.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

namespace converge::journal {
namespace {

/// The index has all but the subject, which is read only where something is in quarantine. When a
/// transaction that was pruned was to commit, its archive knows.
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
    {} as outcome
  from by_txn)
select converger,
  sum(owed) filter (where outcome is not 5),
  min(time_us) filter (where outcome is not 5),
  sum(owed - quarantined) filter (where outcome is not 5),
  min(time_us) filter (where outcome is not 5 and owed > quarantined),
  sum(owed) filter (where outcome is 2),
  sum(owed) filter (where outcome is 5),
  min(time_us) filter (where outcome is 5),
  count(*) filter (where outcome is 5),
  min(planned_by) filter (where outcome is 5),
  (select max(e.time_us) from unsettled u join entry e on e.seq = u.seq
   join definition d on d.id = e.definition where d.name = told.converger)
from told group by converger
)sql";

}  // namespace

std::map<std::string, OwedTotal> read_owed_totals(SQLite::Database& database) {
  std::map<std::string, OwedTotal> all;
  if (!has_owed(database)) return all;
  SQLite::Statement row(database, fmt::format(kTotals, outcome_sql("planned_by")));
  while (row.executeStep()) {
    const auto number = [&](int column) { return row.getColumn(column).getInt64(); };  // Null is 0.
    all[row.getColumn(0).getString()] = {.subjects = number(1),
                                         .since_us = number(2),
                                         .ready = number(3),
                                         .ready_since_us = number(4),
                                         .committed = number(5),
                                         .unknown = number(6),
                                         .unknown_since_us = number(7),
                                         .unknown_txns = number(8),
                                         .unknown_txn = number(9),
                                         .begun_us = number(10)};
  }
  return all;
}

SubjectOwed read_subject_owed(SQLite::Database& database, const std::string& subject,
                              const std::string& definitions) {
  if (!has_owed(database)) return {};
  SQLite::Statement row(
      database, fmt::format("select count(*) filter (where outcome is 2),"
                            " count(distinct txn) filter (where outcome is 5),"
                            " min(txn) filter (where outcome is 5)"
                            " from (select o.txn, {} as outcome from owed o where o.subject = ?"
                            "  and o.converger in (select name from definition where id in ({})))",
                            outcome_sql("o.txn"), definitions));
  row.bind(1, subject);
  row.executeStep();
  return {.steps = row.getColumn(0).getInt64(),
          .unknown_txns = row.getColumn(1).getInt64(),
          .unknown_txn = row.getColumn(2).getInt64()};
}

}  // namespace converge::journal
