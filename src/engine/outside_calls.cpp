#include "src/engine/outside_calls.h"

#include "src/base/digest.h"
#include "src/base/fault.h"
#include "src/base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <thread>
#include <utility>

namespace converge::engine {

namespace {

constexpr std::size_t kKeyBytes = 16;

/// Deadlines are waited for in whole ones of these.
constexpr std::chrono::milliseconds kTimerStep{2};

/// An answer as the detail of an outcome. What came back may quote a value that is redacted.
std::string detail_of(const Answer& answer, bool redacts) {
  std::string json =
      fmt::format(R"({{"duration_ms":{:.1f})", static_cast<double>(answer.duration.count()) / 1000);
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) json += fmt::format(R"(,"{}":)", name) + json_string(value);
  };
  add("status", answer.status);
  add("message", answer.message);
  if (!redacts) {
    add("output", answer.output);
    if (answer.output_cut) json += R"(,"output_cut":true)";
  }
  return json + "}";
}

journal::Outcome outcome_of(const Answer& answer) {
  if (answer.succeeded) return journal::Outcome::committed;
  return answer.in_doubt ? journal::Outcome::unknown : journal::Outcome::failed;
}

}  // namespace

std::string attempt_key(const std::string& key, const OutsideStep& step) {
  return fmt::format("{}-{}", key, hex(sha256(step.settings().title)).substr(0, 8));
}

bool is_recent(const std::optional<journal::LastOutside>& last, std::chrono::milliseconds repeat) {
  if (!last || last->done_us == 0) return false;
  const std::int64_t age_us = wall_time_us() - last->done_us;
  // A clock that was set back must not stop it for longer than `repeat`.
  return age_us >= 0 && age_us < std::chrono::microseconds(repeat).count();
}

OutsideCalls::OutsideCalls(PassState& state, std::size_t step, Underway& underway)
    : state_(state),
      step_(*state.converger().outside()[step]),
      underway_(underway),
      fates_(underway.size(), Fate::not_due) {}

std::vector<Fate> OutsideCalls::run() {
  const std::lock_guard one_chunk_at_a_time(state_.calls());
  choose();
  if (rows_.empty()) return std::move(fates_);
  const auto parallel = static_cast<std::size_t>(state_.converger().profile().settings.parallel);
  {
    std::vector<std::jthread> threads;
    for (std::size_t thread = 1; thread < std::min(parallel, rows_.size()); ++thread) {
      threads.emplace_back([this] { work(); });
    }
    work();
  }
  if (error_) std::rethrow_exception(error_);
  return std::move(fates_);
}

void OutsideCalls::choose() {
  const bool for_found = step_.settings().acts_for == ActsFor::found;
  if (for_found) last_ = state_.last_outside(step_, underway_.subjects);
  for (std::size_t row = 0; row < underway_.size(); ++row) {
    const Underway::Subject& subject = underway_.each[row];
    if (for_found ? !subject.found : subject.owed.empty()) continue;
    if (for_found && is_recent(last_[row], step_.settings().repeat)) {
      fates_[row] = Fate::done_before;
      continue;
    }
    fates_[row] = Fate::left;
    rows_.push_back(row);
  }
}

void OutsideCalls::work() {
  try {
    while (true) {
      {
        const std::lock_guard lock(mutex_);
        if (error_) return;
      }
      const std::size_t index = next_++;
      if (index >= rows_.size() || state_.is_over()) return;
      fates_[rows_[index]] = attempt(rows_[index]);
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
  }
}

/// One step for one inconsistency has one key, whoever attempts it. What is done for all that are
/// found is done anew after each success.
std::string OutsideCalls::key_for(std::size_t row) const {
  const std::string& owed = underway_.each[row].owed;
  if (step_.settings().acts_for == ActsFor::changed) return attempt_key(owed, step_);
  if (last_[row] && last_[row]->done_us == 0) return last_[row]->key;
  return attempt_key(hex(random_bytes(kKeyBytes)), step_);
}

Fate OutsideCalls::attempt(std::size_t row) {
  const Converger& converger = state_.converger();
  const SubjectRow subject(converger.columns(), converger.column_types(), underway_.subjects, row);
  journal::Attempt attempt{.title = step_.settings().title,
                           .subject = std::string(subject.key()),
                           .label = state_.recorder().label(underway_.subjects, row),
                           .request = {},
                           .key = key_for(row)};
  try {
    attempt.request = step_.describe(subject, converger.profile().settings.redact);
  } catch (const Error& error) {
    tell_failure(row, error, {}, {});
    return Fate::failed;
  }
  Answer answer = call(subject, attempt, false);
  // A service may close a connection at any time that nobody uses: that is no failure of its own.
  if (answer.lost_kept_connection) answer = call(subject, attempt, true);
  if (answer.cut_short) return Fate::left;
  if (!answer.succeeded) {
    tell_failure(row, Error(ErrorKind::failure, answer.message, answer.hint), answer.status,
                 answer.retry_after);
    return Fate::failed;
  }
  if (!std::exchange(underway_.each[row].counted, true)) {
    if (underway_.each[row].owed.empty()) {
      state_.corrected({.subject = attempt.subject, .label = attempt.label, .detail = {}});
    } else {
      state_.carried_out();
    }
  }
  return Fate::succeeded;
}

Answer OutsideCalls::call(const SubjectRow& subject, const journal::Attempt& attempt,
                          bool fresh_connection) {
  const bool for_found = step_.settings().acts_for == ActsFor::found;
  state_.require_locks();
  journal::Journal& journal = *state_.context().journal;
  fault_point("outside.before_attempt");
  const auto seq = journal.begin_attempt(state_.pass(), state_.definition(), attempt, for_found);
  fault_point("outside.after_attempt");
  Answer answer;
  const auto timeout = state_.statement_timeout();
  try {
    answer = step_.attempt(
        subject, {.key = attempt.key, .timeout = timeout, .fresh_connection = fresh_connection});
  } catch (const Error& error) {
    answer.message = error.what();  // Before anything was sent.
    answer.hint = error.hint();
  }
  fault_point("outside.after_call");
  const auto done =
      for_found ? journal::AttemptState::found_done : journal::AttemptState::owed_done;
  const bool redacts = !state_.converger().profile().settings.redact.empty();
  journal.end_attempt(state_.pass(), state_.definition(), seq, outcome_of(answer),
                      detail_of(answer, redacts), attempt,
                      answer.succeeded ? done : journal::AttemptState::nothing);
  const bool is_hurried = timeout < state_.converger().profile().settings.timeout;
  const bool is_late = answer.in_doubt || answer.duration + kTimerStep >= timeout;
  answer.cut_short = !answer.succeeded && is_hurried && is_late;
  return answer;
}

void OutsideCalls::tell_failure(std::size_t row, const Error& error, const std::string& status,
                                std::optional<std::chrono::milliseconds> retry_after) {
  const Error named = error.within("step " + step_.settings().title);
  std::string detail = R"({"title":)" + json_string(step_.settings().title);
  if (!status.empty()) detail += R"(,"status":)" + json_string(status);
  detail += R"(,"message":)" + json_string(named.what()) + "}";
  journal::Quarantined subject = state_.quarantined(underway_.subjects, row, named);
  if (retry_after) {
    subject.next_us = wall_time_us() + std::chrono::microseconds(*retry_after).count();
  }
  state_.failed(std::move(subject), named, detail);
}

}  // namespace converge::engine
