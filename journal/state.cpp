#include "journal/state.h"

#include "journal/detail.h"
#include "journal/schema.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

namespace converge::journal {
namespace {

constexpr const char* kReadHold =
    "select converger, definition_version, digest, inconsistencies, allowed, since_us, released,"
    " released_digest from hold";

HeldDefinition held_in(SQLite::Statement& row) {
  HeldDefinition held;
  held.hold.converger = held.definition.name = row.getColumn(0).getString();
  held.definition.version = row.getColumn(1).getString();
  held.hold.digest = row.getColumn(2).getString();
  held.hold.inconsistencies = row.getColumn(3).getInt64();
  held.hold.allowed = row.getColumn(4).getInt64();
  held.hold.since_us = row.getColumn(5).getInt64();
  held.hold.released = row.getColumn(6).getInt64() != 0;
  held.hold.released_digest = row.getColumn(7).getString();
  return held;
}

Unsettled unsettled_in(SQLite::Statement& row) {
  Unsettled found;
  found.seq = row.getColumn(0).getInt64();
  if (!row.getColumn(1).isNull()) {
    found.pass = row.getColumn(1).getInt64();
  }
  if (!row.getColumn(2).isNull()) {
    found.definition = DefinitionId{row.getColumn(2).getString(), row.getColumn(3).getString()};
  }
  read_txn_detail(row.getColumn(4).getString(), found);
  return found;
}

}  // namespace

std::optional<HeldDefinition> read_hold(SQLite::Database& database, const std::string& converger) {
  SQLite::Statement row(database, std::string(kReadHold) + " where converger = ?");
  row.bind(1, converger);
  return row.executeStep() ? std::optional(held_in(row)) : std::nullopt;
}

std::vector<Hold> read_holds(SQLite::Database& database) {
  std::vector<Hold> holds;
  SQLite::Statement row(database, kReadHold);
  while (row.executeStep()) {
    holds.push_back(held_in(row).hold);
  }
  return holds;
}

void write_hold(SQLite::Database& database, const HeldDefinition& held) {
  SQLite::Statement statement(database, "insert or replace into hold values (?,?,?,?,?,?,?,?)");
  statement.bind(1, held.hold.converger);
  statement.bind(2, held.definition.version);
  statement.bind(3, held.hold.digest);
  statement.bind(4, held.hold.inconsistencies);
  statement.bind(5, held.hold.allowed);
  statement.bind(6, held.hold.since_us);
  statement.bind(7, held.hold.released ? 1 : 0);
  statement.bind(8, held.hold.released_digest);
  statement.exec();
}

void delete_hold(SQLite::Database& database, const std::string& converger) {
  SQLite::Statement statement(database, "delete from hold where converger = ?");
  statement.bind(1, converger);
  statement.exec();
}

std::vector<LastPass> read_last_passes(SQLite::Database& database) {
  std::vector<LastPass> passes;
  const auto version = schema_state(database).version;
  SQLite::Statement row(
      database,
      fmt::format("select converger, time_us, outcome, correction_us, {}, {} from last_pass",
                  version >= 3 ? "message, streak, failures" : "'', 0, 0",
                  version >= 4 ? "completed_us" : "iif(outcome = 'failed', 0, time_us)"));
  while (row.executeStep()) {
    const std::string unit = row.getColumn(0).getString();
    const auto end = std::min(unit.find(' '), unit.size());
    passes.push_back({.converger = unit.substr(0, end),
                      .shard = unit.substr(std::min(end + 1, unit.size())),
                      .time_us = row.getColumn(1).getInt64(),
                      .outcome = row.getColumn(2).getString(),
                      .correction_us = row.getColumn(3).getInt64(),
                      .completed_us = row.getColumn(7).getInt64(),
                      .message = row.getColumn(4).getString(),
                      .streak = row.getColumn(5).getInt64(),
                      .failures = row.getColumn(6).getInt64()});
  }
  return passes;
}

void write_last_passes(SQLite::Database& database, const std::vector<LastPass>& passes) {
  if (passes.empty()) return;
  // Passes that this one is in no row with: over all subjects, or over another number of shards.
  SQLite::Statement drop_others(
      database,
      "delete from last_pass where substr(converger || ' ', 1, length(?1) + 1) = ?1 || ' '"
      " and iif(?2 = '', converger <> ?1, substr(converger, -length(?2)) <> ?2)");
  SQLite::Statement statement(
      database,
      "insert into last_pass (converger, time_us, outcome, correction_us, streak, failures,"
      " message, completed_us)"
      " values (?1, ?2, ?3, ?4, ?5, ?6, ?7, iif(?6, 0, ?2)) on conflict do update set"
      " time_us = excluded.time_us, outcome = excluded.outcome,"
      " correction_us = max(correction_us, excluded.correction_us),"
      " streak = iif(?8, 0, streak + excluded.streak),"
      " failures = iif(excluded.failures, failures + 1, 0), message = excluded.message,"
      " completed_us = iif(excluded.failures, completed_us, excluded.completed_us)");
  for (const LastPass& last : passes) {
    drop_others.bind(1, last.converger);
    drop_others.bind(2, last.shard.substr(std::min(last.shard.find('/'), last.shard.size())));
    drop_others.exec();
    drop_others.reset();
    const bool corrected = last.correction_us != 0;
    statement.bind(1, last.shard.empty() ? last.converger : last.converger + " " + last.shard);
    statement.bind(2, last.time_us);
    statement.bind(3, last.outcome);
    statement.bind(4, last.correction_us);
    statement.bind(5, last.complete && corrected ? 1 : 0);
    statement.bind(6, last.outcome == "failed" ? 1 : 0);
    statement.bind(7, last.message);
    statement.bind(8, last.complete && last.outcome == "unchanged" ? 1 : 0);
    statement.exec();
    statement.reset();
  }
}

std::vector<bool> note_settling(SQLite::Database& database, const std::string& converger,
                                const std::vector<std::string>& subjects, std::int64_t settle_us,
                                std::int64_t mark, std::int64_t now_us) {
  SQLite::Statement statement(database,
                              "insert into settling values (?1, ?2, ?3, ?4)"
                              " on conflict do update set mark = excluded.mark"
                              " returning first_seen_us");
  statement.bind(1, converger);
  statement.bind(3, now_us);
  statement.bind(4, mark);
  std::vector<bool> settled;
  settled.reserve(subjects.size());
  for (const auto& subject : subjects) {
    statement.bindNoCopy(2, subject);
    statement.executeStep();
    settled.push_back(now_us - statement.getColumn(0).getInt64() >= settle_us);
    statement.reset();
  }
  return settled;
}

std::int64_t read_streak(SQLite::Database& database, const std::string& converger) {
  SQLite::Statement row(database, "select streak from last_pass where converger = ?");
  row.bind(1, converger);
  return row.executeStep() ? row.getColumn(0).getInt64() : 0;
}

std::optional<std::int64_t> read_first_settling(SQLite::Database& database,
                                                const std::string& converger,
                                                std::int64_t settle_us, std::int64_t now_us) {
  SQLite::Statement row(database,
                        "select min(first_seen_us) from settling where converger = ?"
                        " and first_seen_us > ?");
  row.bind(1, converger);
  row.bind(2, now_us - settle_us);
  if (!row.executeStep() || row.getColumn(0).isNull()) {
    return std::nullopt;
  }
  return row.getColumn(0).getInt64();
}

bool has_unmarked_settling(SQLite::Database& database, const std::string& converger,
                           std::int64_t mark) {
  SQLite::Statement row(database,
                        "select 1 from settling where converger = ? and mark <> ? limit 1");
  row.bind(1, converger);
  row.bind(2, mark);
  return row.executeStep();
}

void delete_unmarked_settling(SQLite::Database& database, const std::string& converger,
                              std::int64_t mark) {
  SQLite::Statement statement(database, "delete from settling where converger = ? and mark <> ?");
  statement.bind(1, converger);
  statement.bind(2, mark);
  statement.exec();
}

std::vector<Unsettled> read_unsettled(SQLite::Database& database) {
  std::vector<Unsettled> all;
  SQLite::Statement row(database,
                        "select e.seq, e.pass, d.name, d.version, e.detail"
                        " from unsettled u join entry e on e.seq = u.seq"
                        " left join definition d on d.id = e.definition where e.kind = 1"
                        " order by u.seq");
  while (row.executeStep()) {
    all.push_back(unsettled_in(row));
  }
  return all;
}

}  // namespace converge::journal
