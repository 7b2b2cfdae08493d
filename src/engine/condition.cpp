#include "src/engine/condition.h"

#include "src/base/clock.h"
#include "src/base/shell.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

namespace converge::engine {
namespace {

using journal::Quarantined;

/// A daemon tells the journal of passes that changed nothing only now and then.
constexpr std::chrono::seconds kLeastSilence{15};

std::vector<Quarantined> quarantined_of(const journal::State& state, const std::string& name) {
  std::vector<Quarantined> subjects;
  std::copy_if(state.quarantined.begin(), state.quarantined.end(), std::back_inserter(subjects),
               [&](const Quarantined& subject) { return subject.converger == name; });
  return subjects;
}

const journal::LastPass* last_pass_of(const journal::State& state, const std::string& name) {
  const auto found = state.last_passes.find(name);
  return found == state.last_passes.end() ? nullptr : &found->second;
}

void tell_hold(Condition& condition, const std::string& name, const journal::Hold& hold) {
  condition.state = "held";
  condition.since_us = hold.since_us;
  condition.why = fmt::format("a limit of {} stopped {} inconsistencies at {}", hold.allowed,
                              hold.inconsistencies, format_local(hold.since_us));
  condition.resolve = fmt::format("converge release {}{}{}", shell_word(name),
                                  hold.digest.empty() ? "" : " ", hold.digest);
}

std::string quarantine_text(const std::vector<Quarantined>& subjects) {
  const Quarantined& first = subjects.front();
  const std::string example =
      first.message.empty() ? first.subject : fmt::format("{}: {}", first.subject, first.message);
  return subjects.size() == 1
             ? fmt::format("1 subject is in quarantine, {}", example)
             : fmt::format("{} subjects are in quarantine, such as {}", subjects.size(), example);
}

void tell_failure(Condition& condition, const std::string& name, const journal::LastPass& last,
                  const std::vector<Quarantined>& subjects) {
  condition.state = "failing";
  condition.since_us = last.time_us;
  condition.why = last.failures > 1 ? fmt::format("its last {} passes failed", last.failures)
                                    : "its last pass failed";
  if (!last.message.empty()) {
    condition.why += ": " + last.message;
  } else if (!subjects.empty()) {
    condition.why += ": " + quarantine_text(subjects);
  }
  condition.resolve = "converge journal --converger " + shell_word(name);
}

bool is_silent(const Settings& settings, const journal::LastPass* last, const Watch& watch,
               std::int64_t now_us) {
  if (!settings.every || watch.running || watch.elsewhere) return false;
  const auto since_us = std::max(last == nullptr ? 0 : last->time_us, watch.since_us);
  const auto longest = std::max<std::chrono::microseconds>(3 * *settings.every, kLeastSilence);
  return since_us != 0 && now_us - since_us > longest.count();
}

void tell_silence(Condition& condition, const std::string& name, const Settings& settings,
                  const journal::LastPass* last, const Watch& watch) {
  condition.state = "silent";
  condition.since_us = last == nullptr ? watch.since_us : last->time_us;
  condition.why = fmt::format(
      "{} {}, and one is due every {}",
      last == nullptr ? "no pass has ended since it came to this host at" : "its last pass was at",
      format_local(condition.since_us), format_duration(*settings.every));
  condition.resolve = "converge run " + shell_word(name);
}

/// One that a shell's line cannot show is named with all others.
std::string how_to_retry(const std::string& name, const std::vector<Quarantined>& subjects) {
  const std::string& key = subjects.front().subject;
  if (subjects.size() > 1 || printable(key) != key) {
    return fmt::format("converge retry {} --all", shell_word(name));
  }
  return fmt::format("converge retry {} {}{}", shell_word(name), key.starts_with('-') ? "-- " : "",
                     shell_word(key));
}

void tell_quarantine(Condition& condition, const std::string& name,
                     const std::vector<Quarantined>& subjects) {
  const auto oldest =
      std::min_element(subjects.begin(), subjects.end(),
                       [](const auto& a, const auto& b) { return a.since_us < b.since_us; });
  condition.since_us = oldest->since_us;
  condition.why = quarantine_text(subjects);
  condition.resolve = how_to_retry(name, subjects);
}

}  // namespace

Condition condition_of(const Settings& settings, const std::string& name,
                       const journal::State& state, std::int64_t now_us, const Watch& watch) {
  const auto subjects = quarantined_of(state, name);
  const auto* last = last_pass_of(state, name);
  const auto hold = state.holds.find(name);
  Condition condition;
  condition.state = last == nullptr ? "new" : "ready";
  condition.quarantined = static_cast<std::int64_t>(subjects.size());
  condition.owing = owing_of(settings, name, state, now_us, watch.running);
  if (const auto pause = journal::pause_in_force(state.pauses, name, now_us)) {
    condition.state = "paused";
    condition.since_us = pause->since_us;
    condition.why = pause_text(*pause);
    condition.resolve = resume_command(*pause);
    condition.needs_person = condition.owing.needs_person;
    return condition;
  }
  if (hold != state.holds.end() && !hold->second.released) {
    tell_hold(condition, name, hold->second);
  } else if (last != nullptr && last->outcome == "failed" && !watch.elsewhere) {
    tell_failure(condition, name, *last, subjects);
  } else if (is_silent(settings, last, watch, now_us)) {
    tell_silence(condition, name, settings, last, watch);
  } else if (!subjects.empty()) {
    tell_quarantine(condition, name, subjects);
  }
  condition.needs_person =
      needs_person(condition.state, condition.quarantined) || condition.owing.needs_person;
  return condition;
}

bool needs_person(std::string_view state, std::int64_t quarantined) {
  if (state == "paused") return false;
  return quarantined > 0 || state == "held" || state == "failing" || state == "silent" ||
         state == "broken";
}

std::string pause_text(const journal::Pause& pause) {
  return fmt::format(
      "{} paused {} at {}{}: {}", pause.actor, pause.converger.empty() ? "all convergers" : "it",
      format_local(pause.since_us),
      pause.until_us == 0 ? "" : fmt::format(", until {}", format_local(pause.until_us)),
      pause.reason);
}

std::string resume_command(const journal::Pause& pause) {
  return "converge resume " + (pause.converger.empty() ? "--all" : shell_word(pause.converger));
}

}  // namespace converge::engine
