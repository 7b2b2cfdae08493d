#include "journal/stretch.h"

#include "journal/database.h"
#include "journal/entry.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>

namespace converge::journal {
namespace {

/// A read transaction of about ten milliseconds.
constexpr std::int64_t kPageEntries = 4096;
constexpr std::size_t kPageBytes = 8U * 1024 * 1024;

constexpr const char* kPage =
    "select seq, time_us, kind, pass, definition, actor, txn, subject, label, count, outcome,"
    " detail, detail_sha, hash from entry where seq > ? and seq <= ? order by seq limit ?";
enum Column {
  kSeq,
  kTime,
  kKind,
  kPass,
  kDefinition,
  kActor,
  kTxn,
  kSubject,
  kLabel,
  kCount,
  kOutcome,
  kDetail,
  kDetailSha,
  kHash
};

// From the newest: an entry that says so usually is among the last of its subject. One that names a
// converger is about its entries alone.
constexpr const char* kRedaction =
    "select 1 from entry e left join definition d on d.id = e.definition where e.subject = ?1 and"
    " +e.kind = ?2 and e.seq > ?3 and (d.name is null or d.name is ?4) order by e.seq desc limit 1";

sqlite3_stmt* prepare(SQLite::Database& database, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database.getHandle(), sql, -1, &statement, nullptr);
  if (code != SQLITE_OK) {
    throw SQLite::Exception(database.getHandle(), code);
  }
  return statement;
}

std::optional<std::int64_t> number_in(sqlite3_stmt* row, Column column) {
  return sqlite3_column_type(row, column) == SQLITE_NULL
             ? std::nullopt
             : std::optional<std::int64_t>(sqlite3_column_int64(row, column));
}

/// Valid until the statement's next step.
std::optional<std::string_view> bytes_in(sqlite3_stmt* row, Column column) {
  if (sqlite3_column_type(row, column) == SQLITE_NULL) {
    return std::nullopt;
  }
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(row, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, column));
  return std::string_view(bytes == nullptr ? "" : bytes, size);
}

/// Ends the read transaction of a page however the page ends.
struct Resetting {
  sqlite3_stmt* statement;
  explicit Resetting(sqlite3_stmt* of) : statement(of) {}
  ~Resetting() { sqlite3_reset(statement); }
  Resetting(const Resetting&) = delete;
  Resetting& operator=(const Resetting&) = delete;
};

}  // namespace

StretchWalk::StretchWalk(SQLite::Database& database, const Names& names, const Bounds& bounds)
    : database_(database),
      names_(names),
      bounds_(bounds),
      page_(prepare(database, kPage), sqlite3_finalize),
      find_block_(database,
                  "select last_seq, min_time_us, max_time_us, hash from block where first_seq = ?"),
      chain_(Digest{}) {}

StretchWalk::~StretchWalk() = default;

void StretchWalk::begin(const Stretch& stretch) {
  chain_.go_on_after(stretch.before);
  last_ = stretch.last;
  seq_ = stretch.after;
  block_.reset();
  found_us_.reset();
  unsettled_.clear();
}

std::int64_t StretchWalk::next_page() {
  try {
    return read_page();
  } catch (const SQLite::Exception& error) {
    if (!is_corruption(error)) {
      throw;
    }
    throw Defect{seq_ + 1, fmt::format("the file is damaged: {}", error.what())};
  }
}

std::int64_t StretchWalk::read_page() {
  auto* const row = page_.get();
  const Resetting at_the_end(row);
  sqlite3_bind_int64(row, 1, seq_);
  sqlite3_bind_int64(row, 2, last_);
  sqlite3_bind_int64(row, 3, kPageEntries);
  std::int64_t entries = 0;
  int code = SQLITE_ROW;
  for (std::size_t bytes = 0; bytes < kPageBytes && (code = sqlite3_step(row)) == SQLITE_ROW;) {
    bytes += check_row();
    ++entries;
  }
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    throw SQLite::Exception(database_.getHandle(), code);
  }
  if (entries == 0 && seq_ < last_) {
    throw Defect{seq_ + 1,
                 fmt::format("the entry is missing, and so are all others up to {}", last_)};
  }
  return entries;
}

/// Returns the size of the detail.
std::size_t StretchWalk::check_row() {
  auto* const row = page_.get();
  ChainFields fields;
  fields.seq = sqlite3_column_int64(row, kSeq);
  if (fields.seq != seq_ + 1) {
    throw Defect{seq_ + 1, "the entry is missing"};
  }
  seq_ = fields.seq;
  fields.time_us = sqlite3_column_int64(row, kTime);
  fields.pass = number_in(row, kPass);
  fields.txn = number_in(row, kTxn);
  fields.subject = bytes_in(row, kSubject);
  fields.label = bytes_in(row, kLabel);
  fields.count = number_in(row, kCount);
  fields.detail_sha = bytes_in(row, kDetailSha);
  const auto detail = bytes_in(row, kDetail);
  fill_names(fields);
  check_detail(fields, detail);
  if (bytes_of(chain_.extend(fields)) != bytes_in(row, kHash)) {
    throw Defect{seq_, "its hash is not that of its content and the entries before it"};
  }
  follow_block(fields.time_us);
  follow_unsettled(fields);
  return detail.value_or("").size();
}

void StretchWalk::fill_names(ChainFields& fields) {
  auto* const row = page_.get();
  fields.kind = look_up(names_.kinds, sqlite3_column_int64(row, kKind), "kind").text;
  const auto& actor = look_up(names_.actors, sqlite3_column_int64(row, kActor), "actor");
  fields.actor = actor.text;
  fields.build = actor.build;
  if (const auto outcome = number_in(row, kOutcome)) {
    fields.outcome = look_up(names_.outcomes, *outcome, "outcome").text;
  }
  if (const auto number = number_in(row, kDefinition)) {
    const auto& definition = look_up(names_.definitions, *number, "definition");
    fields.definition = definition.text;
    fields.definition_version = definition.version;
  }
}

const Name& StretchWalk::look_up(const Dictionary& names, std::int64_t number,
                                 const char* what) const {
  const auto found = names.find(number);
  if (found == names.end()) {
    throw Defect{seq_, fmt::format("its {} {} has no name", what, number)};
  }
  const auto& name = found->second;
  if (!name.defect.empty()) {
    throw Defect{seq_, name.version.empty() ? fmt::format("its {} {} {}", what, number, name.defect)
                                            : fmt::format("the text of its {} {} {} {}", what,
                                                          name.text, name.version, name.defect)};
  }
  return name;
}

void StretchWalk::check_detail(const ChainFields& fields,
                               const std::optional<std::string_view>& detail) {
  if (!detail && fields.detail_sha && !was_redacted(fields)) {
    throw Defect{seq_, "its detail is missing and no later entry says that it was redacted"};
  }
  if (detail && bytes_of(sha_.update(*detail).finish()) != fields.detail_sha) {
    throw Defect{seq_, "its detail was edited"};
  }
}

bool StretchWalk::was_redacted(const ChainFields& fields) {
  if (!fields.subject) {
    return false;
  }
  SQLite::Statement row(database_, kRedaction);
  row.bind(1, std::string(*fields.subject));
  row.bind(2, static_cast<std::int64_t>(Kind::redact));
  row.bind(3, fields.seq);
  if (fields.definition) {
    row.bind(4, std::string(*fields.definition));
  }
  return row.executeStep();
}

// Blocks: searching by time trusts them, so one that lies would hide entries.

void StretchWalk::begin_block() {
  find_block_.bind(1, seq_);
  if (!find_block_.executeStep()) {
    find_block_.reset();
    throw Defect{seq_, "the block that begins with it is missing"};
  }
  block_ =
      Block{.last_seq = find_block_.getColumn(0).getInt64(),
            .times_us = {find_block_.getColumn(1).getInt64(), find_block_.getColumn(2).getInt64()},
            .hash = find_block_.getColumn(3).getString()};
  find_block_.reset();
}

void StretchWalk::follow_block(std::int64_t time_us) {
  if (!block_ && seq_ < bounds_.open_block_first_seq) {
    begin_block();
  }
  found_us_ = found_us_ ? std::pair(std::min(found_us_->first, time_us),
                                    std::max(found_us_->second, time_us))
                        : std::pair(time_us, time_us);
  if (!block_ || seq_ < block_->last_seq) {
    return;
  }
  if (seq_ != block_->last_seq || found_us_ != block_->times_us ||
      bytes_of(chain_.hash()) != block_->hash) {
    throw Defect{seq_, "the block that ends with it has other times or another hash"};
  }
  block_.reset();
  found_us_.reset();
}

void StretchWalk::follow_unsettled(const ChainFields& fields) {
  const bool has_outcome =
      fields.kind == name_of(Kind::txn) || fields.kind == name_of(Kind::attempt);
  if (has_outcome && fields.outcome == name_of(Outcome::pending)) {
    unsettled_.insert(fields.seq);
  } else if (fields.kind == name_of(Kind::outcome) && fields.txn) {
    unsettled_.erase(*fields.txn);
  }
}

}  // namespace converge::journal
