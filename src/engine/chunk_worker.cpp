#include "src/engine/chunk_worker.h"

#include "src/base/fault.h"
#include "src/engine/recovery.h"
#include "src/engine/verdict.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

namespace converge::engine {

namespace {

/// How long a pass tries to learn how a COMMIT ended whose answer was lost.
constexpr std::chrono::milliseconds kDoubtPatience{10'000};

/// A probe that takes longer spares nothing: somebody holds a row, or the steps have much to do.
constexpr std::chrono::milliseconds kProbePatience{500};

constexpr std::size_t kProbedFirst = 20;

/// The outcome of a transaction in doubt, over a new connection, or nullopt when nobody can say
/// yet.
std::optional<journal::Outcome> settle_doubt(PassState& state, const journal::Txn& txn) {
  const auto deadline = Clock::now() + kDoubtPatience;
  for (int attempt = 1; Clock::now() < deadline; ++attempt) {
    try {
      // Not to be waited for: the pass still has the session whose COMMIT is in doubt.
      auto session = state.context().pool.lease_beyond();
      return ask_outcome(
          *session, txn,
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()));
    } catch (const Error&) {
      std::this_thread::sleep_for(backoff(attempt));  // The server may be restarting.
    }
  }
  return std::nullopt;
}

bool are_those(const Subjects& found, const Subjects& keys) {
  found.require_usable_keys();
  std::set<std::string_view> missing;
  for (std::size_t row = 0; row < keys.size(); ++row) missing.insert(keys.key(row));
  for (std::size_t row = 0; row < found.size(); ++row) {
    if (missing.erase(found.key(row)) == 0) return false;
  }
  return missing.empty();
}

}  // namespace

Subjects complete(const Converger& converger, postgres::Transaction& transaction,
                  const Subjects& subjects) {
  if (subjects.empty() || subjects.width() == converger.columns().size()) return subjects;
  Subjects all = converger.find_again(transaction, subjects);
  all.require_usable_keys();
  return all;
}

void commit_with_record(PassState& state, postgres::Transaction& transaction,
                        const std::string& xid, const journal::NextInconsistency& next) {
  journal::Journal& journal = *state.context().journal;
  const postgres::Server& server = transaction.session().server();
  const journal::Txn txn{.xid = xid,
                         .server = {server.system_identifier, server.timeline, server.incarnation},
                         .database = server.database};
  const journal::DefinitionId definition = state.definition();

  // Without its lock, another process may be at the same converger by now.
  state.require_locks();
  fault_point("pass.before_append");
  const auto seq = journal.append_pending(state.pass(), definition, txn, next);
  fault_point("pass.after_append");  // On disk before the server may commit.
  try {
    transaction.commit();
  } catch (const Error& error) {
    const bool doubt = error.kind() == ErrorKind::in_doubt;
    const auto outcome = doubt ? settle_doubt(state, txn) : journal::Outcome::rolled_back;
    if (!outcome) {
      throw Error(
          ErrorKind::failure,
          fmt::format("whether transaction {} was committed is in doubt: {}", xid, error.what()),
          "Its record is pending in the journal; the next command that acts asks the server.");
    }
    journal.append_outcome(state.pass(), definition, seq, *outcome, state.detail(error));
    if (*outcome == journal::Outcome::committed) return;
    if (*outcome == journal::Outcome::unknown) {
      throw Error(
          ErrorKind::failure,
          fmt::format("whether transaction {} was committed is unknown: {}", xid, error.what()),
          "The server was replaced or has forgotten it; the next pass does what is left.");
    }
    throw Error(doubt ? ErrorKind::transient : error.kind(), error.what(), error.hint(),
                error.sqlstate());
  }
  fault_point("pass.after_commit");
  journal.append_outcome(state.pass(), definition, seq, journal::Outcome::committed);
}

ChunkWorker::ChunkWorker(PassState& state, bool commits, std::size_t stage,
                         const Underway* underway)
    : state_(state),
      outside_(state),
      commits_(commits),
      stage_(stage),
      steps_(steps_before(state.converger(), stage)) {
  if (underway == nullptr) return;
  for (std::size_t row = 0; row < underway->size(); ++row) {
    underway_.emplace(underway->subjects.key(row), underway->each[row]);
  }
}

void ChunkWorker::work(const Subjects& chunk) { work_parts(chunk, false); }

void ChunkWorker::work_in(std::unique_ptr<postgres::Transaction> transaction,
                          const Subjects& chunk) {
  bool done = false;
  Underway next;
  try {
    Slots::Slot slot(state_.slots());
    const Subjects subjects = complete(state_.converger(), *transaction, chunk);
    auto changes = state_.converger().converge(*transaction, subjects, steps_);
    next = finish(*transaction, subjects, std::move(changes), slot);
    done = true;
  } catch (const Error& error) {
    transaction.reset();
    state_.expect_work = true;
    recover_from(error, chunk, 1, false, done);
  }
  transaction.reset();
  if (!done) return work_parts(chunk, false);
  outside_.go_on(std::move(next), stage_);
}

bool ChunkWorker::work_at_once(postgres::Pool::Lease session, const Subjects& keys) {
  bool acts = false;
  try {
    Slots::Slot slot(state_.slots());
    const std::string lock =
        postgres::AdvisoryLocks::take_for_transaction(*session, state_.converger().profile().name);
    postgres::Transaction transaction(std::move(session));
    transaction.session().queue(lock);
    auto converged = state_.converger().find_and_converge(transaction, keys);
    if (!converged || !are_those(converged->subjects, keys)) return false;
    acts = true;
    finish(transaction, converged->subjects, std::move(converged->changes), slot);
    return true;
  } catch (const Error& error) {
    const bool is_settled = postgres::is_about_data(error) || error.kind() == ErrorKind::transient;
    if (!acts || is_settled) return false;
    throw;
  }
}

void ChunkWorker::work_parts(const Subjects& chunk, bool halved) {
  bool read_again = halved || state_.expect_work || stage_ > 0 || outside_.acts_for_found();
  bool done = false;
  Underway next;
  for (int tries = 1; !done;) {
    state_.require_time();
    try {
      done = attempt(chunk, read_again, next);
    } catch (const Error& error) {
      // What was found a while ago may be wrong by now; blame nobody before it is read again.
      if (read_again || error.kind() == ErrorKind::transient) {
        recover_from(error, chunk, tries++, halved, done);
      }
    }
    read_again = true;
  }
  outside_.go_on(std::move(next), stage_);
}

/// Sets `done` unless the same chunk is to be tried again.
void ChunkWorker::recover_from(const Error& error, const Subjects& chunk, int attempt, bool halved,
                               bool& done) {
  if (state_.is_suspect(error)) throw error;
  switch (judge(error, chunk.size(), attempt, halved)) {
    case Verdict::retry:
      std::this_thread::sleep_for(backoff(attempt));
      return;
    case Verdict::halve: {
      const std::size_t middle = chunk.size() / 2;
      work_parts(chunk.slice(0, middle), true);
      work_parts(chunk.slice(middle, chunk.size()), true);
      break;
    }
    case Verdict::isolate:
      state_.failed(described(chunk), 0, error);
      state_.examined(1);
      break;
    case Verdict::give_up:
      throw error;
  }
  done = true;
}

/// A failed subject with all its columns, if it can be read; its label is among them.
Subjects ChunkWorker::described(const Subjects& subject) {
  try {
    postgres::Transaction transaction(state_.ready_session());
    Subjects all = complete(state_.converger(), transaction, subject);
    transaction.rollback();
    if (!all.empty()) return all;
  } catch (const Error&) {
    // Its key says enough.
  }
  return subject;
}

bool ChunkWorker::probe(const Subjects& chunk) {
  if (state_.expect_work) return false;
  try {
    const Slots::Slot slot(state_.slots());
    // Not to be waited for: the pass has the session that it is listing with.
    const auto session = state_.context().pool.try_lease();
    if (!session) return false;
    state_.converger().prepare(**session);
    (*session)->set_statement_timeout(std::min(state_.statement_timeout(), kProbePatience));
    // What is to be corrected would all be corrected, and taken back: a few subjects tell first.
    if (!std::exchange(has_probed_, true)) {
      const auto few = chunk.slice(0, std::min(chunk.size(), kProbedFirst));
      state_.expect_work = !state_.converger().is_right(**session, few, steps_);
    }
    return !state_.expect_work && look(**session, chunk);
  } catch (const Error&) {
    return false;  // It is met again, and told, when the chunk is worked on.
  }
}

bool ChunkWorker::look(postgres::Session& session, const Subjects& chunk) {
  const bool right = state_.converger().is_right(session, chunk, steps_);
  state_.expect_work = !right;
  if (right) state_.examined(chunk.size());
  return right;
}

/// False when subjects that were found a while ago turned out to need work: they are to be read
/// again first. Those that are right already are spared the reading. `next`: what goes on.
bool ChunkWorker::attempt(const Subjects& chunk, bool read_again, Underway& next) {
  Slots::Slot slot(state_.slots());
  auto session = state_.ready_session();  // With the slot: no more are open than are needed.
  if (!read_again) return look(*session, chunk);
  postgres::Transaction transaction(std::move(session));
  const Subjects subjects = find_again(transaction, chunk);
  std::vector<StepChanges> changes;
  if (!subjects.empty()) {
    changes = state_.converger().converge(transaction, subjects, steps_);
  }
  next = finish(transaction, subjects, std::move(changes), slot);
  if (stage_ == 0 && subjects.size() < chunk.size()) {
    state_.examined(chunk.size() - subjects.size());
  }
  return true;
}

/// As find returns them now; what is owed to a subject is owed to it as it was.
Subjects ChunkWorker::find_again(postgres::Transaction& transaction, const Subjects& chunk) {
  Subjects found = state_.converger().find_again(transaction, chunk);
  found.require_usable_keys();
  if (stage_ == 0) return found;
  std::set<std::string_view> keys;
  for (std::size_t row = 0; row < found.size(); ++row) keys.insert(found.key(row));
  Subjects all = found;
  for (std::size_t row = 0; row < chunk.size(); ++row) {
    const auto known = underway_.find(chunk.key(row));
    if (known == underway_.end()) continue;
    known->second.found = keys.contains(chunk.key(row));
    if (!known->second.found && !known->second.owed.empty()) all.append(chunk, row);
  }
  return all;
}

Underway ChunkWorker::finish(postgres::Transaction& transaction, const Subjects& subjects,
                             std::vector<StepChanges> changes, Slots::Slot& slot) {
  const bool changed = any_rows(changes);
  state_.expect_work = changed;
  std::vector<journal::Inconsistency> records;
  if (is_plan()) outside_.rehearse(transaction, subjects, changes);
  if (!commits_ && any_rows(changes)) {
    transaction.execute("set constraints all immediate");  // As COMMIT would.
  }
  const std::string xid = commits_ && changed ? transaction.xid() : std::string();
  slot.give_back();
  if (changed || is_plan()) records = state_.recorder().record(subjects, changes);
  outside_.plan(subjects, stage_, records, owed());
  if (commits_ && changed) {
    commit_with_record(state_, transaction, xid, [&, index = std::size_t{0}]() mutable {
      return index < records.size() ? &records[index++] : nullptr;
    });
  } else {
    transaction.rollback();
  }
  count(records);
  if (is_plan()) state_.corrected(outside_.due(subjects, records));
  if (!commits_ && !is_plan()) state_.awaited(outside_.due(subjects, records));
  if (stage_ == 0) state_.examined(subjects.size());
  return commits_ ? going_on(subjects, records) : Underway();
}

void ChunkWorker::count(const std::vector<journal::Inconsistency>& records) {
  for (const journal::Inconsistency& record : records) {
    const auto known = underway_.find(record.subject);
    const bool is_owed = known != underway_.end() && !known->second.owed.empty();
    if (is_owed || (known != underway_.end() && known->second.counted)) {
      state_.changed_further(record.count);
      if (!known->second.counted) state_.carried_out();
    } else {
      state_.corrected(record);
    }
  }
}

/// The subjects that steps outside may act for.
Underway ChunkWorker::going_on(const Subjects& subjects,
                               const std::vector<journal::Inconsistency>& records) const {
  Underway next(subjects.width());
  if (!outside_.any()) return next;
  auto record = records.begin();  // They are in the order of the subjects.
  for (std::size_t row = 0; row < subjects.size(); ++row) {
    const auto known = underway_.find(subjects.key(row));
    Underway::Subject subject =
        known != underway_.end() ? known->second : Underway::Subject{.found = true};
    if (record != records.end() && record->subject == subjects.key(row)) {
      subject.counted = true;
      if (record->planned) {
        subject.owed = record->planned->key;
        subject.at = static_cast<std::int64_t>(stage_);
      }
      ++record;
    }
    if (subject.owed.empty() && !outside_.acts_for_found()) continue;
    next.append(subjects, row, std::move(subject));
  }
  return next;
}

/// Those of the subjects underway that something is owed to.
std::vector<std::string> ChunkWorker::owed() const {
  std::vector<std::string> keys;
  for (const auto& [key, subject] : underway_) {
    if (!subject.owed.empty()) keys.push_back(key);
  }
  return keys;
}

}  // namespace converge::engine
