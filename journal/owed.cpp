#include "journal/owed.h"

#include "journal/schema.h"
#include "journal/stored_entry.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace converge::journal {
namespace {

constexpr std::int64_t kOwedSinceVersion = 5;

bool is_committed(SQLite::Database& database, std::int64_t txn, const KnownOutcome& known) {
  SQLite::Statement row(database, "select " + outcome_sql("?1"));
  row.bind(1, txn);
  row.executeStep();
  const auto written = outcome_in(row.getColumn(0));
  return (written ? written : known(txn)) == Outcome::committed;
}

std::set<std::int64_t> committed_of(SQLite::Database& database, const std::string& converger,
                                    const KnownOutcome& known) {
  std::set<std::int64_t> committed;
  SQLite::Statement row(database, "select distinct txn from owed where converger = ?");
  row.bind(1, converger);
  while (row.executeStep()) {
    const auto txn = row.getColumn(0).getInt64();
    if (is_committed(database, txn, known)) committed.insert(txn);
  }
  return committed;
}

std::string bytes_in(const SQLite::Column& column) {
  return {static_cast<const char*>(column.getBlob()), static_cast<std::size_t>(column.getBytes())};
}

Owed owed_in(SQLite::Statement& row) {
  return {.key = row.getColumn(0).getString(),
          .converger = row.getColumn(1).getString(),
          .version = row.getColumn(2).getString(),
          .subject = row.getColumn(3).getString(),
          .label = text_in(row.getColumn(4)),
          .row = bytes_in(row.getColumn(5)),
          .step = row.getColumn(6).getInt64(),
          .done = row.getColumn(7).getInt64() != 0,
          .txn = row.getColumn(8).getInt64(),
          .pass = row.getColumn(9).getInt64(),
          .number = row.getColumn(10).getInt64()};
}

constexpr const char* kPurged =
    "converger = ?1 and title = ?2 and (tried_us < ?3 or (done_us = 0 and tried_us < ?4"
    " and subject not in (select subject from quarantine where converger = ?1)))";

void execute(SQLite::Statement& statement) {
  statement.exec();
  statement.reset();
}

/// Of the key of an attempt.
std::string owed_key(const std::string& key) { return key.substr(0, key.rfind('-')); }

}  // namespace

void insert_owed(SQLite::Statement& insert, const Owed& owed) {
  insert.bindNoCopy(1, owed.key);
  insert.bindNoCopy(2, owed.converger);
  insert.bindNoCopy(3, owed.version);
  insert.bindNoCopy(4, owed.subject);
  if (owed.label) {
    insert.bindNoCopy(5, *owed.label);
  } else {
    insert.bind(5);
  }
  insert.bindNoCopy(6, owed.row.data(), static_cast<int>(owed.row.size()));
  insert.bind(7, owed.step);
  insert.bind(8, owed.txn);
  insert.bind(9, owed.pass);
  execute(insert);
}

std::vector<Owed> read_owed(SQLite::Database& database, const std::string& converger,
                            const OwedPage& page, const KnownOutcome& known) {
  std::vector<Owed> all;
  std::map<std::int64_t, bool> committed;
  const auto add = [&](const std::string& condition) {
    SQLite::Statement row(
        database,
        fmt::format("select key, converger, version, subject, label, row, step, done, txn,"
                    " pass, rowid from owed where converger = ?1 and {}"
                    " order by txn, rowid",
                    condition));
    row.bind(1, converger);
    while (all.size() < page.size && row.executeStep()) {
      const auto txn = row.getColumn(8).getInt64();
      const auto [one, is_new] = committed.try_emplace(txn);
      if (is_new) one->second = is_committed(database, txn, known);
      if (one->second) all.push_back(owed_in(row));
    }
  };
  // Two, as one condition for both would step over all before it.
  add(fmt::format("txn = {} and rowid > {}", page.after_txn, page.after_number));
  add(fmt::format("txn > {}", page.after_txn));
  return all;
}

std::vector<std::string> read_owed_among(SQLite::Database& database, const std::string& converger,
                                         const std::vector<std::string>& subjects,
                                         const KnownOutcome& known) {
  if (subjects.empty()) return {};
  const std::set<std::string_view> wanted(subjects.begin(), subjects.end());
  const auto committed = committed_of(database, converger, known);
  std::set<std::string> owed;
  SQLite::Statement row(database, "select subject, txn from owed where converger = ?");
  row.bind(1, converger);
  while (row.executeStep()) {
    std::string subject = row.getColumn(0).getString();
    if (wanted.contains(subject) && committed.contains(row.getColumn(1).getInt64())) {
      owed.insert(std::move(subject));
    }
  }
  return {owed.begin(), owed.end()};
}

bool has_owed(SQLite::Database& database) {
  return schema_state(database).version >= kOwedSinceVersion;
}

std::string outcome_sql(const std::string& txn) {
  return fmt::format(
      "iif({0} <= (select pruned_seq from chain), 2, (select e.outcome from entry e"
      " where e.kind = 4 and e.txn = {0} order by e.outcome is 5 limit 1))",
      txn);
}

void update_owed(SQLite::Database& database, const std::vector<std::string>& keys,
                 std::int64_t step) {
  SQLite::Statement update(database, "update owed set step = ?2, done = 0 where key = ?1");
  update.bind(2, step);
  for (const auto& key : keys) {
    update.bindNoCopy(1, key);
    execute(update);
  }
}

void delete_owed(SQLite::Database& database, const std::vector<std::string>& keys) {
  SQLite::Statement erase(database, "delete from owed where key = ?");
  for (const auto& key : keys) {
    erase.bindNoCopy(1, key);
    execute(erase);
  }
}

std::vector<std::optional<LastOutside>> read_outside(SQLite::Statement& select,
                                                     const std::string& converger,
                                                     const std::string& title,
                                                     const std::vector<std::string>& subjects) {
  std::vector<std::optional<LastOutside>> all;
  all.reserve(subjects.size());
  select.bind(1, converger);
  select.bind(3, title);
  for (const auto& subject : subjects) {
    select.bindNoCopy(2, subject);
    auto& last = all.emplace_back();
    if (select.executeStep()) {
      last = {.converger = converger,
              .title = title,
              .subject = subject,
              .key = select.getColumn(0).getString(),
              .tried_us = select.getColumn(1).getInt64(),
              .done_us = select.getColumn(2).getInt64()};
    }
    select.reset();
  }
  return all;
}

void write_outside(SQLite::Statement& write, const LastOutside& last) {
  write.bindNoCopy(1, last.converger);
  write.bindNoCopy(2, last.subject);
  write.bindNoCopy(3, last.title);
  write.bindNoCopy(4, last.key);
  write.bind(5, last.tried_us);
  write.bind(6, last.done_us);
  execute(write);
}

bool has_outside_of(SQLite::Database& database, const std::string& converger,
                    const std::vector<std::string>& subjects) {
  SQLite::Statement any(database,
                        "select 1 from outside_last"
                        " where converger = ? and subject = ? and done_us = 0 limit 1");
  any.bindNoCopy(1, converger);
  return std::any_of(subjects.begin(), subjects.end(), [&](const std::string& subject) {
    any.bindNoCopy(2, subject);
    const bool found = any.executeStep();
    any.reset();
    return found;
  });
}

void delete_outside_of(SQLite::Database& database, const std::string& converger,
                       const std::vector<std::string>& subjects) {
  SQLite::Statement erase(
      database, "delete from outside_last where converger = ? and subject = ? and done_us = 0");
  erase.bindNoCopy(1, converger);
  for (const auto& subject : subjects) {
    erase.bindNoCopy(2, subject);
    execute(erase);
  }
}

bool has_outside_before(SQLite::Database& database, const std::string& converger,
                        const std::string& title, std::int64_t before_us, std::int64_t failed_us) {
  SQLite::Statement any(database,
                        fmt::format("select 1 from outside_last where {} limit 1", kPurged));
  any.bindNoCopy(1, converger);
  any.bindNoCopy(2, title);
  any.bind(3, before_us);
  any.bind(4, failed_us);
  return any.executeStep();
}

void delete_outside_before(SQLite::Database& database, const std::string& converger,
                           const std::string& title, std::int64_t before_us,
                           std::int64_t failed_us) {
  SQLite::Statement erase(database, fmt::format("delete from outside_last where {}", kPurged));
  erase.bindNoCopy(1, converger);
  erase.bindNoCopy(2, title);
  erase.bind(3, before_us);
  erase.bind(4, failed_us);
  erase.exec();
}

void note_attempt_end(const std::function<SQLite::Statement&(const char*)>& prepared,
                      const Entry& outcome, const AttemptEnd& end, std::int64_t time_us) {
  if (end.state == AttemptState::owed_done) {
    SQLite::Statement& update = prepared("update owed set done = 1 where key = ?");
    update.bind(1, owed_key(end.key));
    execute(update);
  } else if (end.state == AttemptState::found_done) {
    SQLite::Statement& update = prepared(
        "update outside_last set done_us = ?5 where converger = ?1"
        " and subject = ?2 and title = ?3 and key = ?4");
    update.bindNoCopy(1, outcome.definition->name);
    update.bindNoCopy(2, *outcome.subject);
    update.bindNoCopy(3, end.title);
    update.bindNoCopy(4, end.key);
    update.bind(5, time_us);
    execute(update);
  }
}

void redact_outside(SQLite::Database& database, const std::string& subject,
                    const std::optional<std::string>& converger) {
  for (const char* sql :
       {"delete from owed where subject = ?1 and (?2 is null or converger = ?2)",
        "delete from outside_last where subject = ?1 and (?2 is null or converger = ?2)"}) {
    SQLite::Statement erase(database, sql);
    erase.bindNoCopy(1, subject);
    if (converger) erase.bindNoCopy(2, *converger);
    erase.exec();
  }
}

}  // namespace converge::journal
