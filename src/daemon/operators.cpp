#include "src/daemon/operators.h"

#include "journal/watch.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"

#include <algorithm>

namespace converge::daemon {

namespace {

/// The daemon's own entries change the file as well; it is not read for each of them.
constexpr std::chrono::milliseconds kShortest{200};

/// A pause ends without any change of the file.
constexpr std::chrono::milliseconds kLongest{900};

enum class Held { no, yes, released };

Held held_in(const journal::State& state, const std::string& name) {
  const auto hold = state.holds.find(name);
  if (hold == state.holds.end()) return Held::no;
  return hold->second.released ? Held::released : Held::yes;
}

/// The subjects that are to be tried in the next pass.
std::set<std::string> to_retry(const journal::State& state, const std::string& name) {
  std::set<std::string> subjects;
  for (const auto& one : state.quarantined) {
    if (one.converger == name && one.next_us == 0) subjects.insert(one.subject);
  }
  return subjects;
}

std::set<std::string> owing_in(const journal::State& state) {
  std::set<std::string> names;
  for (const auto& [name, total] : state.owed) {
    if (total.committed > 0) names.insert(name);
  }
  return names;
}

/// With a pause of its own even where no such converger is known here: other hosts may have it.
std::set<std::string> paused_in(const journal::State& state, std::set<std::string> all,
                                std::int64_t now_us) {
  for (const auto& pause : state.pauses) {
    if (!pause.converger.empty()) all.insert(pause.converger);
  }
  std::erase_if(all, [&](const std::string& name) {
    return !journal::pause_in_force(state.pauses, name, now_us);
  });
  return all;
}

}  // namespace

std::set<std::string> let_go(const journal::State& before, std::int64_t before_us,
                             const journal::State& now, std::int64_t now_us,
                             const std::set<std::string>& all) {
  std::set<std::string> names;
  for (const std::string& name : all) {
    const bool paused_then = journal::pause_in_force(before.pauses, name, before_us).has_value();
    const bool paused_now = journal::pause_in_force(now.pauses, name, now_us).has_value();
    const auto retried = to_retry(now, name);
    const auto known = to_retry(before, name);
    const bool retry = !std::includes(known.begin(), known.end(), retried.begin(), retried.end());
    // The hold may have come and been released since.
    const Held then = held_in(before, name);
    const Held held = held_in(now, name);
    const bool released = held != then && (held == Held::released || then == Held::yes);
    if ((paused_then && !paused_now) || released || retry) names.insert(name);
  }
  return names;
}

Operators::Operators(std::filesystem::path journal, OperatorEvents events)
    : journal_(std::move(journal)), events_(std::move(events)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

journal::State Operators::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::int64_t Operators::head_seq() const {
  const std::lock_guard lock(mutex_);
  return head_seq_;
}

void Operators::look(journal::Reader& reader) {
  journal::State now = reader.state();
  const std::int64_t head_seq = reader.head().seq;
  const std::int64_t now_us = wall_time_us();
  const std::set<std::string> owing = owing_in(now);
  const std::set<std::string> all = events_.names();
  std::set<std::string> paused = paused_in(now, all, now_us);
  std::set<std::string> names;
  {
    const std::lock_guard lock(mutex_);
    names = daemon::let_go(state_, read_us_ == 0 ? now_us : read_us_, now, now_us, all);
    state_ = std::move(now);
    read_us_ = now_us;
    head_seq_ = head_seq;
  }
  events_.paused(std::move(paused));
  for (const std::string& name : names) {
    log(LogLevel::notice, "a pause, a hold or a quarantine is over: it goes on at once",
        {{"converger", name}});
    events_.let_go(name);
  }
  events_.owing(owing);
}

/// Sleeps, but not when it is to stop.
void Operators::pause(const std::stop_token& stop, std::chrono::milliseconds duration) {
  std::unique_lock lock(mutex_);
  never_.wait_for(lock, stop, duration, [] { return false; });
}

/// Looks whenever the journal has changed, until it is to stop or the file is another one.
void Operators::look_on(const std::stop_token& stop) {
  journal::Watch watch(journal_);
  const std::stop_callback interrupt(stop, [&watch] { watch.interrupt(); });
  journal::Reader reader(journal_);
  while (!stop.stop_requested() && reader.is_current()) {
    look(reader);
    pause(stop, kShortest);
    if (!stop.stop_requested()) watch.wait(kLongest - kShortest);
  }
}

void Operators::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    try {
      look_on(stop);
    } catch (const Error&) {
      pause(stop, kLongest);  // Whoever writes the journal tells what is wrong with it.
    }
  }
}

}  // namespace converge::daemon
