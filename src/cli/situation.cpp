#include "src/cli/situation.h"

#include "src/base/clock.h"
#include "src/base/process.h"
#include "src/base/text.h"
#include "src/cli/condition_text.h"
#include "src/cli/history.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <span>

namespace converge::cli {

namespace {

Daemon look_for_daemon(const journal::State& state) {
  Daemon daemon;
  daemon.service = state.service;
  daemon.alive = state.service && is_alive(state.service->process);
  if (!daemon.alive || state.service->address.empty()) return daemon;
  try {
    daemon.status = ask_daemon(state.service->address);
  } catch (const Error& error) {
    daemon.silence = error.what();
  }
  return daemon;
}

void add_memory(Converger& one, const journal::State& state) {
  const auto last = state.last_passes.find(one.name);
  if (last == state.last_passes.end()) return;
  one.last_pass_us = last->second.time_us;
  one.last_outcome = last->second.outcome;
  one.last_correction_us = last->second.correction_us;
}

void add_live(Converger& one, const LiveConverger& live) {
  one.version = live.version;
  one.schedule = live.schedule.empty() ? one.schedule : live.schedule;
  // A pause and a hold are in the journal before the daemon has seen them there.
  if (one.condition.state != "paused" && one.condition.state != "held") {
    one.condition.state = live.state;
    one.condition.why = live.why;
    one.condition.resolve = live.resolve;
    one.condition.quarantined = live.quarantined;
    one.condition.needs_person =
        engine::needs_person(live.state, live.quarantined) || one.condition.owing.needs_person;
  }
  one.running = live.running;
  one.owned = live.owned;
  one.next_us = live.next_us.value_or(0);
  one.last_pass_us = live.last_pass_us.value_or(one.last_pass_us);
  if (!live.last_outcome.empty()) one.last_outcome = live.last_outcome;
}

/// One whose file is good.
Converger look_at(const engine::Profile& profile, const Situation& situation,
                  const LiveConverger* live, std::int64_t now_us) {
  Converger one{
      .name = profile.name,
      .profile = &profile,
      .version = profile.version,
      .schedule = engine::schedule_text(profile.settings),
      .condition = engine::condition_of(profile.settings, profile.name, situation.state, now_us,
                                        {.running = live != nullptr && live->running})};
  add_memory(one, situation.state);
  if (one.last_pass_us != 0 && profile.settings.every) {
    one.next_us = one.last_pass_us + std::chrono::microseconds(*profile.settings.every).count();
  }
  if (!situation.daemon.status) return one;
  if (live == nullptr || live->state == "broken") {
    one.file = FileState::unread;
    one.next_us = 0;
    return one;
  }
  add_live(one, *live);
  if (live->version != profile.version) one.file = FileState::changed;
  return one;
}

/// One that the daemon runs without a good file.
Converger look_at(const std::string& name, const LiveConverger& live,
                  const convergers::Broken* broken, const journal::State& state,
                  std::int64_t now_us) {
  Converger one{.name = name,
                .broken = broken,
                .file = broken == nullptr ? FileState::gone : FileState::broken};
  add_memory(one, state);
  // Its settings are the daemon's to know.
  one.condition.owing = engine::owing_of({}, name, state, now_us, live.running);
  add_live(one, live);
  return one;
}

std::string file_notice(const Converger& one) {
  const auto tell = [&](std::string_view what) {
    return fmt::format("{}: {}. Let it read again: `systemctl reload converged`.",
                       printable(one.name), what);
  };
  switch (one.file) {
    case FileState::broken: {
      const std::string message = one.broken->error.what();
      return fmt::format(
          "{0}: its file is broken, and its last good version stays in force: {1}. Look with "
          "`converge check {0}`.",
          printable(one.name), printable(message.substr(0, message.find('\n'))));
    }
    case FileState::changed:
      return tell("its file has changed since the daemon read it");
    case FileState::gone:
      return tell("its file is gone, and the daemon still runs it");
    case FileState::unread:
      return tell("the daemon has not read its file");
    case FileState::same:
      break;
  }
  return "";
}

std::string_view word_of(FileState file) {
  switch (file) {
    case FileState::broken:
      return "broken";
    case FileState::changed:
      return "changed";
    case FileState::gone:
      return "gone";
    case FileState::unread:
      return "unread";
    case FileState::same:
      break;
  }
  return "";
}

/// What those owe that have no definition, and run nowhere.
void add_undefined(Situation& situation) {
  const auto is_of = [](const std::string& name) {
    return [&name](const auto& one) { return one.name == name; };
  };
  const auto any = [](const auto& all, const auto& condition) {
    return std::any_of(all.begin(), all.end(), condition);
  };
  for (const auto& [name, total] : situation.state.owed) {
    if (any(situation.convergers, is_of(name)) || any(situation.unusable, is_of(name))) continue;
    situation.unusable.push_back(
        {.name = name, .owing = engine::owing_without_definition(name, situation.state, false)});
  }
}

bool is_known(const std::string& name, const journal::State& state) {
  return state.last_passes.contains(name) || state.holds.contains(name) ||
         std::any_of(state.quarantined.begin(), state.quarantined.end(),
                     [&](const auto& subject) { return subject.converger == name; });
}

}  // namespace

bool Daemon::needs_person() const {
  return is_dead() || !silence.empty() ||
         (status && (!status->connected || !status->trouble.empty()));
}

Situation look_around(const config::Config& config) {
  Situation situation{.registry = convergers::load_registry(config),
                      .state = remember(config.journal)};
  situation.daemon = look_for_daemon(situation.state);
  const auto now_us = wall_time_us();
  std::map<std::string, LiveConverger> live;
  if (situation.daemon.status) live = situation.daemon.status->convergers;
  for (const auto& converger : situation.registry.convergers) {
    const auto known = live.extract(converger->profile().name);
    situation.convergers.push_back(look_at(converger->profile(), situation,
                                           known.empty() ? nullptr : &known.mapped(), now_us));
  }
  for (const auto& broken : situation.registry.broken) {
    const auto known = live.extract(broken.name);
    if (known.empty() || known.mapped().state == "broken") {
      situation.unusable.push_back(
          {.name = broken.name,
           .broken = &broken,
           .owing = engine::owing_without_definition(broken.name, situation.state, true)});
    } else {
      situation.convergers.push_back(
          look_at(broken.name, known.mapped(), &broken, situation.state, now_us));
    }
  }
  for (const auto& [name, one] : live) {
    if (one.state == "undefined") continue;  // The journal has told of it.
    situation.convergers.push_back(look_at(name, one, nullptr, situation.state, now_us));
  }
  add_undefined(situation);
  return situation;
}

std::vector<std::string> notices_of(const Converger& converger) {
  std::vector<std::string> notices = {notice_of(printable(converger.name), converger.condition),
                                      file_notice(converger)};
  std::erase(notices, "");
  const auto owed = notices_of(printable(converger.name), converger.condition.owing);
  notices.insert(notices.end(), owed.begin(), owed.end());
  return notices;
}

JsonObject converger_json(const Converger& converger, const journal::State& state) {
  const auto* settings = converger.profile == nullptr ? nullptr : &converger.profile->settings;
  JsonObject line =
      converger_json(converger.name, converger.version, settings, converger.condition, state);
  if (converger.file != FileState::same) line.add("file", word_of(converger.file));
  return line;
}

JsonObject unusable_json(const Unusable& one) {
  JsonObject line;
  line.add("converger", one.name).add("state", one.state());
  if (one.broken != nullptr) line.add("message", one.broken->error.what());
  engine::add_members(line, one.owing);
  return line;
}

void require_known(const config::Config& config, const std::string& name) {
  const auto registry = convergers::load_registry(config);
  const auto names = registry.names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  const auto state = remember(config.journal);
  if (is_known(name, state)) return;
  const auto daemon = look_for_daemon(state);
  if (daemon.status && daemon.status->convergers.contains(name)) return;
  convergers::require_known(registry, std::span(&name, 1));
}

}  // namespace converge::cli
