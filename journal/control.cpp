#include "journal/control.h"

#include "journal/writer.h"
#include "src/base/clock.h"
#include "src/base/text.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <algorithm>

namespace converge::journal {
namespace {

bool is_in_force(const Pause& pause, std::int64_t now_us) {
  return pause.until_us == 0 || pause.until_us > now_us;
}

/// Of an entry about a converger, or about all.
std::optional<DefinitionId> definition_named(const std::string& converger) {
  return converger.empty() ? std::nullopt : std::optional(DefinitionId{converger, ""});
}

/// `{"all":true,"until":"...","reason":"..."}`, with the members that apply.
std::string control_detail(const std::string& converger, std::int64_t until_us,
                           const std::string& reason) {
  return fmt::format(R"({{{}{}"reason":{}}})", converger.empty() ? R"("all":true,)" : "",
                     until_us == 0 ? "" : fmt::format(R"("until":"{}",)", format_utc(until_us)),
                     json_string(reason));
}

std::optional<Pause> pause_named(SQLite::Database& database, const std::string& converger,
                                 std::int64_t now_us) {
  const auto pauses = read_pauses(database);
  const auto found = std::find_if(pauses.begin(), pauses.end(), [&](const Pause& pause) {
    return pause.converger == converger && is_in_force(pause, now_us);
  });
  return found == pauses.end() ? std::nullopt : std::optional(*found);
}

void write_pause(SQLite::Database& database, const Pause& pause) {
  SQLite::Statement statement(database, "insert or replace into pause values (?, ?, ?, ?, ?)");
  statement.bind(1, pause.converger);
  statement.bind(2, pause.since_us);
  statement.bind(3, pause.until_us);
  statement.bind(4, pause.actor);
  statement.bind(5, pause.reason);
  statement.exec();
}

Quarantined quarantined_in(SQLite::Statement& row) {
  Quarantined found;
  found.converger = row.getColumn(0).getString();
  found.subject = row.getColumn(1).getString();
  if (!row.getColumn(2).isNull()) found.label = row.getColumn(2).getString();
  found.failures = row.getColumn(3).getInt64();
  found.since_us = row.getColumn(4).getInt64();
  found.next_us = row.getColumn(5).getInt64();
  found.row = row.getColumn(6).getString();
  found.message = row.getColumn(7).getString();
  found.sqlstate = row.getColumn(8).getString();
  found.fight = row.getColumn(9).getInt64() != 0;
  return found;
}

void bind_names(SQLite::Statement& statement, const std::string& converger,
                const std::optional<std::string>& subject) {
  statement.bind(1, converger);
  if (subject) statement.bind(2, *subject);
}

}  // namespace

std::optional<Pause> pause_in_force(const std::vector<Pause>& pauses, const std::string& converger,
                                    std::int64_t now_us) {
  const Pause* found = nullptr;
  for (const Pause& pause : pauses) {
    if (!is_in_force(pause, now_us)) continue;
    if (pause.converger == converger) return pause;
    if (pause.converger.empty()) found = &pause;
  }
  return found == nullptr ? std::nullopt : std::optional(*found);
}

std::vector<Pause> read_pauses(SQLite::Database& database) {
  std::vector<Pause> pauses;
  SQLite::Statement row(database, "select converger, since_us, until_us, actor, reason from pause");
  while (row.executeStep()) {
    pauses.push_back({.converger = row.getColumn(0).getString(),
                      .since_us = row.getColumn(1).getInt64(),
                      .until_us = row.getColumn(2).getInt64(),
                      .actor = row.getColumn(3).getString(),
                      .reason = row.getColumn(4).getString()});
  }
  return pauses;
}

void append_pause(Writer& writer, Pause pause) {
  const auto now_us = wall_time_us();
  const auto old = pause_named(writer.database(), pause.converger, now_us);
  if (pause.since_us == 0) pause.since_us = old ? old->since_us : now_us;
  writer.append({.kind = Kind::pause,
                 .pass = writer.next_seq(),
                 .definition = definition_named(pause.converger),
                 .detail = control_detail(pause.converger, pause.until_us, pause.reason)},
                now_us);
  write_pause(writer.database(), pause);
}

bool append_resume(Writer& writer, const std::string& converger, const std::string& reason) {
  const auto now_us = wall_time_us();
  if (!pause_named(writer.database(), converger, now_us)) return false;
  writer.append({.kind = Kind::resume,
                 .pass = writer.next_seq(),
                 .definition = definition_named(converger),
                 .detail = control_detail(converger, 0, reason)},
                now_us);
  SQLite::Statement statement(writer.database(), "delete from pause where converger = ?");
  statement.bind(1, converger);
  statement.exec();
  return true;
}

std::vector<Quarantined> read_quarantined(SQLite::Database& database,
                                          const std::optional<std::string>& converger) {
  std::vector<Quarantined> all;
  SQLite::Statement row(database,
                        "select converger, subject, label, failures, since_us, next_us, row_digest,"
                        " message, sqlstate, fight from quarantine"
                        " where ?1 is null or converger = ?1 order by converger, next_us, subject");
  if (converger) row.bind(1, *converger);
  while (row.executeStep()) all.push_back(quarantined_in(row));
  return all;
}

void write_quarantined(SQLite::Database& database, const Quarantined& subject) {
  SQLite::Statement statement(
      database, "insert or replace into quarantine values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  statement.bind(1, subject.converger);
  statement.bind(2, subject.subject);
  if (subject.label) statement.bind(3, *subject.label);
  statement.bind(4, subject.failures);
  statement.bind(5, subject.since_us);
  statement.bind(6, subject.next_us);
  statement.bind(7, subject.row);
  statement.bind(8, subject.message);
  statement.bind(9, subject.sqlstate);
  statement.bind(10, subject.fight ? 1 : 0);
  statement.exec();
}

void delete_quarantined(SQLite::Database& database, const std::string& converger,
                        const std::vector<std::string>& subjects) {
  SQLite::Statement statement(database,
                              "delete from quarantine where converger = ? and subject = ?");
  for (const auto& subject : subjects) {
    bind_names(statement, converger, subject);
    statement.exec();
    statement.reset();
  }
}

int append_retry(Writer& writer, const std::string& converger,
                 const std::optional<std::string>& subject) {
  SQLite::Statement update(writer.database(),
                           "update quarantine set next_us = 0"
                           " where converger = ?1 and (?2 is null or subject = ?2)");
  bind_names(update, converger, subject);
  const int subjects = update.exec();
  if (subjects > 0) {
    writer.append({.kind = Kind::retry,
                   .pass = writer.next_seq(),
                   .definition = definition_named(converger),
                   .subject = subject,
                   .count = subjects},
                  wall_time_us());
  }
  return subjects;
}

void redact_quarantined(SQLite::Database& database, const std::string& subject,
                        const std::optional<std::string>& converger) {
  SQLite::Statement update(database,
                           "update quarantine set label = null, message = ''"
                           " where subject = ?1 and (?2 is null or converger = ?2)");
  bind_names(update, subject, converger);
  update.exec();
}

std::optional<Service> read_service(SQLite::Database& database) {
  SQLite::Statement row(database, "select pid, started, boot_id, since_us, address from service");
  if (!row.executeStep()) return std::nullopt;
  return Service{.process = {.pid = row.getColumn(0).getInt64(),
                             .started = row.getColumn(1).getInt64(),
                             .boot_id = row.getColumn(2).getString()},
                 .since_us = row.getColumn(3).getInt64(),
                 .address = row.getColumn(4).getString()};
}

void write_service(SQLite::Database& database, const Service& service) {
  SQLite::Statement statement(database, "insert or replace into service values (1, ?, ?, ?, ?, ?)");
  statement.bind(1, service.process.pid);
  statement.bind(2, service.process.started);
  statement.bind(3, service.process.boot_id);
  statement.bind(4, service.since_us);
  statement.bind(5, service.address);
  statement.exec();
}

void delete_service(SQLite::Database& database, const ProcessIdentity& process) {
  SQLite::Statement statement(database,
                              "delete from service where pid = ? and started = ? and boot_id = ?");
  statement.bind(1, process.pid);
  statement.bind(2, process.started);
  statement.bind(3, process.boot_id);
  statement.exec();
}

}  // namespace converge::journal
