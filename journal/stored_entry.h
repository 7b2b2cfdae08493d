#pragma once

#include "journal/reader.h"

#include <cstdint>
#include <optional>
#include <string>

namespace SQLite {
class Column;
class Statement;
}  // namespace SQLite

namespace converge::journal {

/// `select kEntryColumns from kEntryTables` gives rows that `entry_in` reads; the entry is `e`. A
/// query may have further columns behind these, from `kEntryColumnCount` on.
///
/// The outcome of a transaction is what the newest of its outcome entries tells.
inline constexpr const char* kEntryColumns =
    "e.seq, e.time_us, e.kind, e.pass, d.name, d.version, a.name, a.build, e.txn, e.subject,"
    " e.label, e.count, e.outcome, e.detail, e.hash,"
    " case when e.kind in (1, 3) then"
    "   (select o.outcome from entry o where o.kind = 4 and o.txn = e.seq"
    "    order by o.seq desc limit 1)"
    " when e.kind = 2 then"
    "   (select o.outcome from entry o where o.kind = 4 and o.txn = e.txn"
    "    order by o.seq desc limit 1) end,"
    " case when e.kind = 3 then"
    "   (select o.detail from entry o where o.kind = 4 and o.txn = e.seq"
    "    order by o.seq desc limit 1) end";
inline constexpr const char* kEntryTables =
    "entry e left join definition d on d.id = e.definition left join actor a on a.id = e.actor";
inline constexpr int kEntryColumnCount = 17;

/// The row that `row` stands on. Throws `SQLite::Exception`.
StoredEntry entry_in(SQLite::Statement& row);

std::optional<std::int64_t> number_in(const SQLite::Column& column);
std::optional<std::string> text_in(const SQLite::Column& column);
std::optional<Outcome> outcome_in(const SQLite::Column& column);

}  // namespace converge::journal
