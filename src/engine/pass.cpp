#include "src/engine/pass.h"

#include "src/base/text.h"
#include "src/engine/chunk_worker.h"
#include "src/engine/limited_pass.h"
#include "src/engine/pass_state.h"

#include <fmt/core.h>

#include <algorithm>
#include <exception>
#include <thread>

namespace converge::engine {

namespace {

/// The locks of a converger's shards; given back at the end.
class ShardLocks {
 public:
  ShardLocks(const Profile& profile, PassContext& context) : locks_(context.locks) {
    const int of = profile.settings.shards;
    for (int shard = 0; shard < of; ++shard) take(profile, shard, std::chrono::milliseconds(0));
    if (shards_.mine.empty()) take(profile, 0, context.wait);
    shards_.of = of;
  }
  ~ShardLocks() {
    try {
      for (const std::string& name : names_) locks_.release(name);
    } catch (const Error&) {
      // The connection is gone, and the locks with it.
    }
  }
  ShardLocks(const ShardLocks&) = delete;
  ShardLocks& operator=(const ShardLocks&) = delete;

  const Shards& shards() const { return shards_; }

 private:
  void take(const Profile& profile, int shard, std::chrono::milliseconds wait) {
    const int of = profile.settings.shards;
    const std::string name =
        of == 1 ? profile.name : fmt::format("{} {}/{}", profile.name, shard, of);
    if (!locks_.acquire(name, wait)) return;
    shards_.mine.push_back(shard);
    names_.push_back(name);
  }

  postgres::AdvisoryLocks& locks_;
  Shards shards_{.of = 1, .mine = {}};
  std::vector<std::string> names_;
};

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
    } catch (const Error& caught) {
      error = caught;
    }
    result = state_.result();
    result.error = std::move(error);
    result.hold = hold_;
    if (hold_)
      result.inconsistencies = hold_->inconsistencies;  // One that stood already examined none.
    if (corrections_undone_) result.changes = 0;
    result.outcome = outcome(result);
    try {
      note(result);
    } catch (const Error& caught) {
      if (!result.error) result.error = caught;
      result.outcome = PassOutcome::failed;
    }
    return result;
  }

 private:
  void converge();
  Listing list(postgres::Session& session, const Shards& shards);
  void leave_unsettled(Listing& listing);
  void converge_freely(Listing& listing);
  void work_in_parallel(Listing& listing);
  void converge_limited(Listing& listing, const Limit& limit);
  void evaluate_rest(Listing& listing);
  void stop_at_limit(std::int64_t allowed);
  PassOutcome outcome(const PassResult& result) const;
  void note(PassResult& result);

  const Profile& profile() const { return converger_.profile(); }
  bool is_plan() const { return context_.journal == nullptr; }

  Converger& converger_;
  PassContext& context_;
  PassState state_;
  std::optional<journal::Hold> hold_;  ///< That stopped this pass.
  bool released_ = false;              ///< A hold was released for this pass.
  bool skipped_ = false;
  bool corrections_undone_ = false;
};

void Pass::converge() {
  context_.locks.check();
  const ShardLocks locks(profile(), context_);
  if (locks.shards().mine.empty()) {
    skipped_ = true;
    return;
  }
  if (!is_plan()) {
    auto hold = context_.journal->hold(profile().name);
    if (hold && !hold->released) {
      hold_ = std::move(hold);
      return;
    }
    released_ = hold.has_value();
    context_.journal->register_definition(state_.definition(), profile().text);
  }
  auto session = context_.pool.lease();
  if (session->server().in_recovery) {
    throw Error(ErrorKind::failure, session->server().place + " is a standby, in recovery",
                "Connect to the primary; a standby cannot be written to.", "25006");
  }
  session->set_statement_timeout(state_.statement_timeout());
  converger_.inspect(*session);
  const bool redacts = !profile().settings.redact.empty() && !is_plan();
  state_.use_recorder(Recorder(
      converger_, redacts ? std::optional(context_.journal->redaction_key()) : std::nullopt));
  converger_.prepare(*session);
  Listing listing = list(*session, locks.shards());
  state_.expect(listing.size());
  if (listing.size() == 0) return;
  if (!listing.has_transaction()) session.reset();  // Free for a worker.
  if (profile().settings.limit && !is_plan()) {
    converge_limited(listing, *profile().settings.limit);
  } else {
    converge_freely(listing);
    if (profile().settings.limit) stop_at_limit(profile().settings.limit->allowed(listing.size()));
  }
}

Listing Pass::list(postgres::Session& session, const Shards& shards) {
  auto transaction = std::make_unique<postgres::Transaction>(session);
  const auto chunk = static_cast<std::size_t>(profile().settings.chunk);
  if (context_.subject) {
    Subjects wanted;  // Of the key alone.
    std::string record;
    const auto size = static_cast<std::int32_t>(context_.subject->size());
    record.append(reinterpret_cast<const char*>(&size), sizeof size);
    wanted.append_encoded(record + *context_.subject);
    Subjects found = converger_.find_again(*transaction, wanted);
    found.require_usable_keys();
    Listing listing(std::move(found), std::move(transaction));
    leave_unsettled(listing);
    return listing;
  }
  converger_.find(*transaction, shards);
  ChunkWorker prober(state_, false);
  Listing::Probe probe;
  // Only where nothing is left out afterwards.
  if (profile().settings.settle.count() == 0 || is_plan()) {
    probe = [&](const Subjects& subjects) { return prober.probe(subjects); };
  }
  Listing listing(converger_, std::move(transaction), chunk, probe);
  leave_unsettled(listing);
  return listing;
}

/// Leaves out the subjects that have not been found for as long as the definition asks.
void Pass::leave_unsettled(Listing& listing) {
  const auto settle = std::chrono::microseconds(profile().settings.settle).count();
  if (settle == 0 || is_plan()) return;
  const std::int64_t mark = wall_time_us();
  listing.keep([&](const Subjects& chunk) {
    std::vector<std::string> keys;
    for (std::size_t row = 0; row < chunk.size(); ++row) keys.emplace_back(chunk.key(row));
    return context_.journal->settled(profile().name, keys, settle, mark);
  });
  if (!context_.subject) context_.journal->forget_settling(profile().name, mark);
}

void Pass::converge_freely(Listing& listing) {
  if (auto transaction = listing.take_transaction()) {
    ChunkWorker(state_, !is_plan()).work_in(std::move(transaction), listing.next());
  } else {
    work_in_parallel(listing);
  }
}

/// One worker more than chunks may be at work in the server: it writes the record of its chunk, and
/// commits, while the others' steps run.
void Pass::work_in_parallel(Listing& listing) {
  std::mutex mutex;  // Of the listing, the lock connection and the error.
  std::exception_ptr error;
  const auto work = [&] {
    ChunkWorker worker(state_, !is_plan());
    while (true) {
      Subjects chunk;
      try {
        {
          const std::lock_guard lock(mutex);
          if (error) return;
          context_.locks.check();
          chunk = listing.next();
        }
        if (chunk.empty()) return;
        worker.work(chunk);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
        return;
      }
    }
  };
  const std::int64_t chunks =
      (listing.size() + profile().settings.chunk - 1) / profile().settings.chunk;
  const auto workers = std::min<std::int64_t>(profile().settings.parallel + 1, chunks);
  {
    std::vector<std::jthread> threads;
    for (std::int64_t worker = 1; worker < workers; ++worker) threads.emplace_back(work);
    work();
  }
  if (error) std::rethrow_exception(error);
}

void Pass::converge_limited(Listing& listing, const Limit& limit) {
  const std::int64_t allowed = limit.allowed(listing.size());
  std::optional<std::string> released;
  if (released_) {
    const auto hold = context_.journal->hold(profile().name);
    if (hold && !hold->released_digest.empty()) released = hold->released_digest;
  }
  if (LimitedPass(state_, listing, allowed, released).run() == LimitVerdict::within) return;
  corrections_undone_ = true;
  evaluate_rest(listing);
  stop_at_limit(allowed);
}

/// Learns the full extent of the set that was stopped, chunk by chunk, changing nothing.
void Pass::evaluate_rest(Listing& listing) {
  ChunkWorker worker(state_, false);
  for (Subjects chunk = listing.next(); !chunk.empty(); chunk = listing.next()) worker.work(chunk);
}

void Pass::stop_at_limit(std::int64_t allowed) {
  if (is_plan() && state_.inconsistencies() <= allowed) return;
  hold_ = journal::Hold{.converger = profile().name,
                        .digest = state_.digest(),
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
  if (result.error || result.failed > 0) return PassOutcome::failed;
  if (hold_) return PassOutcome::held;
  if (skipped_) return PassOutcome::skipped;
  if (result.inconsistencies == 0) return PassOutcome::unchanged;
  return is_plan() ? PassOutcome::planned : PassOutcome::converged;
}

/// Journals a pass that did, failed or was stopped, and remembers when the last one was.
void Pass::note(PassResult& result) {
  if (is_plan() || skipped_) return;
  const std::int64_t now = wall_time_us();
  // A hold that stood already was told when it was put.
  const bool told_before = hold_ && result.pass == 0 && !result.error;
  if ((result.outcome != PassOutcome::unchanged || result.pass != 0) && !told_before) {
    std::string detail = fmt::format(
        R"({{"outcome":"{}","trigger":"{}","examined":{},"changes":{},"failed":{},"duration_ms":{})",
        name_of(result.outcome), context_.trigger, result.examined, result.changes, result.failed,
        result.duration.count());
    if (result.error) detail += R"(,"message":)" + json_string(state_.message(*result.error));
    if (result.error && !result.error->sqlstate().empty()) {
      detail += R"(,"sqlstate":)" + json_string(result.error->sqlstate());
    }
    const bool failed = result.outcome == PassOutcome::failed;
    context_.journal->append(
        state_.pass(), {.kind = journal::Kind::pass,
                        .definition = state_.definition(),
                        .count = result.inconsistencies,
                        .outcome = failed ? std::optional(journal::Outcome::failed) : std::nullopt,
                        .detail = detail + "}"});
    result.pass = state_.pass().id;
  }
  context_.journal->note_pass({.converger = profile().name,
                               .time_us = now,
                               .outcome = std::string(name_of(result.outcome)),
                               .correction_us = result.changes > 0 ? now : 0});
}

}  // namespace

std::string_view name_of(PassOutcome outcome) {
  switch (outcome) {
    case PassOutcome::unchanged:
      return "unchanged";
    case PassOutcome::converged:
      return "converged";
    case PassOutcome::planned:
      return "planned";
    case PassOutcome::failed:
      return "failed";
    case PassOutcome::held:
      return "held";
    case PassOutcome::skipped:
      return "skipped";
  }
  return "";
}

PassResult run_pass(Converger& converger, PassContext& context) {
  return Pass(converger, context).run();
}

}  // namespace converge::engine
