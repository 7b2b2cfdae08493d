#include "convergers/registry.h"
#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/history.h"
#include "src/cli/output.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>
#include <system_error>

namespace converge::cli {

namespace {

constexpr std::int64_t kHistory = 5;

using Setting = std::pair<std::string, std::string>;

/// The settings as they are in force, in the order of the design.
std::vector<Setting> settings_of(const engine::Settings& settings) {
  std::vector<Setting> list = {
      {"every", settings.every ? format_duration(*settings.every) : "never"},
      {"timeout", format_duration(settings.timeout)},
      {"pass_timeout", format_duration(settings.pass_timeout)},
      {"chunk", fmt::format("{}", settings.chunk)},
      {"parallel", fmt::format("{}", settings.parallel)},
      {"shards", fmt::format("{}", settings.shards)},
      {"limit", settings.limit ? settings.limit->text : "none"},
      {"settle", format_duration(settings.settle)}};
  if (!settings.listen.empty()) {
    list.insert(list.begin() + 1, {"listen", fmt::format("{}", fmt::join(settings.listen, ", "))});
  }
  if (!settings.redact.empty()) {
    list.emplace_back("redact", fmt::format("{}", fmt::join(settings.redact, ", ")));
  }
  return list;
}

std::string indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    out += fmt::format("  {}\n", printable(text.substr(0, end)));
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

void print_json(const engine::Profile& profile) {
  JsonObject settings;
  for (const auto& [name, value] : settings_of(profile.settings)) settings.add(name, value);
  std::string settings_json = settings.line();
  settings_json.pop_back();
  std::string steps;
  for (const std::string& step : profile.steps) {
    steps += (steps.empty() ? "" : ",") + json_string(step);
  }
  print(JsonObject()
            .add("converger", profile.name)
            .add("version", profile.version)
            .add("path", profile.path.string())
            .add("description", profile.description)
            .add("operator", profile.runbook)
            .add_raw("settings", settings_json)
            .add_raw("steps", "[" + steps + "]")
            .line());
}

int show(const std::string& name, const Common& common) {
  const config::Config config = config::load(common.flags);
  const convergers::Registry registry = convergers::load_registry(config.convergers);
  convergers::require_known(registry, std::span(&name, 1));
  if (const convergers::Broken* broken = registry.find_broken(name)) throw broken->error;
  const engine::Profile& profile = registry.find(name)->profile();
  if (common.json()) {
    print_json(profile);
    return kDone;
  }
  std::string text = fmt::format("{}  {}\n", styled(Style::strong, profile.name),
                                 styled(Style::faint, "version " + profile.version.substr(0, 12)));
  text += "\n" + indented(profile.description);
  if (!profile.runbook.empty()) text += heading("For the operator") + indented(profile.runbook);
  text += heading("Settings");
  Table settings;
  for (const auto& [key, value] : settings_of(profile.settings)) {
    settings.add({{"  " + key, Style::faint}, {value}});
  }
  text += settings.take() + heading("Steps");
  for (std::size_t i = 0; i < profile.steps.size(); ++i) {
    text += fmt::format("  {}. {}\n", i + 1, printable(profile.steps[i]));
  }
  text += heading("Recent history") + history(config.journal, name);
  print(text);
  return kDone;
}

}  // namespace

std::function<int()> define_show(CLI::App& app, const Common& common) {
  const auto name = std::make_shared<std::string>();
  app.add_option("NAME", *name, "a converger")->required();
  return [name, &common] { return show(*name, common); };
}

}  // namespace converge::cli
