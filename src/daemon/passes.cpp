#include "src/daemon/passes.h"

#include "src/base/log.h"
#include "src/daemon/pass_log.h"

#include <algorithm>

namespace converge::daemon {

namespace {

/// A pass whose connection or lock was lost is no worse than before.
bool is_nobodys_fault(const Error& error) {
  return error.kind() == ErrorKind::transient || error.sqlstate().starts_with("08") ||
         error.sqlstate().starts_with("57P");
}

}  // namespace

Finish finish_of(const Job& job, const engine::PassResult& result) {
  using Retry = Finish::Retry;
  Finish finish{.again = result.again};
  const bool taken = result.outcome == engine::PassOutcome::skipped && !result.paused;
  if (taken) finish.retry = Retry::soon;
  if (result.paused) finish.retry = Retry::later;
  if (result.error) {
    finish.retry = is_nobodys_fault(*result.error) ? Retry::soon : Retry::later;
  }
  finish.whole = !job.subjects.empty() && result.not_keys;
  finish.carried_out = result.inconsistencies > 0;
  return finish;
}

Passes::Passes(Parts parts, int workers) : parts_(std::move(parts)) {
  for (int worker = 0; worker < workers; ++worker) {
    workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

Passes::~Passes() {
  drain();
  for (auto& worker : workers_) worker.request_stop();
}

/// With the lock held. One for one more pass that is due at once: more would only be in its way.
void Passes::tell_one() {
  ++changes_;
  told_.notify_one();
}

void Passes::tell_all() {
  ++changes_;
  told_.notify_all();
}

Changes Passes::load(const config::Config& config) {
  const std::lock_guard lock(mutex_);
  Changes changes = definitions_.load(config);
  define();
  return changes;
}

/// Makes the schedule and the link follow the definitions.
void Passes::define() {
  const auto units = definitions_.units();
  schedule_.define(units, Clock::now());
  std::vector<Unit> all;
  for (const auto& [unit, timing] : units) all.push_back(unit);
  parts_.link.set(std::move(all), definitions_.channels());
  tell_all();
}

void Passes::open(bool is_open) {
  const std::lock_guard lock(mutex_);
  open_ = is_open;
  tell_all();
}

void Passes::drain() {
  draining_ = true;
  open(false);
}

bool Passes::is_idle() const {
  const std::lock_guard lock(mutex_);
  return running_.empty();
}

void Passes::notified(const std::string& channel, const std::string& payload) {
  const std::lock_guard lock(mutex_);
  for (const auto& name : definitions_.listeners(channel)) {
    schedule_.wake(name, payload, Clock::now());
    tell_one();
  }
}

void Passes::wake(const std::string& converger) {
  const std::lock_guard lock(mutex_);
  schedule_.wake_whole(converger, Clock::now());
  tell_all();
}

void Passes::owe(const std::set<std::string>& convergers) {
  const std::lock_guard lock(mutex_);
  if (schedule_.owe(convergers, Clock::now())) tell_all();
}

void Passes::wake_all() {
  const std::lock_guard lock(mutex_);
  schedule_.wake_all(Clock::now());
  tell_all();
}

void Passes::own(const Unit& unit, bool owned) {
  const std::lock_guard lock(mutex_);
  schedule_.own(unit, owned, Clock::now());
  tell_all();
}

std::map<Unit, UnitState> Passes::units() const {
  const std::lock_guard lock(mutex_);
  std::map<Unit, UnitState> states;
  for (const auto& [unit, timing] : definitions_.units()) {
    states[unit] = {.owned_since = schedule_.owned_since(unit),
                    .running = running_.contains(unit),
                    .due = schedule_.due(unit)};
  }
  return states;
}

std::set<std::string> Passes::names() const {
  std::set<std::string> names;
  for (const auto& [name, profile] : profiles()) names.insert(name);
  return names;
}

void Passes::add_last(std::map<std::string, journal::LastPass>& passes) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, last] : last_) {
    journal::LastPass& known = passes[name];
    if (known.time_us >= last.time_us) continue;
    const std::int64_t correction_us = known.correction_us;
    known = last;
    known.correction_us = correction_us;
  }
}

std::map<std::string, engine::Profile> Passes::profiles() const {
  const std::lock_guard lock(mutex_);
  return definitions_.profiles();
}

std::vector<convergers::Broken> Passes::broken() const {
  const std::lock_guard lock(mutex_);
  return definitions_.broken();
}

std::map<Unit, Running> Passes::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

/// What is to be run now, if anything is. With the lock held.
std::optional<Passes::Task> Passes::take() {
  if (!open_ || draining_) return std::nullopt;
  const auto now = Clock::now();
  auto job = schedule_.take(now);
  if (!job) return std::nullopt;
  // For another to run, or to wait for: those that sleep may know of none, or only of a later one.
  if (schedule_.next()) tell_one();
  auto converger = definitions_.converger(job->unit);
  running_[job->unit] = {.since = now,
                         .deadline = now + converger->profile().settings.pass_timeout};
  return Task{.job = std::move(*job), .converger = std::move(converger)};
}

std::optional<Passes::Task> Passes::next(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (auto task = take()) return task;
    const auto is_told = [this, seen = changes_] { return changes_ != seen; };
    const auto due = open_ ? schedule_.next() : std::nullopt;
    if (due) {
      told_.wait_until(lock, stop, *due, is_told);
    } else {
      told_.wait(lock, stop, is_told);
    }
  }
  return std::nullopt;
}

void Passes::work(const std::stop_token& stop) {
  while (const auto task = next(stop)) {
    const engine::PassResult result = run(*task);
    const Finish finish = finish_of(task->job, result);
    const std::lock_guard lock(mutex_);
    running_.erase(task->job.unit);
    // What one shard found says nothing of the others, and what was owed nothing of what is new.
    const bool is_whole = task->job.unit.shards == 1 && !task->job.only_owed;
    if (result.outcome == engine::PassOutcome::unchanged && is_whole) {
      const std::int64_t now_us = wall_time_us();
      last_[result.converger] = {.converger = result.converger,
                                 .time_us = now_us,
                                 .outcome = std::string(engine::name_of(result.outcome)),
                                 .completed_us = now_us};
    }
    schedule_.finish(task->job, finish, Clock::now());  // This worker asks again.
  }
}

engine::PassResult Passes::run(const Task& task) {
  const Unit& unit = task.job.unit;
  const auto held = parts_.link.locks();
  if (!held) {
    engine::PassResult result;
    result.converger = unit.converger;
    result.outcome = engine::PassOutcome::skipped;
    return result;
  }
  PassLog log(unit);
  engine::PassContext context{.pool = parts_.pool,
                              .locks = held->locks,
                              .journal = &parts_.journal,
                              .trigger = "daemon",
                              .actor = "daemon",
                              .subjects = task.job.subjects,
                              .lenient = true,
                              .shard = unit.shards > 1 ? std::optional(unit.shard) : std::nullopt,
                              .only_owed = task.job.only_owed,
                              .stop = &draining_,
                              .observer = log.observer()};
  engine::PassResult result = engine::run_pass(*task.converger, context);
  log.result(task.job, result);
  std::optional<std::chrono::microseconds> lag;
  if (task.job.notified && result.changes > 0) {
    lag = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - *task.job.notified);
  }
  parts_.metrics.pass(result, lag);
  if (result.error) {
    parts_.link.suspect();
    parts_.failed(*result.error);
  }
  parts_.ended(result);
  return result;
}

}  // namespace converge::daemon
