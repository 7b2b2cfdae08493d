#pragma once

#include "src/engine/settings.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace converge::convergers {

/// What is wrong with the value of a setting.
struct ValueProblem {
  std::string message;
  std::string hint;
  std::size_t offset = 0;  ///< In the value, in bytes.
  /// A value as TOML has it, for the hint's `such as`; empty when the hint gives none.
  std::string toml_example{};
};

/// The hint to whoever wrote the value for `key` in TOML.
std::string toml_hint(const ValueProblem& problem, std::string_view key);

/// The names of the settings that a definition may carry.
std::span<const std::string> setting_names();

/// Puts `value`, without blanks around it, into the setting `name`, which `setting_names` holds.
/// Nullopt when that is done; otherwise `settings` is as it was.
std::optional<ValueProblem> apply_setting(engine::Settings& settings, std::string_view name,
                                          std::string_view value);

/// The settings as they are in force, each with its name, in the order of the manual.
std::vector<std::pair<std::string, std::string>> setting_texts(const engine::Settings& settings);

}  // namespace converge::convergers
