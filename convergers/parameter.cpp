#include "convergers/parameter.h"

#include "src/base/clock.h"
#include "src/base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstdint>

namespace converge::convergers {

namespace {

bool is_whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc{} && end == text.data() + text.size();
}

/// An E string means the same whatever `standard_conforming_strings` is.
std::string text_literal(std::string_view text) {
  std::string literal = "E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') literal += c;
    literal += c;
  }
  return literal + "'::text";
}

std::string literal(const Parameter& parameter) {
  switch (parameter.kind) {
    case ParameterKind::text:
      return text_literal(parameter.value);
    case ParameterKind::whole_number:
      return fmt::format("({})::bigint", parameter.value);
    case ParameterKind::duration:
      return fmt::format("interval '{} milliseconds'", parse_duration(parameter.value)->count());
    case ParameterKind::boolean:
      break;
  }
  return parameter.value;
}

}  // namespace

std::optional<ValueProblem> problem_with(const Parameter& parameter, std::string_view value) {
  const auto refuse = [&](std::string_view what, std::string_view hint,
                          std::string_view toml_example) {
    return ValueProblem{
        .message = fmt::format("{} is not {}: {}", parameter.name, what, printable(value)),
        .hint = std::string(hint),
        .toml_example = std::string(toml_example)};
  };
  switch (parameter.kind) {
    case ParameterKind::text:
      break;
    case ParameterKind::whole_number:
      if (!is_whole_number(value)) {
        return refuse("a whole number", "Write digits only, such as 4.", "4");
      }
      break;
    case ParameterKind::duration:
      if (!parse_duration(value)) {
        return refuse("a duration",
                      "Write numbers with units, largest first, such as 500ms, 10s or 1h30m.",
                      "\"1h30m\"");
      }
      break;
    case ParameterKind::boolean:
      if (value != "true" && value != "false") {
        return refuse("a boolean", "Write true or false.", "");
      }
      break;
  }
  return std::nullopt;
}

std::string with_parameters(std::string_view sql, std::span<const Parameter> parameters) {
  std::string text;
  for (auto at = sql.find("${"); at != std::string_view::npos; at = sql.find("${")) {
    const auto end = sql.find('}', at);
    const auto name = sql.substr(at + 2, end - at - 2);
    const auto found = std::find_if(parameters.begin(), parameters.end(),
                                    [&](const Parameter& one) { return one.name == name; });
    assert(found != parameters.end());
    text += sql.substr(0, at);
    text += literal(*found);
    sql.remove_prefix(end + 1);
  }
  return text += sql;
}

}  // namespace converge::convergers
