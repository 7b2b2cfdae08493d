#include "convergers/setting_values.h"

#include "src/base/clock.h"
#include "src/base/text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <limits>
#include <vector>

namespace converge::convergers {
namespace {

using engine::Limit;
using engine::Settings;
using std::chrono::milliseconds;
using Problem = std::optional<ValueProblem>;

// PostgreSQL counts its timeouts in milliseconds in 32 bits, which ends within the 25th day.
constexpr milliseconds kLongestTimeout = std::chrono::hours(24 * 24);
constexpr std::size_t kLongestName = 63;  // NAMEDATALEN - 1

Problem read_duration(milliseconds& target, std::string_view name, std::string_view value,
                      milliseconds shortest, milliseconds longest) {
  const auto duration = parse_duration(value);
  if (!duration) {
    return ValueProblem{
        .message = fmt::format("{} is not a duration: {}", name, printable(value)),
        .hint = "Write numbers with units, largest first, such as 500ms, 10s or 1h30m.",
        .toml_example = "\"1h30m\""};
  }
  if (*duration < shortest) {
    return ValueProblem{.message = fmt::format("{} must not be zero", name),
                        .hint = "Write a duration such as 500ms, 10s or 1h30m.",
                        .toml_example = "\"1h30m\""};
  }
  if (*duration > longest) {
    return ValueProblem{fmt::format("{} is too long: {}", name, value),
                        fmt::format("Write {} or less.", format_duration(longest))};
  }
  target = *duration;
  return {};
}

Problem read_timeout(milliseconds& target, std::string_view name, std::string_view value) {
  return read_duration(target, name, value, milliseconds(1), kLongestTimeout);
}

Problem read_every(Settings& settings, std::string_view value) {
  if (value == "never") {
    settings.every.reset();
    return {};
  }
  milliseconds every{};
  auto problem = read_duration(every, "every", value, milliseconds(1), milliseconds::max());
  if (!problem) settings.every = every;
  return problem;
}

std::optional<std::int64_t> parse_count(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = failure == std::errc{} && end == text.data() + text.size();
  if (!whole || text.starts_with('-')) return std::nullopt;
  return number;
}

Problem read_number(int& target, std::string_view name, std::string_view value, int largest) {
  const auto number = parse_count(value);
  if (!number || *number < 1 || *number > largest) {
    return ValueProblem{
        .message =
            fmt::format("{} is not a number from 1 to {}: {}", name, largest, printable(value)),
        .hint = fmt::format("Write digits only, such as {}: {}.", name, std::min(largest, 4)),
        .toml_example = fmt::format("{}", std::min(largest, 4))};
  }
  target = static_cast<int>(*number);
  return {};
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!(text = trim(text)).empty()) {
    words.push_back(text.substr(0, text.find_first_of(" \t")));
    text.remove_prefix(words.back().size());
  }
  return words;
}

// `10%` or `2.5%`: more than 0, at most 100. from_chars alone would also read 1e1 and inf.
std::optional<double> parse_percent(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  if (text.find_first_not_of("0123456789.") != std::string_view::npos) return std::nullopt;
  double percent = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (percent <= 0 || percent > 100) return std::nullopt;
  return percent;
}

std::optional<Limit> parse_limit(std::string_view value) {
  const auto words = split_words(value);
  if (words.size() == 1) {
    const auto count = parse_count(words[0]);
    if (!count) return std::nullopt;
    return Limit{
        .count = *count, .percent = std::nullopt, .at_least = 0, .text = std::string(value)};
  }
  constexpr std::array<std::string_view, 3> kBetween = {"of", "at", "least"};
  if (words.size() != 5 || !std::equal(kBetween.begin(), kBetween.end(), words.begin() + 1)) {
    return std::nullopt;
  }
  const auto percent = parse_percent(words[0]);
  const auto at_least = parse_count(words[4]);
  if (!percent || !at_least) return std::nullopt;
  return Limit{.count = 0, .percent = percent, .at_least = *at_least, .text = std::string(value)};
}

Problem read_limit(Settings& settings, std::string_view value) {
  const auto limit = parse_limit(value);
  if (!limit) {
    return ValueProblem{
        fmt::format("limit is neither a count nor a percentage with a base: {}", printable(value)),
        "Write a count such as 500, or 10% of at least 50.", 0, "\"10% of at least 50\""};
  }
  settings.limit = limit;
  return {};
}

// The bytes of the name at the start of `text`, quotes included; 0 if there is none.
std::size_t name_length(std::string_view text) {
  if (text.starts_with('"')) {
    auto end = text.find('"', 1);
    while (end != std::string_view::npos && text.substr(end + 1).starts_with('"')) {
      end = text.find('"', end + 2);
    }
    return end == std::string_view::npos || end == 1 ? 0 : end + 1;
  }
  const auto belongs = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || static_cast<unsigned char>(c) >= 0x80;
  };
  const auto* end = std::find_if_not(text.begin(), text.end(), belongs);
  const bool starts_well = !text.empty() && text[0] != '$' && (text[0] < '0' || text[0] > '9');
  return starts_well ? static_cast<std::size_t>(end - text.begin()) : 0;
}

// What PostgreSQL makes of a name as written: folded to lower case, unless it is quoted.
std::string fold_name(std::string_view written) {
  std::string name;
  if (!written.starts_with('"')) {
    for (const char c : written) {
      name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return name;
  }
  for (std::size_t i = 1; i + 1 < written.size(); ++i) {
    name += written[i];
    if (written[i] == '"') ++i;
  }
  return name;
}

ValueProblem not_a_name(std::string_view name, std::string_view rest, std::size_t offset) {
  return {fmt::format("{} is not a name: {}", name, rest.empty() ? "nothing" : printable(rest)),
          "Write it as in SQL: letters, digits and underscores, or anything in double quotes.",
          offset};
}

// Appends the names of `value`, which commas separate, to `target`.
Problem read_names(std::vector<std::string>& target, std::string_view name,
                   std::string_view value) {
  auto names = target;
  for (std::size_t at = 0; at <= value.size(); ++at) {
    at = std::min(value.find_first_not_of(" \t", at), value.size());
    const auto length = name_length(value.substr(at));
    auto folded = fold_name(value.substr(at, length));
    if (length == 0) return not_a_name(name, value.substr(at), at);
    if (folded.size() > kLongestName) {
      return ValueProblem{fmt::format("{} has a name of more than {} bytes", name, kLongestName),
                          "PostgreSQL cuts longer names; write what it keeps.", at};
    }
    if (std::find(names.begin(), names.end(), folded) != names.end()) {
      return ValueProblem{fmt::format("{} names {} twice", name, printable(folded)),
                          "Remove one of the two.", at};
    }
    names.push_back(std::move(folded));
    const auto next = std::min(value.find_first_not_of(" \t", at + length), value.size());
    if (next < value.size() && value[next] != ',') return not_a_name(name, value.substr(at), at);
    at = next;
  }
  target = std::move(names);
  return {};
}

Problem read_channel(Settings& settings, std::string_view value) {
  if (name_length(value) != value.size()) return not_a_name("listen", value, 0);
  return read_names(settings.listen, "listen", value);
}

}  // namespace

std::string toml_hint(const ValueProblem& problem, std::string_view key) {
  const auto at = problem.hint.find("such as ");
  if (problem.toml_example.empty() || at == std::string::npos) return problem.hint;
  return fmt::format("{}such as {} = {}.", problem.hint.substr(0, at), key, problem.toml_example);
}

std::span<const std::string> setting_names() {
  static const std::vector<std::string> names = {"every",  "listen",   "timeout", "pass_timeout",
                                                 "chunk",  "parallel", "shards",  "limit",
                                                 "settle", "redact"};
  return names;
}

std::optional<ValueProblem> apply_setting(Settings& settings, std::string_view name,
                                          std::string_view value) {
  if (value.empty()) {
    return ValueProblem{fmt::format("{} has no value", name),
                        fmt::format("Write it after the colon: `-- {}: VALUE`.", name)};
  }
  if (name == "every") return read_every(settings, value);
  if (name == "listen") return read_channel(settings, value);
  if (name == "timeout") return read_timeout(settings.timeout, name, value);
  if (name == "pass_timeout") return read_timeout(settings.pass_timeout, name, value);
  if (name == "chunk") return read_number(settings.chunk, name, value, 100'000);
  if (name == "parallel") return read_number(settings.parallel, name, value, 64);
  if (name == "shards") return read_number(settings.shards, name, value, 1024);
  if (name == "limit") return read_limit(settings, value);
  if (name == "settle") {
    return read_duration(settings.settle, name, value, milliseconds(0), milliseconds::max());
  }
  assert(name == "redact");
  return read_names(settings.redact, name, value);
}

std::vector<std::pair<std::string, std::string>> setting_texts(const Settings& settings) {
  std::vector<std::pair<std::string, std::string>> list = {
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

}  // namespace converge::convergers
