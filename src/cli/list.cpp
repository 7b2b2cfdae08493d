#include "convergers/registry.h"
#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/history.h"
#include "src/cli/output.h"
#include "src/cli/summary.h"

#include <fmt/core.h>

namespace converge::cli {

namespace {

std::string time_or_dash(std::int64_t time_us) {
  return time_us == 0 ? "-" : format_local(time_us);
}

std::string schedule(const engine::Settings& settings) {
  return settings.every ? "every " + format_duration(*settings.every) : "by hand";
}

void print_json(const engine::Profile& profile, const Remembered& remembered) {
  JsonObject line;
  const journal::Hold* hold = remembered.hold(profile.name);
  line.add("converger", profile.name)
      .add("version", profile.version)
      .add("state", hold != nullptr ? "held" : "ready")
      .add("every", profile.settings.every ? format_duration(*profile.settings.every) : "never");
  if (const journal::LastPass* last = remembered.pass(profile.name)) {
    line.add("last_pass", format_utc(last->time_us)).add("last_outcome", last->outcome);
    if (last->correction_us != 0) line.add("last_correction", format_utc(last->correction_us));
  }
  if (hold != nullptr) {
    line.add("digest", hold->digest)
        .add("inconsistencies", hold->inconsistencies)
        .add("allowed", hold->allowed);
  }
  print(line.line());
}

std::vector<Table::Cell> row(const engine::Profile& profile, const Remembered& remembered) {
  const bool held = remembered.hold(profile.name) != nullptr;
  const journal::LastPass* last = remembered.pass(profile.name);
  const std::string outcome = last == nullptr ? "-" : last->outcome;
  return {{profile.name, Style::strong},
          {schedule(profile.settings)},
          {held ? "held" : "ready", held ? Style::warning : Style::good},
          {time_or_dash(last == nullptr ? 0 : last->time_us)},
          {outcome, outcome == "failed" ? Style::bad : Style::plain},
          {time_or_dash(last == nullptr ? 0 : last->correction_us)}};
}

int list(const Common& common) {
  const config::Config config = config::load(common.flags);
  const convergers::Registry registry = convergers::load_registry(config.convergers);
  const Remembered remembered = remember(config.journal);
  Table table;
  table.add({{"NAME", Style::faint},
             {"SCHEDULE", Style::faint},
             {"STATE", Style::faint},
             {"LAST PASS", Style::faint},
             {"OUTCOME", Style::faint},
             {"LAST CORRECTION", Style::faint}});
  for (const auto& converger : registry.convergers) {
    if (common.json()) {
      print_json(converger->profile(), remembered);
    } else {
      table.add(row(converger->profile(), remembered));
    }
  }
  for (const convergers::Broken& broken : registry.broken) {
    if (common.json()) {
      print(JsonObject()
                .add("converger", broken.name)
                .add("state", "broken")
                .add("message", broken.error.what())
                .line());
    } else {
      table.add({{printable(broken.name), Style::strong},
                 {"-"},
                 {"broken", Style::bad},
                 {"-"},
                 {"-"},
                 {"-"}});
    }
  }
  if (!common.json()) print(table.take());
  for (const convergers::Broken& broken : registry.broken) print_error(broken.error);
  for (const auto& converger : registry.convergers) {
    const std::string& name = converger->profile().name;
    if (const journal::Hold* hold = remembered.hold(name)) {
      print_notice(fmt::format("{} is held since {}: {}, {} allowed. {}", name,
                               format_local(hold->since_us),
                               counted(hold->inconsistencies, "inconsistency", "inconsistencies"),
                               hold->allowed, how_to_release(*hold)));
    }
  }
  return registry.broken.empty() ? kDone : kFailed;
}

}  // namespace

std::function<int()> define_list(CLI::App& /*app*/, const Common& common) {
  return [&common] { return list(common); };
}

}  // namespace converge::cli
