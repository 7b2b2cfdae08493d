#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/time_expression.h"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <ctime>
#include <ostream>
#include <string>
#include <vector>

namespace converge {

std::ostream& operator<<(std::ostream& out, const TimeRange& range) {
  return out << format_utc(range.first_us) << ".." << format_utc(range.last_us);
}

namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kHour = 3'600 * kSecond;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kTen = 1'795'341'600 * kSecond;  // 2026-11-22 10:00:00 UTC, a Sunday.
constexpr std::int64_t kNow = kTen + 4 * kHour + 123'456;
constexpr const char* kBerlin = "CET-1CEST,M3.5.0,M10.5.0/3";

/// The zone of the process, until the end of the case.
class Zone {
 public:
  explicit Zone(const char* name) : before_(std::getenv("TZ")) {
    if (before_ != nullptr) kept_ = before_;
    setenv("TZ", name, 1);
    tzset();
  }
  ~Zone() {
    before_ != nullptr ? setenv("TZ", kept_.c_str(), 1) : unsetenv("TZ");
    tzset();
  }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;

 private:
  const char* before_;
  std::string kept_;
};

/// What is not a time gives a range that no time has.
TimeRange read(std::string_view text, std::int64_t now_us = kNow) {
  return parse_time(text, now_us).value_or(TimeRange{1, 0});
}

TimeRange at(std::int64_t time_us) { return {time_us, time_us}; }
TimeRange second_at(std::int64_t time_us) { return {time_us, time_us + kSecond - 1}; }

BOOST_AUTO_TEST_SUITE(base_time_expression)

BOOST_AUTO_TEST_CASE(words_are_read) {
  const Zone zone("UTC0");
  const auto midnight = kTen - 10 * kHour;
  BOOST_TEST(read("now") == at(kNow));
  BOOST_TEST(read("today") == at(midnight));
  BOOST_TEST(read("yesterday") == at(midnight - kDay));
  BOOST_TEST(read("tomorrow") == at(midnight + kDay));
  BOOST_TEST(read("yesterday 10:00") == at(kTen - kDay));
  BOOST_TEST(read("today 10:00:00") == second_at(kTen));
}

BOOST_AUTO_TEST_CASE(dates_and_times_are_read) {
  const Zone zone("UTC0");
  BOOST_TEST(read("2026-11-22") == at(kTen - 10 * kHour));
  BOOST_TEST(read("2026-11-22 10:00") == at(kTen));
  BOOST_TEST(read("  2026-11-22   10:00  ") == at(kTen));
  BOOST_TEST(read("2026-11-22T10:00") == at(kTen));
  BOOST_TEST(read("10:00") == at(kTen));
  BOOST_TEST(read("10:00:05") == second_at(kTen + 5 * kSecond));
  BOOST_TEST(read("2024-02-29") == at(1'709'164'800 * kSecond));
  BOOST_TEST(read("1969-12-31 23:59:59") == second_at(-kSecond));
}

BOOST_AUTO_TEST_CASE(bound_means_the_whole_of_its_last_unit) {
  const Zone zone("UTC0");
  const auto five = kTen + 5 * kSecond;
  BOOST_TEST(read("2026-11-22 10:00:05") == second_at(five));
  BOOST_TEST(read("2026-11-22 10:00:05.1") == (TimeRange{five + 100'000, five + 199'999}));
  BOOST_TEST(read("2026-11-22 10:00:05.123") == (TimeRange{five + 123'000, five + 123'999}));
  BOOST_TEST(read("2026-11-22 10:00:05.123456") == at(five + 123'456));
  BOOST_TEST(read("2026-11-22 10:00:05.123456789") == at(five + 123'456));
  BOOST_TEST(read("2026-11-22 10:00:05.000000") == at(five));
  // What is left out is zero, as in journalctl.
  BOOST_TEST(read("2026-11-22 10:00") == at(kTen));
}

BOOST_AUTO_TEST_CASE(zones_are_read) {
  const Zone zone("XST-5:30");
  BOOST_TEST(read("2026-11-22 10:00:00") == second_at(kTen - 5 * kHour - kHour / 2));
  for (const auto* text :
       {"2026-11-22 10:00:00 UTC", "2026-11-22T10:00:00Z", "2026-11-22t10:00:00z", "10:00:00 UTC",
        "10:00:00Z", "2026-11-22T11:00:00+01:00", "2026-11-22 11:00:00+01", "11:00:00+01:00",
        "2026-11-22 11:00:00 +0100", "2026-11-21T22:30:00-11:30", "today 10:00:00 UTC"}) {
    BOOST_TEST(read(text) == second_at(kTen), text);
  }
  BOOST_TEST(read("2026-11-22 UTC") == at(kTen - 10 * kHour));
  BOOST_TEST(read("today UTC") == at(kTen - 10 * kHour));
  BOOST_TEST(read("2026-11-22T10:00:00.5Z") == (TimeRange{kTen + 500'000, kTen + 599'999}));
}

BOOST_AUTO_TEST_CASE(today_is_the_day_that_it_is_there) {
  const Zone zone("XST-5:30");
  const auto evening = kTen + 9 * kHour;  // 19:00 in Greenwich and 00:30 of the 23rd here.
  const auto midnight = kTen + 8 * kHour + kHour / 2;
  BOOST_TEST(read("today", evening) == at(midnight));
  BOOST_TEST(read("yesterday", evening) == at(midnight - kDay));
  BOOST_TEST(read("00:15", evening) == at(midnight + kHour / 4));
  BOOST_TEST(read("today UTC", evening) == at(kTen - 10 * kHour));
  BOOST_TEST(read("10:00Z", evening) == at(kTen));
  BOOST_TEST(read("01:00+06:00", evening) == at(midnight + kHour / 2));
}

BOOST_AUTO_TEST_CASE(relative_times_are_read) {
  BOOST_TEST(read("-2h") == at(kNow - 2 * kHour));
  BOOST_TEST(read("+30m") == at(kNow + kHour / 2));
  BOOST_TEST(read("2h ago") == at(kNow - 2 * kHour));
  BOOST_TEST(read("1d 3h ago") == at(kNow - 27 * kHour));
  BOOST_TEST(read("-1d3h5m1s7ms") == at(kNow - 27 * kHour - 301'007'000));
  BOOST_TEST(read("-2w") == at(kNow - 14 * kDay));
  BOOST_TEST(read("3 days left") == at(kNow + 3 * kDay));
  BOOST_TEST(read("2 hours 1 min ago") == at(kNow - 2 * kHour - 60 * kSecond));
  BOOST_TEST(read("1 month ago") == at(kNow - 2'629'800 * kSecond));
  BOOST_TEST(read("-1y") == at(kNow - 31'557'600 * kSecond));
  BOOST_TEST(read("-1M") == at(kNow - 2'629'800 * kSecond));
  BOOST_TEST(read("-1m") == at(kNow - 60 * kSecond));
  BOOST_TEST(read("-0s") == at(kNow));
}

BOOST_AUTO_TEST_CASE(seconds_since_1970_are_read) {
  BOOST_TEST(read("@1795341600") == second_at(kTen));
  BOOST_TEST(read("@1795341600.25") == (TimeRange{kTen + 250'000, kTen + 259'999}));
  BOOST_TEST(read("@0") == second_at(0));
}

BOOST_AUTO_TEST_CASE(what_is_printed_is_accepted) {
  for (const char* name : {"UTC0", kBerlin, "XST-5:30", "NST3:30NDT,M3.2.0,M11.1.0"}) {
    const Zone zone(name);
    for (std::int64_t time = kTen; time < kTen + 400 * kDay; time += 1'234'567'891'011) {
      BOOST_TEST(read(format_utc(time)) == at(time));
      const auto second = time - time % kSecond;
      const auto local = read(format_local(time));
      BOOST_TEST(local.first_us <= second);
      BOOST_TEST(local.last_us >= second + kSecond - 1);
      BOOST_TEST(local.last_us - local.first_us <= kHour + kSecond);
    }
  }
  BOOST_TEST(read(format_utc(-1)) == at(-1));
}

BOOST_AUTO_TEST_CASE(time_that_was_shown_twice_is_both) {
  const Zone zone(kBerlin);
  const auto change = 1'792'890'000 * kSecond;  // 2026-10-25 01:00 UTC: 03:00 becomes 02:00.
  BOOST_TEST(format_local(change) == "2026-10-25 02:00:00");
  BOOST_TEST(format_local(change - kHour) == "2026-10-25 02:00:00");
  BOOST_TEST(read("2026-10-25 02:00") == (TimeRange{change - kHour, change}));
  BOOST_TEST(read("2026-10-25 02:30:00") ==
             (TimeRange{change - kHour / 2, change + kHour / 2 + kSecond - 1}));
  BOOST_TEST(read("2026-10-25 01:59:59") == second_at(change - kHour - kSecond));
  BOOST_TEST(read("2026-10-25 03:00:00") == second_at(change + kHour));
  BOOST_TEST(read("2026-10-25 02:30:00+02:00") == second_at(change - kHour / 2));
}

BOOST_AUTO_TEST_CASE(time_that_was_skipped_is_what_it_would_have_been) {
  const Zone zone(kBerlin);
  const auto change = 1'774'746'000 * kSecond;  // 2026-03-29 01:00 UTC: 02:00 becomes 03:00.
  BOOST_TEST(format_local(change) == "2026-03-29 03:00:00");
  BOOST_TEST(read("2026-03-29 02:00") == at(change));
  BOOST_TEST(read("2026-03-29 02:30:00") == second_at(change + kHour / 2));
  BOOST_TEST(read("2026-03-29 03:30:00") == second_at(change + kHour / 2));
  BOOST_TEST(read("2026-03-29 01:59:59") == second_at(change - kSecond));
}

BOOST_AUTO_TEST_CASE(midnight_that_was_skipped_is_the_first_instant_of_its_day) {
  const Zone zone("XXX3YYY,M10.3.0/0,M2.3.0/0");  // South of the equator, at midnight.
  BOOST_TEST(format_local(read("2026-10-18").first_us) == "2026-10-18 01:00:00");
  BOOST_TEST(format_local(read("2026-10-18").first_us - 1) == "2026-10-17 23:59:59");
}

BOOST_AUTO_TEST_CASE(what_is_not_a_time_is_refused) {
  for (const auto* text : {"",
                           " ",
                           "nonsense",
                           "yesterdays",
                           "today10:00",
                           "todayish",
                           "2026",
                           "2026-11",
                           "2026-13-01",
                           "2026-02-29",
                           "2026-11-31",
                           "2026-00-10",
                           "2026-11-00",
                           "26-11-22",
                           "2026/11/22",
                           "2026-11-2",
                           "2026-11-222",
                           "2026-11-22T",
                           "2026-11-22 ago",
                           "2026-11-22 10",
                           "10",
                           "1:00",
                           "24:00",
                           "10:60",
                           "10:00:60",
                           "10:00:5",
                           "10:00:05.",
                           "10:00:05.1234567890",
                           "10:00:05,5",
                           "10:00.5",
                           "2026-11-22Z",
                           "2026-11-22+01:00",
                           "10:00ZZ",
                           "10:00Z UTC",
                           "10:00+1",
                           "10:00+24:00",
                           "10:00+01:60",
                           "10:00+01:",
                           "10:00 CET",
                           "10:00UTC",
                           "UTC",
                           " UTC",
                           "now UTC",
                           "2h",
                           "2",
                           "-2",
                           "-",
                           "+",
                           "ago",
                           " ago",
                           "-2h ago",
                           "--2h",
                           "-+2h",
                           "-2h-3m",
                           "-1.5h",
                           "-2x",
                           "-2H",
                           "-h",
                           "+99999999999999999999h",
                           "-101y",
                           "-100y1y",
                           "-9223372036854775807d",
                           "2hago",
                           "@",
                           "@-1",
                           "@+1",
                           "@1.",
                           "@1.x",
                           "@253402300800",
                           "@99999999999999999999",
                           "@1 UTC",
                           "NOW",
                           "2026-11-22 10:00:00\n\x1b[31m",
                           "２026-11-22"}) {
    BOOST_TEST(!parse_time(text, kNow).has_value(), text);
  }
  BOOST_TEST(!parse_time(std::string_view("10:00\0", 6), kNow).has_value());
}

BOOST_AUTO_TEST_CASE(no_prefix_or_mixture_crashes) {
  const std::vector<std::string> parts = {"2026-11-22", " ",      "T",    "10:00:05", ".5",
                                          "Z",          "+01:00", " UTC", "-",        "2h",
                                          " ago",       "@",      "9",    "today",    "\xff"};
  for (const auto& a : parts) {
    for (const auto& b : parts) {
      for (const auto& c : parts) {
        const auto text = a + b + c;
        for (std::size_t length = 0; length <= text.size(); ++length) {
          const auto range = parse_time(std::string_view(text).substr(0, length), kNow);
          if (range) BOOST_TEST(range->first_us <= range->last_us, text);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(refusal_names_the_option_and_the_text) {
  try {
    time_given("--since", "noonish\x1b[31m", kNow);
    BOOST_ERROR("accepted");
  } catch (const Error& error) {
    BOOST_TEST((error.kind() == ErrorKind::usage));
    BOOST_TEST(error.what() == R"(--since: "noonish\u001b[31m" is not a time)");
    BOOST_TEST(error.hint().find("`-2h`") != std::string::npos);
  }
  BOOST_TEST(time_given("--since", "now", kNow) == at(kNow));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge
