#include "src/base/clock.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <ctime>
#include <span>

namespace converge {
namespace {

constexpr std::int64_t kMicrosecondsPerSecond = 1'000'000;
constexpr std::int64_t kLongestMs = std::int64_t{10'000} * 24 * 3600 * 1000;

struct Unit {
  std::string_view name;
  std::int64_t length_ms;
};
constexpr std::array<Unit, 5> kUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

// Rounds towards the past, so that times before 1970 keep a fraction that is not negative.
std::int64_t whole_seconds(std::int64_t time_us) {
  const auto seconds = time_us / kMicrosecondsPerSecond;
  return time_us % kMicrosecondsPerSecond < 0 ? seconds - 1 : seconds;
}

std::string format_date_time(const std::tm& time, char separator) {
  return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}", time.tm_year + 1900, time.tm_mon + 1,
                     time.tm_mday, separator, time.tm_hour, time.tm_min, time.tm_sec);
}

// The unit at the start of `text` among `units`: the whole run of letters, so that `ms` is not `m`.
const Unit* leading_unit(std::string_view text, std::span<const Unit> units) {
  const auto name = text.substr(0, text.find_first_not_of("dhms"));
  for (const auto& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

}  // namespace

std::string format_utc(std::int64_t time_us) {
  const auto seconds = whole_seconds(time_us);
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  return fmt::format("{}.{:06}Z", format_date_time(parts, 'T'),
                     time_us - seconds * kMicrosecondsPerSecond);
}

std::string format_local(std::int64_t time_us) {
  const std::time_t time = whole_seconds(time_us);
  std::tm parts{};
  localtime_r(&time, &parts);
  return format_date_time(parts, ' ');
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::span<const Unit> units = kUnits;
  std::int64_t total_ms = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc{} || number < 0 || text.front() == '-') return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const Unit* unit = leading_unit(text, units);
    if (unit == nullptr || number > kLongestMs / unit->length_ms) return std::nullopt;
    total_ms += number * unit->length_ms;
    if (total_ms > kLongestMs) return std::nullopt;
    text.remove_prefix(unit->name.size());
    units = units.subspan(static_cast<std::size_t>(unit - units.data()) + 1);
  }
  return std::chrono::milliseconds(total_ms);
}

std::string format_duration(std::chrono::milliseconds duration) {
  auto rest_ms = duration.count();
  if (rest_ms == 0) return "0s";
  std::string text = rest_ms < 0 ? "-" : "";
  for (const auto& unit : kUnits) {
    const auto number = rest_ms / unit.length_ms;
    rest_ms %= unit.length_ms;
    if (number != 0) text += fmt::format("{}{}", number < 0 ? -number : number, unit.name);
  }
  return text;
}

}  // namespace converge
