#include "src/daemon/survey.h"

#include "src/base/clock.h"
#include "src/engine/condition.h"

#include <algorithm>

namespace converge::daemon {

namespace {

std::int64_t wall_us(Clock::time_point time, std::int64_t now_us) {
  return now_us +
         std::chrono::duration_cast<std::chrono::microseconds>(time - Clock::now()).count();
}

/// What the units of a converger say of it, and since when this host owns the first of them.
std::int64_t add_units(ConvergerOverview& one, const std::map<Unit, UnitState>& units,
                       std::int64_t now_us) {
  std::int64_t since_us = 0;
  for (const auto& [unit, state] : units) {
    if (unit.converger != one.name) continue;
    if (state.owned_since) {
      const std::int64_t owned_us = wall_us(*state.owned_since, now_us);
      since_us = since_us == 0 ? owned_us : std::min(since_us, owned_us);
    }
    one.running = one.running || state.running;
    if (!state.due) continue;
    const std::int64_t due_us = std::max(wall_us(*state.due, now_us), now_us);
    one.next_us = std::min(one.next_us.value_or(due_us), due_us);
  }
  one.owned = since_us != 0;
  return since_us;
}

void add_memory(ConvergerOverview& one, const journal::State& state) {
  if (const auto last = state.last_passes.find(one.name); last != state.last_passes.end()) {
    one.last_pass_us = last->second.time_us;
    one.last_outcome = last->second.outcome;
    if (last->second.completed_us != 0) one.last_completed_us = last->second.completed_us;
    if (last->second.correction_us != 0) one.last_correction_us = last->second.correction_us;
  }
  if (const auto hold = state.holds.find(one.name); hold != state.holds.end()) {
    one.hold_digest = hold->second.digest;
    one.hold_inconsistencies = hold->second.inconsistencies;
    one.hold_allowed = hold->second.allowed;
  }
}

/// One that no pass can be run of.
ConvergerOverview unusable(const std::string& name, const journal::State& state, bool broken) {
  ConvergerOverview one;
  one.name = name;
  one.state = broken ? "broken" : "undefined";
  one.owing = engine::owing_without_definition(name, state, broken);
  return one;
}

}  // namespace

std::vector<ConvergerOverview> survey(const Passes& passes, journal::State state,
                                      std::int64_t now_us, bool able) {
  passes.add_last(state.last_passes);
  const auto units = passes.units();
  std::vector<ConvergerOverview> all;
  for (const auto& [name, profile] : passes.profiles()) {
    ConvergerOverview one;
    one.name = name;
    one.version = profile.version;
    one.description = profile.description;
    one.schedule = engine::schedule_text(profile.settings);
    one.every = profile.settings.every;
    const std::int64_t since_us = add_units(one, units, now_us);
    const engine::Watch watch{
        .since_us = since_us, .running = one.running, .elsewhere = able && !one.owned};
    const engine::Condition condition =
        engine::condition_of(profile.settings, name, state, now_us, watch);
    one.state = condition.state;
    one.why = condition.why;
    one.resolve = condition.resolve;
    one.quarantined = condition.quarantined;
    one.owing = condition.owing;
    add_memory(one, state);
    all.push_back(std::move(one));
  }
  const auto find = [&](const std::string& name) {
    return std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
  };
  for (const convergers::Broken& broken : passes.broken()) {
    const auto in_force = find(broken.name);
    if (in_force != all.end()) {
      in_force->file_error = broken.error.what();
      continue;
    }
    ConvergerOverview one = unusable(broken.name, state, true);
    one.why = broken.error.what();
    one.resolve = "converge check " + broken.name;
    all.push_back(std::move(one));
  }
  for (const auto& owed : state.owed) {
    if (find(owed.first) == all.end()) all.push_back(unusable(owed.first, state, false));
  }
  return all;
}

}  // namespace converge::daemon
