#include "convergers/code_settings.h"

#include "convergers/setting_values.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>

namespace converge::convergers {

namespace {

using config::ConvergerKey;
using config::Placed;

[[noreturn]] void fail(const Placed& at, const std::string& what, const std::string& hint) {
  throw Error(ErrorKind::usage, fmt::format("{}: {}", at.place, what), hint);
}

[[noreturn]] void refuse_unknown(const config::ConvergerTable& table, const ConvergerKey& key,
                                 const std::vector<Parameter>& parameters) {
  std::vector<std::string> known(setting_names().begin(), setting_names().end());
  for (const Parameter& parameter : parameters) known.push_back(parameter.name);
  const auto near = nearest(key.name.text, known);
  fail(key.name,
       fmt::format("unknown key convergers.{}.{}", table.name.text, printable(key.name.text)),
       near ? fmt::format("Did you mean {}?", *near)
            : fmt::format("Known are: {}.", fmt::join(known, ", ")));
}

const Placed& only_value(const ConvergerKey& key) {
  if (key.is_array || key.values.size() != 1) {
    fail(key.name, fmt::format("{} takes one value", key.name.text), "Write it without brackets.");
  }
  return key.values.front();
}

void take_setting(const ConvergerKey& key, engine::Settings& settings) {
  const std::string& name = key.name.text;
  if (name == "listen") settings.listen.clear();
  if (name == "redact") settings.redact.clear();
  if (name == "limit" && only_value(key).text == "none") {
    settings.limit.reset();
    return;
  }
  if (name != "listen" && name != "redact") only_value(key);
  for (const Placed& value : key.values) {
    if (trim(value.text).empty()) {
      fail(value, fmt::format("{} has no value", name), "Write it between the quotes.");
    }
    if (const auto problem = apply_setting(settings, name, trim(value.text))) {
      fail(value, problem->message, toml_hint(*problem, name));
    }
  }
}

void take_parameter(const ConvergerKey& key, Parameter& parameter) {
  const Placed& value = only_value(key);
  if (const auto problem = problem_with(parameter, value.text)) {
    fail(value, problem->message, toml_hint(*problem, parameter.name));
  }
  parameter.value = value.text;
}

}  // namespace

void apply_table(const config::ConvergerTable& table, engine::Settings& settings,
                 std::vector<Parameter>& parameters) {
  const auto names = setting_names();
  for (const ConvergerKey& key : table.keys) {
    const auto parameter = std::find_if(parameters.begin(), parameters.end(),
                                        [&](const auto& one) { return one.name == key.name.text; });
    if (parameter != parameters.end()) {
      take_parameter(key, *parameter);
    } else if (std::find(names.begin(), names.end(), key.name.text) != names.end()) {
      take_setting(key, settings);
    } else {
      refuse_unknown(table, key, parameters);
    }
  }
  if (settings.limit && settings.shards > 1) {
    fail(table.name, "limit and shards do not go together",
         "Each shard would have a limit of its own: keep the one that matters more; `limit = "
         "\"none\"` takes away that of the converger itself.");
  }
}

}  // namespace converge::convergers
