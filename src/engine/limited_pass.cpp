#include "src/engine/limited_pass.h"

#include "src/engine/chunk_worker.h"
#include "src/engine/verdict.h"

#include <cstring>
#include <thread>

namespace converge::engine {

namespace {

void append_text(std::string& bytes, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes += text;
}

std::string take_text(std::string_view& bytes) {
  std::uint32_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof size);
  std::string text(bytes.substr(sizeof size, size));
  bytes.remove_prefix(sizeof size + size);
  return text;
}

std::string encode(const journal::Inconsistency& record) {
  std::string bytes(reinterpret_cast<const char*>(&record.count), sizeof record.count);
  append_text(bytes, record.subject);
  append_text(bytes, record.detail);
  append_text(bytes, record.planned ? record.planned->key : "");
  append_text(bytes, record.planned ? record.planned->row : "");
  if (record.label) append_text(bytes, *record.label);
  return bytes;
}

journal::Inconsistency decode(std::string_view bytes) {
  journal::Inconsistency record;
  std::memcpy(&record.count, bytes.data(), sizeof record.count);
  bytes.remove_prefix(sizeof record.count);
  record.subject = take_text(bytes);
  record.detail = take_text(bytes);
  std::string key = take_text(bytes);
  std::string row = take_text(bytes);
  if (!key.empty()) {
    record.planned = journal::PlannedOutside{.key = std::move(key), .row = std::move(row)};
  }
  if (!bytes.empty()) record.label = take_text(bytes);
  return record;
}

/// The subject as it was read again, if it was found.
std::string encode(const Subjects& found, const Subjects& subject, const Error& error) {
  std::string bytes;
  for (const std::string& text : {std::string(error.what()), error.hint(), error.sqlstate()}) {
    append_text(bytes, text);
  }
  return bytes + (found.empty() ? subject : found).encode();
}

}  // namespace

LimitVerdict LimitedPass::run() {
  const std::int64_t examined_before = state_.result().examined;
  for (int attempt = 1;; ++attempt) {
    try {
      const LimitVerdict verdict = run_once();
      tell_failures();
      return verdict;
    } catch (const Error& error) {
      // Everything was rolled back, or is in doubt: nothing counts as corrected.
      state_.start_again(examined_before);
      listing_.rewind();
      // Halving is done inside; what arrives here concerns the transaction as a whole.
      if (judge(error, 1, attempt, true) != Verdict::retry || state_.is_over()) {
        tell_failures();
        throw;
      }
      std::this_thread::sleep_for(backoff(attempt));
    }
  }
}

/// Of the last attempt, so that each is told once.
void LimitedPass::tell_failures() {
  if (!failures_) return;
  failures_->rewind();
  std::string bytes;
  while (failures_->next(bytes)) {
    std::string_view rest = bytes;
    const std::string message = take_text(rest);
    const std::string hint = take_text(rest);
    const std::string sqlstate = take_text(rest);
    const Subjects subject = Subjects::decode(rest);
    state_.failed(subject, 0, Error(ErrorKind::failure, message, hint, sqlstate));
  }
}

LimitVerdict LimitedPass::run_once() {
  records_.emplace();
  failures_.reset();
  std::unique_ptr<postgres::Transaction> transaction = listing_.take_transaction();
  const bool fresh = transaction != nullptr;
  if (!fresh) {
    transaction = std::make_unique<postgres::Transaction>(state_.ready_session());
  }
  if (!converge_chunks(*transaction, fresh)) {
    transaction->rollback();
    return LimitVerdict::exceeded;
  }
  // Of another set than the released one, the limit judges as ever: there may be less to do by now.
  if (released_ && released_->digest != state_.digest() && state_.inconsistencies() > allowed_) {
    transaction->rollback();
    return LimitVerdict::exceeded;
  }
  if (records_->size() == 0) {
    transaction->rollback();
  } else {
    commit(*transaction);
  }
  return LimitVerdict::within;
}

/// False as soon as the limit is exceeded.
bool LimitedPass::converge_chunks(postgres::Transaction& transaction, bool fresh) {
  for (Subjects chunk = listing_.next(); !chunk.empty(); chunk = listing_.next()) {
    converge_part(transaction, chunk, fresh);
    if (over()) return false;
  }
  return true;
}

void LimitedPass::converge_part(postgres::Transaction& transaction, const Subjects& chunk,
                                bool fresh) {
  state_.require_time();
  try {
    transaction.session().queue("savepoint converge_chunk");
    attempt(transaction, chunk, fresh);
    state_.examined(chunk.size());
    return;
  } catch (const Error& error) {
    // Not of the server: the savepoint may be released already, and nothing is to be halved.
    if (!transaction.session().is_open() || error.sqlstate().empty()) throw;
    if (state_.is_suspect(error)) throw;
    transaction.execute("rollback to savepoint converge_chunk; release savepoint converge_chunk");
    const Verdict verdict = judge(error, chunk.size(), 1, true);
    if (verdict == Verdict::isolate) {
      if (!failures_) failures_.emplace();
      failures_->append(encode(complete(state_.converger(), transaction, chunk), chunk, error));
      state_.examined(1);
      return;
    }
    if (verdict != Verdict::halve) throw;
  }
  const std::size_t middle = chunk.size() / 2;
  converge_part(transaction, chunk.slice(0, middle), false);
  converge_part(transaction, chunk.slice(middle, chunk.size()), false);
}

bool LimitedPass::attempt(postgres::Transaction& transaction, const Subjects& chunk, bool fresh) {
  const Converger& converger = state_.converger();
  Subjects subjects =
      fresh ? complete(converger, transaction, chunk) : converger.find_again(transaction, chunk);
  subjects.require_usable_keys();
  if (subjects.empty()) return false;
  const auto changes = converger.converge(transaction, subjects, state_.first_steps());
  // A deferred constraint speaks now, while the chunk can still be taken back alone.
  transaction.execute(
      "set constraints all immediate; set constraints all deferred; "
      "release savepoint converge_chunk");
  auto records = state_.recorder().record(subjects, changes);
  const OutsideWork outside(state_);
  outside.plan(subjects, 0, records);
  for (const auto& record : records) records_->append(encode(record));
  state_.corrected(records);
  state_.awaited(outside.due(subjects, records));
  return !records.empty();
}

std::set<std::string> LimitedPass::corrected() {
  std::set<std::string> subjects;
  records_->rewind();
  for (std::string bytes; records_->next(bytes);) subjects.insert(decode(bytes).subject);
  return subjects;
}

void LimitedPass::commit(postgres::Transaction& transaction) {
  records_->rewind();
  std::string bytes;
  journal::Inconsistency record;
  commit_with_record(state_, transaction, transaction.xid(),
                     [&]() -> const journal::Inconsistency* {
                       if (!records_->next(bytes)) return nullptr;
                       record = decode(bytes);
                       return &record;
                     });
}

}  // namespace converge::engine
