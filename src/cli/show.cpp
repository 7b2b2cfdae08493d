#include "convergers/registry.h"
#include "convergers/setting_values.h"
#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/condition_text.h"
#include "src/cli/history.h"
#include "src/cli/output.h"
#include "src/cli/quarantine_text.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <system_error>

namespace converge::cli {

namespace {

constexpr std::int64_t kHistory = 5;
constexpr std::size_t kQuarantined = 20;

std::string indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    out += line.empty() ? "\n" : fmt::format("  {}\n", printable(line));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

std::string heading(std::string_view text) { return "\n" + styled(Style::strong, text) + "\n"; }

std::string history(const std::filesystem::path& file, const std::string& name) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return "  none yet\n";
  Table table;
  bool any = false;
  journal::Reader(file).newest(
      {.convergers = {name}, .subject = {}, .newest = kHistory, .bookkeeping = false},
      [&](const journal::StoredEntry& entry) {
        any = true;
        auto cells = describe_entry(entry);
        cells.erase(cells.begin() + 1);  // Its name is known.
        table.add(std::move(cells));
      });
  return any ? table.take() : "  none yet\n";
}

/// How it fares, where that is not simply well.
std::string state_text(const std::string& name, const engine::Condition& condition,
                       const journal::State& state) {
  const std::string notice = notice_of(name, condition);
  std::string text = "  " + styled(style_of_state(condition.state), condition.state) + "\n";
  if (!notice.empty()) text += indented(notice);
  for (const auto& one : notices_of(printable(name), condition.owing)) text += indented(one);
  const std::string quarantine = quarantine_text(state, name, kQuarantined);
  if (!quarantine.empty()) text += heading("In quarantine") + quarantine;
  return text;
}

std::string trigger_text(const convergers::Defined& converger) {
  const std::string sql = converger.trigger_to_wake();
  if (sql.empty()) return "";
  return heading("To be woken by a commit, for a migration of your own") + indented(sql);
}

std::string parameters_text(const convergers::Defined& converger) {
  if (converger.parameters().empty()) return "";
  Table table;
  for (const convergers::Parameter& parameter : converger.parameters()) {
    table.add({{"  " + parameter.name, Style::faint},
               {printable(parameter.value)},
               {parameter.description, Style::faint}});
  }
  return heading("Parameters") + table.take();
}

std::string text_of(const convergers::OutsideSection& step) {
  std::string text;
  for (const auto& line : step.lines) text += line.text + "\n";
  return text;
}

std::string_view acts_for(const convergers::OutsideSection& step) {
  return step.acts_for == engine::ActsFor::found ? "found" : "changed";
}

/// The names of the variables that a program is given.
std::vector<std::string> environment_of(const convergers::OutsideSection& step) {
  std::vector<std::string> names;
  std::transform(step.environment.begin(), step.environment.end(), std::back_inserter(names),
                 [](const auto& variable) { return variable.text; });
  return names;
}

/// A step outside the database, with its references as they are written: no value is known here.
std::string outside_text(const convergers::OutsideSection& step) {
  const std::string repeat =
      step.repeat.count() == 0 ? "" : ", repeat: " + format_duration(step.repeat);
  const auto names = environment_of(step);
  const std::string given =
      names.empty() ? "" : fmt::format(", environment: {}", fmt::join(names, ", "));
  std::string text =
      fmt::format("{}  {}\n", printable(step.title),
                  styled(Style::faint, fmt::format("{}, for: {}{}, expect: {}{}", step.kind,
                                                   acts_for(step), repeat, step.expect, given)));
  for (const auto& line : step.lines) {
    text += line.text.empty() ? "\n" : fmt::format("       {}\n", printable(line.text));
  }
  return text;
}

/// All steps in the order in which they are carried out.
std::string steps_text(const convergers::Defined& converger) {
  const auto& steps = converger.profile().steps;
  const auto& all_outside = converger.outside_sections();
  std::string text;
  std::size_t number = 0;
  auto outside = all_outside.begin();
  for (std::size_t step = 0; step <= steps.size(); ++step) {
    for (; outside != all_outside.end() && outside->after == step; ++outside) {
      text += fmt::format("  {}. {}", ++number, outside_text(*outside));
    }
    if (step == steps.size()) break;
    text += fmt::format("  {}. {}\n", ++number, printable(steps[step]));
  }
  return text;
}

std::string outside_json(const convergers::Defined& converger) {
  std::string list;
  for (const auto& step : converger.outside_sections()) {
    JsonObject object;
    object.add("title", step.title)
        .add("kind", step.kind)
        .add("after", static_cast<std::int64_t>(step.after))
        .add("for", acts_for(step));
    if (step.repeat.count() != 0) object.add("repeat", format_duration(step.repeat));
    object.add("expect", step.expect).add("text", text_of(step));
    const auto names = environment_of(step);
    if (!names.empty())
      object.add_raw("environment", fmt::format("[\"{}\"]", fmt::join(names, "\",\"")));
    list += (list.empty() ? "" : ",") + object.text();
  }
  return "[" + list + "]";
}

void print_json(const convergers::Defined& converger, const engine::Condition& condition,
                const journal::State& state) {
  const engine::Profile& profile = converger.profile();
  JsonObject settings;
  for (const auto& [name, value] : convergers::setting_texts(profile.settings))
    settings.add(name, value);
  for (const auto& parameter : converger.parameters()) {
    settings.add(parameter.name, parameter.value);
  }
  std::string settings_json = settings.line();
  settings_json.pop_back();
  std::string steps;
  for (const std::string& step : profile.steps) {
    steps += (steps.empty() ? "" : ",") + json_string(step);
  }
  JsonObject line =
      converger_json(profile.name, profile.version, &profile.settings, condition, state);
  line.add("path", profile.path.string())
      .add("description", profile.description)
      .add("operator", profile.runbook)
      .add_raw("settings", settings_json)
      .add_raw("steps", "[" + steps + "]")
      .add_raw("outside", outside_json(converger))
      .add_raw("quarantine", quarantine_json(state, profile.name));
  const std::string trigger = converger.trigger_to_wake();
  if (!trigger.empty()) line.add("trigger", trigger);
  print(line.line());
}

void print_text(const convergers::Defined& converger, const engine::Condition& condition,
                const journal::State& state, const std::filesystem::path& journal) {
  const engine::Profile& profile = converger.profile();
  std::string text = fmt::format("{}  {}\n", styled(Style::strong, profile.name),
                                 styled(Style::faint, "version " + profile.version.substr(0, 12)));
  text += "\n" + indented(profile.description);
  if (!profile.runbook.empty()) text += heading("For the operator") + indented(profile.runbook);
  text += heading("State") + state_text(profile.name, condition, state) + heading("Settings");
  Table settings;
  for (const auto& [key, value] : convergers::setting_texts(profile.settings)) {
    settings.add({{"  " + key, Style::faint}, {value}});
  }
  text += settings.take() + parameters_text(converger) + heading("Steps") + steps_text(converger);
  text += trigger_text(converger);
  print(text + heading("Recent history") + history(journal, profile.name));
}

int show(const std::string& name, const Common& common) {
  const config::Config config = config::load(common.flags);
  const convergers::Registry registry = convergers::load_registry(config);
  convergers::require_known(registry, std::span(&name, 1));
  if (const convergers::Broken* broken = registry.find_broken(name)) throw broken->error;
  const convergers::Defined& converger = *registry.find(name);
  const journal::State state = remember(config.journal);
  const auto condition =
      engine::condition_of(converger.profile().settings, name, state, wall_time_us());
  if (common.json()) {
    print_json(converger, condition, state);
  } else {
    print_text(converger, condition, state, config.journal);
  }
  return kDone;
}

}  // namespace

std::function<int()> define_show(CLI::App& app, const Common& common) {
  const auto name = std::make_shared<std::string>();
  app.add_option("NAME", *name, "a converger")->required();
  return [name, &common] { return show(*name, common); };
}

}  // namespace converge::cli
