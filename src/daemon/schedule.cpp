#include "src/daemon/schedule.h"

#include <algorithm>
#include <utility>

namespace converge::daemon {

namespace {

/// More subjects than this are found quicker by a whole pass.
constexpr std::size_t kMostSubjects = 1000;

constexpr std::chrono::milliseconds kFirstSoon{100};
constexpr std::chrono::milliseconds kLongestSoon{5'000};
constexpr std::chrono::milliseconds kFirstLater{1'000};
constexpr std::chrono::milliseconds kLongestLater{60'000};

}  // namespace

void Schedule::define(const std::map<Unit, Timing>& units, Time now) {
  for (auto& [unit, entry] : entries_) {
    if (!units.contains(unit))
      entry = {.owned_since = entry.owned_since, .owned = entry.owned, .running = entry.running};
  }
  std::erase_if(entries_, [&](const auto& known) {
    return !units.contains(known.first) && !known.second.owned && !known.second.running;
  });
  for (const auto& [unit, timing] : units) {
    Entry& entry = entries_[unit];
    const bool sooner = timing.every && (!entry.due || *entry.due > now + *timing.every);
    const bool changed = !entry.defined || entry.timing.version != timing.version;
    entry.defined = true;
    entry.timing = timing;
    if (changed) wake_whole_entry(entry, now);
    if (sooner) entry.due = now;
    if (!timing.every) entry.due.reset();
    if (timing.by_hand) entry.woken.reset();
  }
}

void Schedule::wake_entry(Entry& entry, const std::string& payload, Time now) {
  if (entry.timing.by_hand) return;
  if (!entry.woken) entry.woken = now;
  if (payload.empty() || !entry.timing.narrows || entry.whole) {
    entry.whole = true;
  } else {
    entry.subjects.insert(payload);
    entry.whole = entry.subjects.size() > kMostSubjects;
  }
  if (entry.whole) entry.subjects.clear();
}

void Schedule::wake_whole_entry(Entry& entry, Time now) {
  wake_entry(entry, "", now);
  if (entry.owed) entry.owed = now;
  entry.not_before = now;
  entry.attempts = 0;
}

/// For a pass that did not answer the wake-ups that it was run for.
void Schedule::wake_again(Entry& entry, const Job& job) {
  if (job.subjects.empty()) wake_entry(entry, "", *job.woken);
  for (const auto& subject : job.subjects) wake_entry(entry, subject, *job.woken);
  entry.woken = job.woken;  // Before any that came during the pass.
  if (job.notified) entry.notified = job.notified;
}

template <typename Visit>
void Schedule::for_each(const std::string& converger, const Visit& visit) {
  auto entry = entries_.lower_bound(Unit{.converger = converger, .shard = 0, .shards = 0});
  for (; entry != entries_.end() && entry->first.converger == converger; ++entry) {
    visit(entry->second);
  }
}

void Schedule::wake(const std::string& converger, const std::string& payload, Time now) {
  for_each(converger, [&](Entry& entry) {
    wake_entry(entry, payload, now);
    if (entry.owned && !entry.notified) entry.notified = now;
  });
}

void Schedule::wake_whole(const std::string& converger, Time now) {
  for_each(converger, [&](Entry& entry) { wake_whole_entry(entry, now); });
}

bool Schedule::owe(const std::set<std::string>& convergers, Time now) {
  bool any = false;
  for (auto& [unit, entry] : entries_) {
    if (!convergers.contains(unit.converger)) {
      entry.owed.reset();
      entry.owed_attempts = 0;
    } else if (entry.defined && !entry.owed && !entry.running) {
      entry.owed = now;
      any = true;
    }
  }
  return any;
}

void Schedule::wake_all(Time now) {
  for (auto& [unit, entry] : entries_) wake_whole_entry(entry, now);
}

void Schedule::own(const Unit& unit, bool owned, Time now) {
  Entry& entry = entries_[unit];
  if (entry.owned == owned) return;
  entry.owned = owned;
  entry.owned_since = now;
  entry.notified.reset();  // The other host answers, or has answered.
  if (owned) wake_whole_entry(entry, now);
}

std::optional<Schedule::Time> Schedule::owned_since(const Unit& unit) const {
  const auto found = entries_.find(unit);
  if (found == entries_.end() || !found->second.owned) return std::nullopt;
  return found->second.owned_since;
}

/// When a pass that looks for what is new is due; nullopt: not before something happens.
std::optional<Schedule::Time> Schedule::whole_at(const Entry& entry) {
  if (!entry.owned || (!entry.woken && !entry.due)) return std::nullopt;
  return std::min(entry.woken.value_or(Time::max()), entry.due.value_or(Time::max()));
}

/// When a unit that is not running can be run.
std::optional<Schedule::Time> Schedule::ready_at(const Entry& entry) {
  if (!entry.defined || entry.running) return std::nullopt;
  const auto whole = whole_at(entry);
  if (!whole && !entry.owed) return std::nullopt;
  const Time ready = whole ? std::max(*whole, entry.not_before) : Time::max();
  return std::min(ready, entry.owed.value_or(Time::max()));
}

bool Schedule::is_urgent(const Entry& entry, Time now) {
  return entry.woken || (entry.due && entry.timing.every && now - *entry.due > *entry.timing.every);
}

std::optional<Job> Schedule::take(Time now) {
  auto best = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    const auto ready = ready_at(entry->second);
    if (!ready || *ready > now) continue;
    const auto rank = [now](const Entry& one) {
      return std::pair(!is_urgent(one, now), *ready_at(one));
    };
    if (best == entries_.end() || rank(entry->second) < rank(best->second)) best = entry;
  }
  if (best == entries_.end()) return std::nullopt;
  Entry& entry = best->second;
  entry.running = true;
  if (entry.owed && *entry.owed <= now) entry.owed.reset();  // Any pass carries it out.
  const auto whole_at = Schedule::whole_at(entry);
  if (!whole_at || std::max(*whole_at, entry.not_before) > now)
    return Job{.unit = best->first, .only_owed = true};
  // What is due anyway is looked at as a whole.
  const bool whole = entry.whole || (entry.due && *entry.due <= now);
  Job job{.unit = best->first,
          .subjects = {},
          .woken = entry.woken,
          .notified = std::exchange(entry.notified, std::nullopt)};
  if (!whole) job.subjects.assign(entry.subjects.begin(), entry.subjects.end());
  entry.woken.reset();
  entry.whole = false;
  entry.subjects.clear();
  return job;
}

void Schedule::finish(const Job& job, const Finish& finish, Time now) {
  const auto found = entries_.find(job.unit);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.running = false;
  if (!entry.defined) return;  // It was removed meanwhile.
  if (job.only_owed) return finish_owed(entry, finish, now);
  if (finish.retry != Finish::Retry::no) {
    entry.not_before = now + backoff(finish.retry, entry.attempts++);
    if (job.woken) {
      wake_again(entry, job);
    } else if (finish.retry == Finish::Retry::later && entry.timing.every) {
      entry.due = now + *entry.timing.every;  // What is due already stays so.
    }
    return;
  }
  entry.attempts = 0;
  if (finish.whole) {
    wake_entry(entry, "", job.woken.value_or(now));
    if (job.notified) entry.notified = job.notified;
    return;
  }
  if (job.subjects.empty()) {
    entry.due.reset();
    if (entry.timing.every) entry.due = now + jittered(*entry.timing.every);
  }
  if (!finish.again) return;
  entry.due = std::min(entry.due.value_or(Time::max()), now + *finish.again);
  entry.owed = now + *finish.again;  // What it left owing waits for that.
}

/// What is still owed after it, and waits for nothing, may be another host's shard, or held.
void Schedule::finish_owed(Entry& entry, const Finish& finish, Time now) {
  if (finish.carried_out) entry.owed_attempts = 0;
  if (finish.again) {
    entry.owed = now + *finish.again;
  } else if (!finish.carried_out || finish.retry != Finish::Retry::no) {
    const bool soon = finish.retry == Finish::Retry::soon;
    entry.owed =
        now + backoff(soon ? Finish::Retry::soon : Finish::Retry::later, entry.owed_attempts++);
  }
}

std::optional<Schedule::Time> Schedule::next() const {
  std::optional<Time> first;
  for (const auto& [unit, entry] : entries_) {
    const auto ready = ready_at(entry);
    if (ready && (!first || *ready < *first)) first = ready;
  }
  return first;
}

std::optional<Schedule::Time> Schedule::due(const Unit& unit) const {
  const auto found = entries_.find(unit);
  return found == entries_.end() ? std::nullopt : ready_at(found->second);
}

/// Never later than the definition says, so that a pass is overdue only when something is wrong.
std::chrono::milliseconds Schedule::jittered(std::chrono::milliseconds every) {
  const std::int64_t most = every.count() / 10;
  return every -
         std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(0, most)(random_));
}

std::chrono::milliseconds Schedule::backoff(Finish::Retry retry, int attempts) {
  const bool soon = retry == Finish::Retry::soon;
  const auto ceiling = std::min((soon ? kFirstSoon : kFirstLater) * (1 << std::min(attempts, 10)),
                                soon ? kLongestSoon : kLongestLater);
  return std::chrono::milliseconds(
      std::uniform_int_distribution<std::int64_t>(ceiling.count() / 2, ceiling.count())(random_));
}

}  // namespace converge::daemon
