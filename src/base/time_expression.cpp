#include "src/base/time_expression.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ctime>
#include <string>

namespace converge {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kLongestUs = std::int64_t{36'525} * kDaySeconds * kSecondUs;
constexpr std::int64_t kEndOfYear9999 = 253'402'300'799;

struct Unit {
  std::string_view name;
  std::int64_t length_us;
};
constexpr std::int64_t kMinute = 60 * kSecondUs;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kMonth = 2'629'800 * kSecondUs;
constexpr std::int64_t kYear = 31'557'600 * kSecondUs;
constexpr std::array<Unit, 28> kUnits = {
    {{"us", 1},          {"usec", 1},         {"ms", 1000},          {"msec", 1000},
     {"s", kSecondUs},   {"sec", kSecondUs},  {"second", kSecondUs}, {"seconds", kSecondUs},
     {"m", kMinute},     {"min", kMinute},    {"minute", kMinute},   {"minutes", kMinute},
     {"h", kHour},       {"hr", kHour},       {"hour", kHour},       {"hours", kHour},
     {"d", kDay},        {"day", kDay},       {"days", kDay},        {"w", 7 * kDay},
     {"week", 7 * kDay}, {"weeks", 7 * kDay}, {"M", kMonth},         {"month", kMonth},
     {"months", kMonth}, {"y", kYear},        {"year", kYear},       {"years", kYear}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_end(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

/// A number of exactly so many digits.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits || !std::all_of(text.begin(), text.begin() + digits, is_digit)) {
    return std::nullopt;
  }
  int number = 0;
  std::from_chars(text.data(), text.data() + digits, number);
  text.remove_prefix(digits);
  return number;
}

/// A number of at least one digit that is no greater than `most`.
std::optional<std::int64_t> take_count(std::string_view& text, std::int64_t most) {
  std::int64_t number = 0;
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || number > most) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

/// How far a written time goes: what it says of the second, and how long its last digit is.
struct Precision {
  std::int64_t offset_us = 0;
  std::int64_t length_us = 1;
};

/// The digits behind the point, if there is one; `whole` unless there is.
std::optional<Precision> take_fraction(std::string_view& text, Precision whole) {
  if (!take(text, ".")) return whole;
  Precision fraction{.length_us = kSecondUs};
  std::size_t digits = 0;
  for (; digits < text.size() && is_digit(text[digits]); ++digits) {
    if (fraction.length_us == 1) continue;
    fraction.length_us /= 10;
    fraction.offset_us += (text[digits] - '0') * fraction.length_us;
  }
  if (digits == 0 || digits > 9) return std::nullopt;
  text.remove_prefix(digits);
  return fraction;
}

struct TimeOfDay {
  std::int64_t seconds = 0;
  Precision precision;
};

/// `10:00`, `10:00:05`, `10:00:05.123456`.
std::optional<TimeOfDay> take_time_of_day(std::string_view& text) {
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  TimeOfDay time{.seconds = *hour * 3600 + *minute * 60, .precision = {}};
  if (!take(text, ":")) return time;
  const auto second = take_number(text, 2);
  if (!second || *second > 59) return std::nullopt;
  const auto fraction = take_fraction(text, {.length_us = kSecondUs});
  if (!fraction) return std::nullopt;
  time.seconds += *second;
  time.precision = *fraction;
  return time;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  return date.ok() ? std::optional<std::chrono::sys_days>(date) : std::nullopt;
}

/// `Z`, `+01:00`, `+0100`, `-05`: seconds east of Greenwich.
std::optional<std::int64_t> take_offset(std::string_view& text) {
  if (take(text, "Z") || take(text, "z")) return 0;
  const int sign = text.starts_with('-') ? -1 : 1;
  if (!take(text, "+") && !take(text, "-")) return std::nullopt;
  const auto hours = take_number(text, 2);
  if (!hours || *hours > 23) return std::nullopt;
  if (text.empty()) return sign * *hours * 3600;
  take(text, ":");
  const auto minutes = take_number(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return sign * (*hours * 3600 + *minutes * 60);
}

std::int64_t seconds_of(std::int64_t time_us) {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::microseconds(time_us)).count();
}

/// Seconds that local clocks are ahead of UTC at an instant.
std::int64_t local_offset(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  return localtime_r(&time, &parts) != nullptr ? parts.tm_gmtoff : 0;
}

struct Instants {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

/// When the local clock shows what a clock in UTC shows at `shown`: once, twice, or, where it was
/// put forward over it, as if it had not been. Not by mktime, which promises nothing for the last
/// two. Zones change their offset less often than every two days.
Instants local_instants(std::int64_t shown) {
  const auto before = local_offset(shown - kDaySeconds);
  const auto after = local_offset(shown + kDaySeconds);
  const bool by_before = local_offset(shown - before) == before;
  const bool by_after = local_offset(shown - after) == after;
  const auto first = by_before || !by_after ? before : after;
  const auto last = by_after ? after : before;
  return {shown - first, shown - last};
}

/// A date, or so many days after the one that it is where the time is.
struct Day {
  std::optional<std::chrono::sys_days> date;
  std::chrono::days after_today{0};
};

/// Leaves alone what starts with a time of day, which is of today.
std::optional<Day> take_day(std::string_view& text) {
  using std::chrono::days;
  if (take(text, "today")) return Day{{}, days(0)};
  if (take(text, "yesterday")) return Day{{}, days(-1)};
  if (take(text, "tomorrow")) return Day{{}, days(1)};
  if (text.size() > 2 && text[2] == ':') return Day{};
  const auto date = take_date(text);
  return date ? std::optional(Day{date, days(0)}) : std::nullopt;
}

struct ClockFace {
  TimeOfDay time;
  std::optional<std::int64_t> offset;  ///< Seconds east of Greenwich, if that is written.
};

/// `10:00`, `10:00:05+01:00`, and nothing behind it.
bool take_clock(std::string_view text, ClockFace& clock) {
  text = trim(text);
  const auto time = take_time_of_day(text);
  if (!time) return false;
  clock.time = *time;
  text = trim(text);
  if (text.empty()) return true;
  if (clock.offset) return false;
  clock.offset = take_offset(text);
  return clock.offset && text.empty();
}

std::chrono::sys_days date_of(const Day& day, const ClockFace& clock, std::int64_t now_us) {
  if (day.date) return *day.date;
  const auto now = seconds_of(now_us);
  const std::chrono::sys_seconds here(
      std::chrono::seconds(now + (clock.offset ? *clock.offset : local_offset(now))));
  return std::chrono::floor<std::chrono::days>(here) + day.after_today;
}

/// A day, a time of day, or both; with or without a zone.
std::optional<TimeRange> parse_calendar(std::string_view text, std::int64_t now_us) {
  ClockFace clock;
  if (take_end(text, " UTC")) clock.offset = 0;
  text = trim(text);
  const auto whole = text;
  const auto day = take_day(text);
  if (!day) return std::nullopt;
  const bool named = text.size() != whole.size();
  if (!named || !text.empty()) {
    if (named && !take(text, "T") && !take(text, "t") && !take(text, " ")) return std::nullopt;
    if (!take_clock(text, clock)) return std::nullopt;
  }
  const auto date = std::chrono::sys_seconds(date_of(*day, clock, now_us));
  const auto shown = date.time_since_epoch().count() + clock.time.seconds;
  const auto instants =
      clock.offset ? Instants{shown - *clock.offset, shown - *clock.offset} : local_instants(shown);
  const auto& precision = clock.time.precision;
  return TimeRange{instants.first * kSecondUs + precision.offset_us,
                   instants.last * kSecondUs + precision.offset_us + precision.length_us - 1};
}

/// `1d3h`, `1d 3 hours`: its microseconds.
std::optional<std::int64_t> parse_span(std::string_view text) {
  std::int64_t total_us = 0;
  do {
    const auto number = take_count(text, kLongestUs);
    if (!number) return std::nullopt;
    text = trim(text);
    const auto* const end =
        std::find_if(text.begin(), text.end(), [](char c) { return is_digit(c) || c == ' '; });
    const auto name = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(),
                                          [&](const Unit& one) { return one.name == name; });
    if (unit == kUnits.end() || *number > kLongestUs / unit->length_us) return std::nullopt;
    total_us += *number * unit->length_us;
    if (total_us > kLongestUs) return std::nullopt;
    text = trim(text.substr(name.size()));
  } while (!text.empty());
  return total_us;
}

std::optional<TimeRange> parse_relative(std::string_view text, std::int64_t now_us) {
  int sign = 0;
  if (take(text, "-") || take_end(text, " ago")) {
    sign = -1;
  } else if (take(text, "+") || take_end(text, " left")) {
    sign = 1;
  }
  const auto span_us = parse_span(trim(text));
  if (sign == 0 || !span_us) return std::nullopt;
  return TimeRange{now_us + sign * *span_us, now_us + sign * *span_us};
}

std::optional<TimeRange> parse_seconds(std::string_view text) {
  const auto seconds = take_count(text, kEndOfYear9999);
  if (!seconds) return std::nullopt;
  const auto fraction = take_fraction(text, {.length_us = kSecondUs});
  if (!fraction || !text.empty()) return std::nullopt;
  const auto first_us = *seconds * kSecondUs + fraction->offset_us;
  return TimeRange{first_us, first_us + fraction->length_us - 1};
}

}  // namespace

std::optional<TimeRange> parse_time(std::string_view text, std::int64_t now_us) {
  text = trim(text);
  if (text == "now") return TimeRange{now_us, now_us};
  if (take(text, "@")) return parse_seconds(text);
  const auto calendar = parse_calendar(text, now_us);
  return calendar ? calendar : parse_relative(text, now_us);
}

TimeRange time_given(std::string_view option, std::string_view text, std::int64_t now_us) {
  if (const auto time = parse_time(text, now_us)) return *time;
  throw Error(ErrorKind::usage, fmt::format("{}: {} is not a time", option, json_string(text)),
              "Write it as `2026-11-22 10:00`, `10:00:05`, `yesterday`, `today`, `now`, `-2h`, "
              "`1d 3h ago`, `2026-11-22T10:00:00Z` or `@1795341600`.");
}

}  // namespace converge
