#include "journal/stored_entry.h"

#include "src/base/digest.h"

#include <SQLiteCpp/SQLiteCpp.h>

namespace converge::journal {

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
  stored.answer = text_in(row.getColumn(16));
  return stored;
}

}  // namespace converge::journal
