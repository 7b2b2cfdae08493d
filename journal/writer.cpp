#include "journal/writer.h"

#include "journal/database.h"
#include "journal/schema.h"
#include "src/base/error.h"
#include "src/base/version.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <string_view>

namespace converge::journal {
namespace {

constexpr int kColumns = 14;
/// A third of what a row costs alone is beginning and ending its statement; more rows gain no more.
constexpr std::size_t kRowsTogether = 32;

std::string insert_sql(std::size_t rows) {
  constexpr std::string_view kRow = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
  std::string sql = "insert into entry values ";
  for (std::size_t row = 0; row < rows; ++row) sql.append(row == 0 ? "" : ",").append(kRow);
  return sql;
}

void run(SQLite::Statement& statement) {
  statement.tryReset();  // After a failure the statement is still as it was then.
  statement.exec();
  statement.tryReset();
}

void bind_value(SQLite::Statement& statement, int index, const std::optional<std::string>& value) {
  if (value) {
    statement.bindNoCopy(index, *value);
  } else {
    statement.bind(index);
  }
}

void bind_value(SQLite::Statement& statement, int index, const std::optional<std::int64_t>& value) {
  if (value) {
    statement.bind(index, *value);
  } else {
    statement.bind(index);
  }
}

void bind_value(SQLite::Statement& statement, int index, const std::optional<Digest>& value) {
  if (value) {
    statement.bindNoCopy(index, value->data(), static_cast<int>(value->size()));
  } else {
    statement.bind(index);
  }
}

template <typename Enum>
std::optional<std::int64_t> number_of(const std::optional<Enum>& value) {
  return value ? std::optional(static_cast<std::int64_t>(*value)) : std::nullopt;
}

std::optional<std::string_view> view_of(const std::optional<std::string>& text) {
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

/// `hash` and `detail_sha` excepted, which are the writer's to compute.
ChainFields fields_of(const Entry& entry) {
  ChainFields fields;
  fields.kind = name_of(entry.kind);
  fields.pass = entry.pass;
  if (entry.definition) {
    fields.definition = entry.definition->name;
    fields.definition_version = entry.definition->version;
  }
  fields.txn = entry.txn;
  fields.subject = view_of(entry.subject);
  fields.label = view_of(entry.label);
  fields.count = entry.count;
  if (entry.outcome) {
    fields.outcome = name_of(*entry.outcome);
  }
  return fields;
}

}  // namespace

Writer::Writer(SQLite::Database& database, std::string actor, const DefinitionTexts& texts)
    : database_(database),
      actor_(std::move(actor)),
      texts_(texts),
      build_(build_number()),
      journal_id_(database.execAndGet("select journal_id from chain").getString()),
      chain_(Digest{}),
      begin_(database, "begin immediate"),
      commit_(database, "commit"),
      read_chain_(database,
                  "select head_seq, head_hash, block_first_seq, block_min_us, block_max_us,"
                  " (select hash from entry where seq = head_seq) from chain"),
      write_chain_(database,
                   "update chain set head_seq = ?, head_hash = ?, block_first_seq = ?,"
                   " block_min_us = ?, block_max_us = ?"),
      insert_(database, insert_sql(1)),
      add_unsettled_(database, "insert into unsettled values (?)"),
      drop_unsettled_(database, "delete from unsettled where seq = ?"),
      drop_owed_(database, "delete from owed where txn = ?"),
      outcome_of_(database,
                  "select outcome from entry where kind = 4 and txn = ?"
                  " order by outcome is 5 limit 1") {
  // Reads the chain and the last entry: damage there is found on opening and not in mid-pass.
  read_chain_.executeStep();
  read_chain_.reset();
}

void Writer::secure_wal() {
  if (is_wal_secured_) return;
  write_wal_again(database_);
  is_wal_secured_ = true;
}

void Writer::begin() {
  secure_wal();
  waiting_ = 0;  // What was not written before a rollback.
  run(begin_);
  read_chain_.tryReset();
  if (!read_chain_.executeStep()) {
    throw SQLite::Exception("table chain is empty", SQLITE_CORRUPT);
  }
  const auto hash = read_chain_.getColumn(1);
  chain_.go_on_after(digest_of({static_cast<const char*>(hash.getBlob()),
                                static_cast<std::size_t>(hash.getBytes())})
                         .value_or(Digest{}));
  head_seq_ = begun_at_seq_ = read_chain_.getColumn(0).getInt64();
  block_first_seq_ = read_chain_.getColumn(2).getInt64();
  block_times_us_.reset();
  if (!read_chain_.getColumn(3).isNull()) {
    block_times_us_.emplace(read_chain_.getColumn(3).getInt64(),
                            read_chain_.getColumn(4).getInt64());
  }
  read_chain_.tryReset();
}

void Writer::commit() {
  insert_together();
  if (head_seq_ != begun_at_seq_) {
    if (head_seq_ - block_first_seq_ + 1 >= kBlockEntries) {
      seal_block();
    }
    write_chain_.bind(1, head_seq_);
    write_chain_.bind(2, chain_.hash().data(), static_cast<int>(chain_.hash().size()));
    write_chain_.bind(3, block_first_seq_);
    bind_value(write_chain_, 4,
               block_times_us_ ? std::optional(block_times_us_->first) : std::nullopt);
    bind_value(write_chain_, 5,
               block_times_us_ ? std::optional(block_times_us_->second) : std::nullopt);
    run(write_chain_);
  }
  run(commit_);
}

void Writer::rollback() {
  // Names that this transaction has numbered are numbered no longer.
  actor_number_.reset();
  definition_numbers_.clear();
  database_.exec("rollback");
}

std::int64_t Writer::append(const Entry& entry, std::int64_t time_us,
                            const std::optional<Digest>& detail_sha) {
  insert_together();
  const Row row = extend(entry, time_us, detail_sha);
  bind_row(insert_, 0, entry, row);
  run(insert_);
  keep_unsettled(entry, row.seq);
  return row.seq;
}

void Writer::append_with_others(const Entry& entry, std::int64_t time_us) {
  if (together_.empty()) together_.resize(kRowsTogether);
  auto& [kept, row] = together_[waiting_];
  kept = entry;
  row = extend(kept, time_us, std::nullopt);
  if (++waiting_ == kRowsTogether) insert_together();
}

void Writer::insert_together() {
  const auto count = std::exchange(waiting_, 0);
  if (count == kRowsTogether) {
    if (!insert_together_) insert_together_.emplace(database_, insert_sql(kRowsTogether));
    for (std::size_t place = 0; place < count; ++place) {
      bind_row(*insert_together_, place, together_[place].first, together_[place].second);
    }
    run(*insert_together_);
    return;
  }
  for (std::size_t place = 0; place < count; ++place) {
    bind_row(insert_, 0, together_[place].first, together_[place].second);
    run(insert_);
  }
}

Writer::Row Writer::extend(const Entry& entry, std::int64_t time_us,
                           const std::optional<Digest>& detail_sha) {
  Row row{
      .seq = next_seq(), .time_us = time_us, .actor = number_of_actor(), .detail_sha = detail_sha};
  if (entry.definition) row.definition = number_of_definition(*entry.definition, time_us);
  if (entry.detail && !row.detail_sha) row.detail_sha = sha_.update(*entry.detail).finish();
  auto fields = fields_of(entry);
  fields.seq = row.seq;
  fields.time_us = time_us;
  fields.actor = actor_;
  fields.build = build_;
  fields.detail_sha = row.detail_sha ? std::optional(bytes_of(*row.detail_sha)) : std::nullopt;
  row.hash = chain_.extend(fields);
  head_seq_ = row.seq;
  block_times_us_ = block_times_us_ ? std::pair(std::min(block_times_us_->first, time_us),
                                                std::max(block_times_us_->second, time_us))
                                    : std::pair(time_us, time_us);
  return row;
}

void Writer::bind_row(SQLite::Statement& statement, std::size_t place, const Entry& entry,
                      const Row& row) {
  const int before = static_cast<int>(place) * kColumns;
  statement.bind(before + 1, row.seq);
  statement.bind(before + 2, row.time_us);
  statement.bind(before + 3, static_cast<std::int64_t>(entry.kind));
  bind_value(statement, before + 4, entry.pass);
  bind_value(statement, before + 5, row.definition);
  statement.bind(before + 6, row.actor);
  bind_value(statement, before + 7, entry.txn);
  bind_value(statement, before + 8, entry.subject);
  bind_value(statement, before + 9, entry.label);
  bind_value(statement, before + 10, entry.count);
  bind_value(statement, before + 11, number_of(entry.outcome));
  bind_value(statement, before + 12, entry.detail);
  bind_value(statement, before + 13, row.detail_sha);
  statement.bindNoCopy(before + 14, row.hash.data(), static_cast<int>(row.hash.size()));
}

void Writer::keep_unsettled(const Entry& entry, std::int64_t seq) {
  const bool has_outcome = entry.kind == Kind::txn || entry.kind == Kind::attempt;
  if (has_outcome && entry.outcome == Outcome::pending) {
    add_unsettled_.bind(1, seq);
    run(add_unsettled_);
  } else if (entry.kind == Kind::outcome && entry.txn) {
    drop_unsettled_.bind(1, *entry.txn);
    run(drop_unsettled_);
    if (entry.outcome == Outcome::rolled_back || entry.outcome == Outcome::failed) {
      drop_owed_.bind(1, *entry.txn);  // What it planned is not to be done.
      run(drop_owed_);
    }
  }
}

void Writer::seal_block() {
  SQLite::Statement statement(database_, "insert into block values (?, ?, ?, ?, ?)");
  statement.bind(1, block_first_seq_);
  statement.bind(2, head_seq_);
  statement.bind(3, block_times_us_->first);
  statement.bind(4, block_times_us_->second);
  statement.bind(5, chain_.hash().data(), static_cast<int>(chain_.hash().size()));
  statement.exec();
  block_first_seq_ = next_seq();
  block_times_us_.reset();
}

std::optional<Outcome> Writer::outcome_of(std::int64_t txn) {
  outcome_of_.tryReset();
  outcome_of_.bind(1, txn);
  const bool found = outcome_of_.executeStep();
  const auto outcome =
      found ? std::optional(static_cast<Outcome>(outcome_of_.getColumn(0).getInt64()))
            : std::nullopt;
  outcome_of_.tryReset();
  return outcome;
}

std::optional<Kind> Writer::kind_of(std::int64_t seq) {
  SQLite::Statement statement(database_, "select kind from entry where seq = ?");
  statement.bind(1, seq);
  return statement.executeStep()
             ? std::optional(static_cast<Kind>(statement.getColumn(0).getInt64()))
             : std::nullopt;
}

std::int64_t Writer::number_of_actor() {
  if (!actor_number_) {
    SQLite::Statement note(database_, "insert or ignore into actor (name, build) values (?, ?)");
    note.bindNoCopy(1, actor_);
    note.bind(2, build_);
    note.exec();
    SQLite::Statement find(database_, "select id from actor where name = ? and build = ?");
    find.bindNoCopy(1, actor_);
    find.bind(2, build_);
    find.executeStep();
    actor_number_ = find.getColumn(0).getInt64();
  }
  return *actor_number_;
}

std::int64_t Writer::number_of_definition(const DefinitionId& id, std::int64_t time_us) {
  if (const auto known = definition_numbers_.find(id); known != definition_numbers_.end()) {
    return known->second;
  }
  SQLite::Statement find(database_, "select id from definition where name = ? and version = ?");
  find.bindNoCopy(1, id.name);
  find.bindNoCopy(2, id.version);
  const auto number =
      find.executeStep() ? find.getColumn(0).getInt64() : note_definition(id, time_us);
  definition_numbers_.emplace(id, number);
  return number;
}

std::int64_t Writer::note_definition(const DefinitionId& id, std::int64_t time_us) {
  const auto text = texts_.find(id);
  if (text == texts_.end() && !id.version.empty()) {
    throw Error(ErrorKind::failure,
                fmt::format("definition {} {} is not registered", id.name, id.version),
                "This is a bug: the text that acts must be in the journal before it acts.");
  }
  SQLite::Statement note(
      database_, "insert into definition (name, version, text, first_used_us) values (?, ?, ?, ?)");
  note.bindNoCopy(1, id.name);
  note.bindNoCopy(2, id.version);
  if (text != texts_.end()) {
    note.bindNoCopy(3, text->second);
  }
  note.bind(4, time_us);
  note.exec();
  return database_.getLastInsertRowid();
}

}  // namespace converge::journal
