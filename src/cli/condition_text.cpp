#include "src/cli/condition_text.h"

#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/cli/summary.h"

#include <fmt/core.h>

namespace converge::cli {

namespace {

/// What a person does about it.
std::string advice(const std::string& name, const engine::Condition& condition) {
  const std::string command = printable(condition.resolve);
  if (condition.state == "paused") return fmt::format("To let it go on: `{}`.", command);
  if (condition.state == "held") {
    return fmt::format("Look with `converge plan {}`; to let exactly this set through, once: `{}`.",
                       name, command);
  }
  if (condition.state == "failing") return fmt::format("Look with `{}`.", command);
  if (condition.state == "silent") {
    return fmt::format("Is the daemon or the timer running? By hand: `{}`.", command);
  }
  return fmt::format("Look with `converge show {}`; to try again at once: `{}`.", name, command);
}

void add_hold(JsonObject& line, const journal::Hold& hold) {
  line.add("digest", hold.digest)
      .add("inconsistencies", hold.inconsistencies)
      .add("allowed", hold.allowed);
}

}  // namespace

Style style_of_state(std::string_view state) {
  if (state == "ready") return Style::good;
  if (state == "new") return Style::plain;
  const bool bad =
      state == "failing" || state == "broken" || state == "silent" || state == "undefined";
  return bad ? Style::bad : Style::warning;
}

std::string time_or_dash(std::int64_t time_us) {
  return time_us == 0 ? "-" : format_local(time_us);
}

std::string notice_of(const std::string& name, const engine::Condition& condition) {
  if (condition.why.empty()) return "";
  const bool named = condition.state != "ready" && condition.state != "new";
  return fmt::format("{}{}: {}. {}", name, named ? " is " + condition.state : "",
                     printable(condition.why), advice(name, condition));
}

std::vector<std::string> notices_of(const std::string& name, const engine::Owing& owing) {
  std::vector<std::string> notices;
  for (const engine::Matter& matter : owing.matters) {
    notices.push_back(fmt::format(
        "{}: {}. {}{}.", name, printable(matter.why), matter.how,
        matter.resolve.empty() ? "" : fmt::format(": `{}`", printable(matter.resolve))));
  }
  return notices;
}

JsonObject converger_json(const std::string& name, const std::string& version,
                          const engine::Settings* settings, const engine::Condition& condition,
                          const journal::State& state) {
  JsonObject line;
  line.add("converger", name).add("version", version).add("state", condition.state);
  if (settings != nullptr) {
    line.add("every", settings->every ? format_duration(*settings->every) : "never");
  }
  line.add("quarantined", condition.quarantined);
  if (const auto last = state.last_passes.find(name); last != state.last_passes.end()) {
    line.add("last_pass", format_utc(last->second.time_us))
        .add("last_outcome", last->second.outcome)
        .add("failures", last->second.failures);
    if (last->second.correction_us != 0) {
      line.add("last_correction", format_utc(last->second.correction_us));
    }
  }
  if (condition.since_us != 0) line.add("since", format_utc(condition.since_us));
  if (!condition.why.empty()) line.add("why", condition.why).add("resolve", condition.resolve);
  engine::add_members(line, condition.owing);
  const auto hold = state.holds.find(name);
  if (hold != state.holds.end() && !hold->second.released) add_hold(line, hold->second);
  return line;
}

}  // namespace converge::cli
