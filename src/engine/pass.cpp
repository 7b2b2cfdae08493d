#include "src/engine/pass.h"

#include "src/base/text.h"
#include "src/engine/chunk_worker.h"
#include "src/engine/fights.h"
#include "src/engine/limited_pass.h"
#include "src/engine/named_subjects.h"
#include "src/engine/outside_work.h"
#include "src/engine/pass_note.h"
#include "src/engine/pass_state.h"
#include "src/engine/shard_locks.h"
#include "src/engine/work_in_parallel.h"

#include <fmt/core.h>

#include <algorithm>
#include <exception>
#include <set>
#include <thread>
#include <utility>

namespace converge::engine {

namespace {

class Pass {
 public:
  Pass(Converger& converger, PassContext& context)
      : converger_(converger), context_(context), state_(converger, context) {}

  PassResult run() {
    PassResult result;
    std::optional<Error> error;
    try {
      converge();
      if (released_ && !hold_) context_.journal->drop_hold(profile().name);
      if (!is_plan() && !skipped_ && (!hold_ || !stopped_)) {
        tell_fights(state_);
        context_.journal->free(profile().name, state_.quarantine().freed());
        if (!only_owed()) OutsideWork(state_).forget(state_.quarantine().freed(), began_us_);
      }
    } catch (const Error& caught) {
      error = caught.sqlstate() == "57014" ? state_.why_cancelled(caught) : caught;
    }
    result = state_.result();
    result.error = std::move(error);
    result.hold = hold_;
    result.paused = paused_;
    if (hold_)
      result.inconsistencies = hold_->inconsistencies;  // One that stood already examined none.
    if (corrections_undone_) result.changes = 0;
    result.again = until_due();
    result.outcome = outcome(result);
    if (result.outcome == PassOutcome::failed) converger_.distrust();
    try {
      if (!is_plan() && !skipped_) note_pass(state_, result);
    } catch (const Error& caught) {
      if (!result.error) result.error = caught;
      result.outcome = PassOutcome::failed;
    }
    return result;
  }

 private:
  void converge();
  void converge_subjects(const Shards& shards);
  postgres::Pool::Lease resume_owed(postgres::Pool::Lease session, const Shards& shards);
  bool may_begin_anew(const Error& error) const;
  bool is_for_one_round_trip() const;
  bool converge_at_once();
  postgres::Pool::Lease inspected_session();
  Listing list(std::unique_ptr<postgres::Transaction> transaction, const Shards& shards);
  Listing list_named(std::unique_ptr<postgres::Transaction> transaction);
  void leave_unsettled(Listing& listing, bool complete);
  void load_quarantine(std::vector<journal::Quarantined> known);
  void leave_quarantined(Listing& listing);
  std::optional<std::chrono::milliseconds> until_due() const;
  /// Named by a person, who wants to see them tried.
  bool tries_regardless() const { return state_.is_narrowed() && !context_.lenient; }
  void converge_freely(Listing& listing);
  void converge_limited(Listing& listing, const Limit& limit);
  void evaluate_rest(Listing& listing);
  void stop_at_limit(std::int64_t allowed, const std::string& digest);
  PassOutcome outcome(const PassResult& result) const;

  const Profile& profile() const { return converger_.profile(); }
  /// A hold is on what is new; what is owed was let through.
  bool only_owed() const { return context_.only_owed || hold_; }
  bool is_plan() const { return context_.journal == nullptr; }

  Converger& converger_;
  PassContext& context_;
  PassState state_;
  std::optional<journal::Hold> hold_;  ///< That stopped this pass.
  bool released_ = false;              ///< A hold was released for this pass.
  std::optional<journal::Pause> paused_;
  std::optional<std::int64_t> settle_due_us_;  ///< When the first that waits has settled.
  bool owes_ = false;  ///< Steps outside the database, since earlier passes.
  const std::int64_t began_us_ = wall_time_us();
  bool stopped_ = false;  ///< By the limit, in this pass.
  bool skipped_ = false;
  bool corrections_undone_ = false;
};

void Pass::converge() {
  context_.locks.check();
  if (is_for_one_round_trip() && converge_at_once()) return;
  const ShardLocks locks(profile(), context_);
  if (locks.shards().mine.empty()) {
    skipped_ = true;
    // A daemon keeps the lock of what is paused.
    if (!is_plan()) paused_ = context_.journal->standing(profile().name).pause;
    return;
  }
  state_.start_clock();
  if (!is_plan()) {
    auto standing = context_.journal->standing(profile().name);
    paused_ = std::move(standing.pause);
    if (paused_) {
      skipped_ = true;
      return;
    }
    const bool is_held = standing.hold && !standing.hold->released;
    released_ = standing.hold && !is_held;
    if (is_held) hold_ = std::move(standing.hold);
    owes_ = standing.owes;
    if (is_held && !owes_) return;
    context_.journal->register_definition(state_.definition(), profile().text);
    load_quarantine(std::move(standing.quarantined));
  } else {
    load_quarantine(context_.quarantined);
  }
  try {
    converge_subjects(locks.shards());
  } catch (const Error& error) {
    converger_.distrust();
    if (!may_begin_anew(error)) throw;
    context_.pool.clear();  // The others are as old.
    state_.trust_inspection(false);
    state_.start_again(0);
    converge_subjects(locks.shards());
  }
}

/// Once, and only before anything is done: when the schema, or the server, may be another one than
/// when its sessions were made.
bool Pass::may_begin_anew(const Error& error) const {
  const auto is = [&](std::string_view sqlstate) { return error.sqlstate().starts_with(sqlstate); };
  const bool outlived = is("08006") || is("57P") || is("0A000") || is("26000");
  return (state_.is_suspect(error) || (outlived && state_.has_done_nothing())) && !state_.is_over();
}

postgres::Pool::Lease Pass::inspected_session() {
  auto session = state_.lease();
  if (session->server().in_recovery) {
    throw Error(ErrorKind::failure, session->server().place + " is a standby, in recovery",
                "Connect to the primary; a standby cannot be written to.", "25006");
  }
  state_.trust_inspection(!converger_.inspect_if_due(*session));
  const bool redacts = !profile().settings.redact.empty() && !is_plan();
  state_.use_recorder(Recorder(
      converger_, redacts ? std::optional(context_.journal->redaction_key()) : std::nullopt));
  converger_.prepare(*session);
  session->set_statement_timeout(state_.statement_timeout());
  return session;
}

void Pass::converge_subjects(const Shards& shards) {
  auto session = inspected_session();
  if (!shards.all() && !state_.quarantine().empty()) {
    state_.quarantine().keep(converger_.in_shards(*session, state_.quarantine().keys(), shards));
  }
  if (!state_.quarantine().empty()) {
    const auto owed = owes_
                          ? context_.journal->owed_among(profile().name, state_.quarantine().keys())
                          : std::vector<std::string>();
    if (only_owed()) state_.quarantine().keep(owed);
    state_.quarantine().look(converger_, state_.recorder(), *session);
    state_.quarantine().owe(owed);
  }
  session = resume_owed(std::move(session), shards);
  if (only_owed()) return;
  Listing listing = list(std::make_unique<postgres::Transaction>(std::move(session)), shards);
  leave_quarantined(listing);
  state_.expect(listing.size());
  if (listing.size() == 0) return;
  if (profile().settings.limit && !is_plan()) {
    converge_limited(listing, *profile().settings.limit);
  } else {
    converge_freely(listing);
    if (profile().settings.limit) {
      stop_at_limit(profile().settings.limit->allowed(listing.size()), state_.digest());
    }
  }
}

/// Carries out what is owed since earlier passes, as far as it is this pass's, and gives the
/// session back meanwhile, as calls to the outside take their time.
postgres::Pool::Lease Pass::resume_owed(postgres::Pool::Lease session, const Shards& shards) {
  if (!owes_) return session;
  session = {};
  OutsideWork(state_).resume([&](std::vector<journal::Owed>& owed) {
    auto keys = state_.is_narrowed() ? context_.subjects : keys_of(owed);
    if (!shards.all()) keys = converger_.in_shards(*state_.ready_session(), keys, shards);
    const std::set<std::string> mine(keys.begin(), keys.end());
    std::erase_if(owed, [&](const auto& one) { return !mine.contains(one.subject); });
  });
  owes_ = false;
  return state_.ready_session();
}

/// Whether the steps may act before it is known which of the named subjects find returns: nothing
/// is left out of these, and what was done to others is rolled back.
bool Pass::is_for_one_round_trip() const {
  const Settings& settings = profile().settings;
  return context_.lenient && !is_plan() && !context_.subjects.empty() && settings.shards == 1 &&
         !settings.limit && converger_.outside().empty() && settings.settle.count() == 0 &&
         context_.subjects.size() <= static_cast<std::size_t>(settings.chunk);
}

/// A wake-up, for which every round trip counts: its transaction has the lock of the pass by
/// itself. False when anything stands in its way, with nothing done.
bool Pass::converge_at_once() {
  const auto standing = context_.journal->standing(profile().name);
  if (standing.pause || standing.hold || !standing.quarantined.empty()) return false;
  state_.start_clock();
  context_.journal->register_definition(state_.definition(), profile().text);
  load_quarantine({});
  const Subjects keys = NamedSubjects::keys_alone(context_.subjects);
  state_.expect(static_cast<std::int64_t>(keys.size()));
  postgres::Pool::Lease session;
  try {
    session = inspected_session();
  } catch (const Error&) {
    return false;  // The ordinary way meets it again, and knows what to do.
  }
  return ChunkWorker(state_, true).work_at_once(std::move(session), keys);
}

Listing Pass::list(std::unique_ptr<postgres::Transaction> transaction, const Shards& shards) {
  if (state_.is_narrowed()) return list_named(std::move(transaction));
  const auto chunk = static_cast<std::size_t>(profile().settings.chunk);
  converger_.find(*transaction, shards);
  ChunkWorker prober(state_, false);
  Listing::Probe probe;
  // Only where nothing is left out afterwards.
  if ((profile().settings.settle.count() == 0 || is_plan()) &&
      !OutsideWork(state_).acts_for_found() && !state_.quarantine().leaves_out_any()) {
    probe = [&](const Subjects& subjects) { return prober.probe(subjects); };
  }
  Listing listing([&](auto& in) { return converger_.next(in, chunk); }, std::move(transaction),
                  chunk, probe, [&] { state_.require_time(); });
  leave_unsettled(listing, shards.all());
  return listing;
}

/// The subjects that were named, whose keys may be none.
Listing Pass::list_named(std::unique_ptr<postgres::Transaction> transaction) {
  const auto chunk = static_cast<std::size_t>(profile().settings.chunk);
  NamedSubjects named(converger_, context_.subjects, chunk);
  try {
    Listing listing([&](auto& in) { return named.next(in); }, std::move(transaction), chunk, {},
                    [&] { state_.require_time(); });
    state_.not_found(named.not_found());
    leave_unsettled(listing, false);
    return listing;
  } catch (const Error& error) {
    if (!error.sqlstate().starts_with("22")) throw;
    if (context_.lenient) {
      state_.not_keys();
      return {};
    }
    throw Error(ErrorKind::failure, error.what(), "Name the key as find returns it.",
                error.sqlstate());
  }
}

/// Leaves out the subjects that have not been found for as long as the definition asks. Only a
/// complete listing tells which are not found any more.
void Pass::leave_unsettled(Listing& listing, bool complete) {
  const auto settle = std::chrono::microseconds(profile().settings.settle).count();
  if (settle == 0 || is_plan()) return;
  const std::int64_t mark = wall_time_us();
  listing.keep([&](const Subjects& chunk) {
    std::vector<std::string> keys;
    for (std::size_t row = 0; row < chunk.size(); ++row) keys.emplace_back(chunk.key(row));
    return context_.journal->settled(profile().name, keys, settle, mark);
  });
  if (complete) context_.journal->forget_settling(profile().name, mark);
  settle_due_us_ = context_.journal->next_settled_us(profile().name, settle);
}

/// What is in quarantine, and who would be fought over; narrowed, as far as it is named.
void Pass::load_quarantine(std::vector<journal::Quarantined> known) {
  if (state_.is_narrowed()) {
    const std::set<std::string> named(context_.subjects.begin(), context_.subjects.end());
    std::erase_if(known, [&](const auto& one) { return !named.contains(one.subject); });
  }
  if (tries_regardless()) {
    for (journal::Quarantined& one : known) one.next_us = 0;
  }
  state_.quarantine().load(known, wall_time_us());
  if (!is_plan() && !state_.is_narrowed()) suspect_fights(state_);
}

void Pass::leave_quarantined(Listing& listing) {
  const Quarantine& quarantine = state_.quarantine();
  if (!quarantine.leaves_out_any()) return;
  listing.keep([&](const Subjects& chunk) {
    std::vector<bool> keep;
    for (std::size_t row = 0; row < chunk.size(); ++row) {
      keep.push_back(!quarantine.leaves_out(chunk.key(row)));
    }
    return keep;
  });
}

std::optional<std::chrono::milliseconds> Pass::until_due() const {
  if (is_plan() || skipped_ || hold_) return std::nullopt;
  auto due = state_.next_quarantined_us();
  if (settle_due_us_) due = due ? std::min(*due, *settle_due_us_) : *settle_due_us_;
  if (!due) return std::nullopt;
  const std::chrono::microseconds left(std::max<std::int64_t>(*due - wall_time_us(), 0));
  return std::chrono::ceil<std::chrono::milliseconds>(left);
}

void Pass::converge_freely(Listing& listing) {
  if (auto transaction = listing.take_transaction()) {
    ChunkWorker(state_, !is_plan()).work_in(std::move(transaction), listing.next());
  } else {
    work_in_parallel(state_, listing, !is_plan());
  }
}

void Pass::converge_limited(Listing& listing, const Limit& limit) {
  const std::int64_t allowed = limit.allowed(listing.size());
  std::optional<ReleasedSet> released;
  if (released_) {
    const auto hold = context_.journal->hold(profile().name);
    if (hold && !hold->released_digest.empty()) {
      released = ReleasedSet{.digest = hold->released_digest, .size = hold->inconsistencies};
    }
  }
  LimitedPass pass(state_, listing, allowed, released);
  if (pass.run() == LimitVerdict::within) {
    OutsideWork(state_).go_on_after(listing, pass.corrected());
    return;
  }
  corrections_undone_ = true;
  try {
    evaluate_rest(listing);
  } catch (const Error&) {
    // How large the set is stays open, and so no digest can name it; but it is too large.
    stop_at_limit(allowed, "");
    throw;
  }
  stop_at_limit(allowed, state_.digest());
}

/// Learns the full extent of the set that was stopped, chunk by chunk, changing nothing.
void Pass::evaluate_rest(Listing& listing) {
  ChunkWorker worker(state_, false);
  for (Subjects chunk = listing.next(); !chunk.empty(); chunk = listing.next()) worker.work(chunk);
}

void Pass::stop_at_limit(std::int64_t allowed, const std::string& digest) {
  if (is_plan() && state_.inconsistencies() <= allowed) return;
  stopped_ = true;
  hold_ = journal::Hold{.converger = profile().name,
                        .digest = digest,
                        .inconsistencies = state_.inconsistencies(),
                        .allowed = allowed,
                        .since_us = wall_time_us(),
                        .released = false,
                        .released_digest = {}};
  if (is_plan()) return;
  const std::string detail =
      fmt::format(R"({{"digest":"{}","allowed":{},"limit":{}}})", hold_->digest, allowed,
                  json_string(profile().settings.limit->text));
  context_.journal->put_hold(state_.pass(), state_.definition(), *hold_, detail);
}

PassOutcome Pass::outcome(const PassResult& result) const {
  if (result.error && result.failed == 0 && context_.stop != nullptr && *context_.stop) {
    return PassOutcome::interrupted;
  }
  if (result.error || result.failed > 0) return PassOutcome::failed;
  if (hold_) return PassOutcome::held;
  if (skipped_) return PassOutcome::skipped;
  if (result.inconsistencies == 0) return PassOutcome::unchanged;
  return is_plan() ? PassOutcome::planned : PassOutcome::converged;
}

}  // namespace

PassResult run_pass(Converger& converger, PassContext& context) {
  return Pass(converger, context).run();
}

}  // namespace converge::engine
