#include "journal/verify.h"

#include "journal/database.h"
#include "journal/entry.h"

#include <fmt/format.h>

#include <algorithm>

namespace converge::journal {
namespace {

/// A read transaction of about ten milliseconds.
constexpr std::int64_t kPageEntries = 4096;

constexpr const char* kPage =
    "select seq, time_us, kind, pass, definition, actor, txn, subject, label, count, outcome,"
    " detail, detail_sha, hash from entry where seq > ? and seq <= ? order by seq limit ?";

std::optional<std::int64_t> number_in(const SQLite::Column& column) {
  return column.isNull() ? std::nullopt : std::optional<std::int64_t>(column.getInt64());
}

/// Valid until the statement's next step.
std::string_view bytes_in(const SQLite::Column& column) {
  const auto* bytes = static_cast<const char*>(column.getBlob());
  return {bytes == nullptr ? "" : bytes, static_cast<std::size_t>(column.getBytes())};
}

std::optional<std::string_view> text_in(const SQLite::Column& column) {
  return column.isNull() ? std::nullopt : std::optional(bytes_in(column));
}

std::optional<std::pair<std::int64_t, std::int64_t>> times_in(const SQLite::Column& least,
                                                              const SQLite::Column& greatest) {
  return least.isNull() ? std::nullopt
                        : std::optional(std::pair(least.getInt64(), greatest.getInt64()));
}

}  // namespace

Verifier::Verifier(SQLite::Database& database,
                   const std::function<void(std::int64_t, std::int64_t)>& progress)
    : database_(database), progress_(progress), chain_(Digest{}) {}

Verification Verifier::run() {
  try {
    read_bounds();
    read_names();
    walk();
    check_end();
    check_unsettled();
  } catch (const Defect& defect) {
    result_.broken_seq = defect.seq;
    result_.reason = defect.reason;
  } catch (const SQLite::Exception& error) {
    if (!is_corruption(error)) {
      throw;
    }
    result_.broken_seq = seq_ + 1;
    result_.reason = fmt::format("the file is damaged: {}", error.what());
  }
  return std::move(result_);
}

void Verifier::read_bounds() {
  SQLite::Statement row(database_,
                        "select journal_id, pruned_seq, pruned_hash, head_seq, head_hash,"
                        " block_first_seq, block_min_us, block_max_us,"
                        " (select max(seq) from entry), (select min(seq) from entry) from chain");
  if (!row.executeStep()) {
    throw Defect{1, "the table chain is empty"};
  }
  pruned_seq_ = seq_ = row.getColumn(1).getInt64();
  const auto before = digest_of(bytes_in(row.getColumn(2)));
  if (!before || (pruned_seq_ == 0 && *before != first_hash(bytes_in(row.getColumn(0))))) {
    throw Defect{pruned_seq_ + 1, "the hash before the first entry is not that of this journal"};
  }
  chain_.go_on_after(*before);
  result_.head_seq = row.getColumn(3).getInt64();
  result_.head_hash = hex(bytes_in(row.getColumn(4)));
  open_block_first_seq_ = row.getColumn(5).getInt64();
  open_block_us_ = times_in(row.getColumn(6), row.getColumn(7));
  greatest_seq_ = number_in(row.getColumn(8)).value_or(pruned_seq_);
  if (const auto least = number_in(row.getColumn(9)); least && *least <= pruned_seq_) {
    throw Defect{*least, "the entry stands before the start of the chain"};
  }
}

// Dictionaries.

// What is there already stays as it is: the entry at hand refers to it.
void Verifier::read_names() {
  read_dictionary(kinds_, "kind");
  read_dictionary(outcomes_, "outcome");
  read_actors();
  read_definitions();
}

void Verifier::read_dictionary(Names& names, const char* table) {
  SQLite::Statement row(database_, fmt::format("select id, name from {}", table));
  while (row.executeStep()) {
    names.try_emplace(row.getColumn(0).getInt64(), Name{.text = row.getColumn(1).getString()});
  }
}

void Verifier::read_actors() {
  SQLite::Statement row(database_, "select id, name, build from actor");
  while (row.executeStep()) {
    actors_.try_emplace(row.getColumn(0).getInt64(), Name{.text = row.getColumn(1).getString(),
                                                          .build = row.getColumn(2).getInt64()});
  }
}

void Verifier::read_definitions() {
  SQLite::Statement row(database_, "select id, name, version, text from definition");
  while (row.executeStep()) {
    Name definition{.text = row.getColumn(1).getString(), .version = row.getColumn(2).getString()};
    const auto text = text_in(row.getColumn(3));
    if (text.has_value() != !definition.version.empty()) {
      definition.defect = "is missing";
    } else if (text && hex(sha_.update(*text).finish()) != definition.version) {
      definition.defect = "was edited";
    }
    definitions_.try_emplace(row.getColumn(0).getInt64(), std::move(definition));
  }
}

const Verifier::Name& Verifier::look_up(const Names& names, std::int64_t number, const char* what) {
  auto found = names.find(number);
  if (found == names.end()) {
    read_names();  // Perhaps it is younger than the walk.
    found = names.find(number);
  }
  if (found == names.end()) {
    throw Defect{seq_, fmt::format("its {} {} has no name", what, number)};
  }
  return found->second;
}

// Entries.

void Verifier::walk() {
  SQLite::Statement row(database_, kPage);
  bool more = true;
  while (more) {
    row.bind(1, seq_);
    row.bind(2, result_.head_seq);
    row.bind(3, kPageEntries);
    more = false;
    while (row.executeStep()) {
      check_row(row);
      ++result_.entries;
      more = true;
    }
    row.reset();
    if (progress_ && more) {
      progress_(seq_ - pruned_seq_, result_.head_seq - pruned_seq_);
    }
  }
}

void Verifier::check_row(SQLite::Statement& row) {
  ChainFields fields;
  fields.seq = row.getColumn(0).getInt64();
  if (fields.seq != seq_ + 1) {
    throw Defect{seq_ + 1, "the entry is missing"};
  }
  seq_ = fields.seq;
  fields.time_us = row.getColumn(1).getInt64();
  fields.pass = number_in(row.getColumn(3));
  fields.txn = number_in(row.getColumn(6));
  fields.subject = text_in(row.getColumn(7));
  fields.label = text_in(row.getColumn(8));
  fields.count = number_in(row.getColumn(9));
  fields.detail_sha = text_in(row.getColumn(12));
  fill_names(row, fields);
  check_detail(row, fields);
  if (bytes_of(chain_.extend(fields)) != bytes_in(row.getColumn(13))) {
    throw Defect{seq_, "its hash is not that of its content and the entries before it"};
  }
  follow_block(fields.time_us);
  follow_unsettled(fields);
}

void Verifier::fill_names(SQLite::Statement& row, ChainFields& fields) {
  fields.kind = look_up(kinds_, row.getColumn(2).getInt64(), "kind").text;
  const auto& actor = look_up(actors_, row.getColumn(5).getInt64(), "actor");
  fields.actor = actor.text;
  fields.build = actor.build;
  if (const auto outcome = number_in(row.getColumn(10))) {
    fields.outcome = look_up(outcomes_, *outcome, "outcome").text;
  }
  if (const auto number = number_in(row.getColumn(4))) {
    const auto& definition = look_up(definitions_, *number, "definition");
    fields.definition = definition.text;
    fields.definition_version = definition.version;
    if (!definition.defect.empty()) {
      throw Defect{seq_, fmt::format("the text of its definition {} {} {}", definition.text,
                                     definition.version, definition.defect)};
    }
  }
}

void Verifier::check_detail(SQLite::Statement& row, const ChainFields& fields) {
  const auto detail = text_in(row.getColumn(11));
  if (!detail && fields.detail_sha && !was_redacted(fields)) {
    throw Defect{seq_, "its detail is missing and no later entry says that it was redacted"};
  }
  if (detail && bytes_of(sha_.update(*detail).finish()) != fields.detail_sha) {
    throw Defect{seq_, "its detail was edited"};
  }
}

bool Verifier::was_redacted(const ChainFields& fields) {
  if (!fields.subject) {
    return false;
  }
  SQLite::Statement row(database_,
                        "select 1 from entry where subject = ? and kind = ? and seq > ? limit 1");
  row.bind(1, std::string(*fields.subject));
  row.bind(2, static_cast<std::int64_t>(Kind::redact));
  row.bind(3, fields.seq);
  return row.executeStep();
}

// Blocks: searching by time trusts them, so one that lies would hide entries.

void Verifier::begin_block() {
  SQLite::Statement row(
      database_, "select last_seq, min_time_us, max_time_us, hash from block where first_seq = ?");
  row.bind(1, seq_);
  if (!row.executeStep()) {
    throw Defect{seq_, "the block that begins with it is missing"};
  }
  block_ = Block{.last_seq = row.getColumn(0).getInt64(),
                 .recorded_us = {row.getColumn(1).getInt64(), row.getColumn(2).getInt64()},
                 .hash = std::string(bytes_in(row.getColumn(3)))};
}

void Verifier::follow_block(std::int64_t time_us) {
  if (!block_ && seq_ < open_block_first_seq_) {
    begin_block();
  }
  found_us_ = found_us_ ? std::pair(std::min(found_us_->first, time_us),
                                    std::max(found_us_->second, time_us))
                        : std::pair(time_us, time_us);
  if (!block_ || seq_ < block_->last_seq) {
    return;
  }
  if (found_us_ != block_->recorded_us || bytes_of(chain_.hash()) != block_->hash) {
    throw Defect{seq_, "the block that ends with it has other times or another hash"};
  }
  block_.reset();
  found_us_.reset();
}

// Outcomes.

void Verifier::follow_unsettled(const ChainFields& fields) {
  if (fields.kind == name_of(Kind::txn) && fields.outcome == name_of(Outcome::pending)) {
    unsettled_.insert(fields.seq);
  } else if (fields.kind == name_of(Kind::outcome) && fields.txn) {
    unsettled_.erase(*fields.txn);
  }
}

void Verifier::check_end() {
  if (seq_ < result_.head_seq) {
    throw Defect{seq_ + 1, fmt::format("the entry is missing, and so are all others up to {}",
                                       result_.head_seq)};
  }
  if (hex(chain_.hash()) != result_.head_hash) {
    throw Defect{seq_, "the recorded head has another hash"};
  }
  if (greatest_seq_ > result_.head_seq) {
    throw Defect{result_.head_seq + 1, "the entry stands after the recorded head"};
  }
  if (block_ || found_us_ != open_block_us_) {
    throw Defect{seq_, "the recorded times of the newest entries are others"};
  }
}

/// Derived, but recovery trusts it. Transactions may have been settled since the walk began.
void Verifier::check_unsettled() {
  SQLite::Statement row(database_, "select seq from unsettled where seq <= ? order by seq");
  row.bind(1, result_.head_seq);
  std::set<std::int64_t> listed;
  while (row.executeStep()) {
    listed.insert(row.getColumn(0).getInt64());
  }
  SQLite::Statement outcome(database_, "select 1 from entry where kind = 4 and txn = ?");
  for (const auto seq : unsettled_) {
    outcome.bind(1, seq);
    if (!outcome.executeStep() && listed.erase(seq) == 0) {
      throw Defect{seq, "it has no outcome and is not listed as unsettled"};
    }
    listed.erase(seq);
    outcome.reset();
  }
  if (!listed.empty()) {
    throw Defect{*listed.begin(), "it is listed as unsettled and is not"};
  }
}

}  // namespace converge::journal
