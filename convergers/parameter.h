#pragma once

#include "convergers/setting_values.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace converge::convergers {

enum class ParameterKind { text, whole_number, duration, boolean };

/// A value of a converger in C++ that the configuration may set.
struct Parameter {
  std::string name;
  ParameterKind kind = ParameterKind::text;
  std::string value;        ///< As written: `90d`, `12`, `true`. At first the default.
  std::string description;  ///< Half a sentence: what it decides.
};

/// What is wrong with `value` for that parameter; nullopt when it may be its value.
std::optional<ValueProblem> problem_with(const Parameter& parameter, std::string_view value);

/// `sql` with each `${NAME}` replaced by the value of the parameter NAME, as an SQL literal: a
/// duration as an interval. Every NAME must be one of `parameters`.
std::string with_parameters(std::string_view sql, std::span<const Parameter> parameters);

}  // namespace converge::convergers
