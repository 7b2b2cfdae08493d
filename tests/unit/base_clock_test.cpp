#include "src/base/clock.h"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <ctime>
#include <string>

namespace converge {
namespace {

using std::chrono::milliseconds;

std::int64_t parsed_ms(std::string_view text) {
  const auto duration = parse_duration(text);
  return duration ? duration->count() : -1;
}

BOOST_AUTO_TEST_SUITE(base_clock)

BOOST_AUTO_TEST_CASE(durations_are_read) {
  BOOST_TEST(parsed_ms("500ms") == 500);
  BOOST_TEST(parsed_ms("10s") == 10'000);
  BOOST_TEST(parsed_ms("5m") == 300'000);
  BOOST_TEST(parsed_ms("1h30m") == 5'400'000);
  BOOST_TEST(parsed_ms("90m") == 5'400'000);
  BOOST_TEST(parsed_ms("2d") == 172'800'000);
  BOOST_TEST(parsed_ms("1d2h3m4s5ms") == 93'784'005);
  BOOST_TEST(parsed_ms("0s") == 0);
  BOOST_TEST(parsed_ms("10000d") == 864'000'000'000);
}

BOOST_AUTO_TEST_CASE(what_is_not_a_duration_is_refused) {
  for (const auto* text : {"", "0", "10", "s", "10 s", " 10s", "10s ", "-10s", "+10s", "1.5s", "1w",
                           "10S", "1sm", "1m1h", "1s1s", "1ms1s", "10sec", "1h-5m", "1h 5m"}) {
    BOOST_TEST(parsed_ms(text) == -1, text);
  }
}

BOOST_AUTO_TEST_CASE(duration_beyond_ten_thousand_days_is_refused) {
  for (const auto* text : {"10001d", "10000d1ms", "9223372036854775807d", "9223372036854775807ms",
                           "99999999999999999999s", "240001h"}) {
    BOOST_TEST(parsed_ms(text) == -1, text);
  }
}

BOOST_AUTO_TEST_CASE(written_duration_reads_back_to_itself) {
  for (const std::int64_t ms : {0L, 1L, 999L, 1'000L, 1'001L, 59'999L, 60'000L, 90'000L, 3'600'000L,
                                5'400'000L, 86'400'000L, 93'784'005L, 864'000'000'000L}) {
    BOOST_TEST(parsed_ms(format_duration(milliseconds(ms))) == ms);
  }
}

BOOST_AUTO_TEST_CASE(duration_is_written_without_zero_parts) {
  BOOST_TEST(format_duration(milliseconds(0)) == "0s");
  BOOST_TEST(format_duration(milliseconds(1'500)) == "1s500ms");
  BOOST_TEST(format_duration(milliseconds(5'400'000)) == "1h30m");
  BOOST_TEST(format_duration(milliseconds(86'400'001)) == "1d1ms");
}

BOOST_AUTO_TEST_CASE(utc_has_six_decimals) {
  BOOST_TEST(format_utc(0) == "1970-01-01T00:00:00.000000Z");
  BOOST_TEST(format_utc(1'795'341'600'123'456) == "2026-11-22T10:00:00.123456Z");
  BOOST_TEST(format_utc(951'782'400'000'001) == "2000-02-29T00:00:00.000001Z");
}

BOOST_AUTO_TEST_CASE(time_before_1970_keeps_its_fraction) {
  BOOST_TEST(format_utc(-1) == "1969-12-31T23:59:59.999999Z");
}

BOOST_AUTO_TEST_CASE(local_time_follows_the_zone) {
  const char* zone = std::getenv("TZ");
  const std::string before = zone != nullptr ? zone : "";
  setenv("TZ", "XST-5:30", 1);  // East of Greenwich, in the words of POSIX.
  tzset();
  BOOST_TEST(format_local(1'795'341'600'999'999) == "2026-11-22 15:30:00");
  zone != nullptr ? setenv("TZ", before.c_str(), 1) : unsetenv("TZ");
  tzset();
}

BOOST_AUTO_TEST_CASE(wall_time_is_of_this_century) {
  BOOST_TEST(wall_time_us() > 1'700'000'000'000'000);
  BOOST_TEST(wall_time_us() < 4'102'444'800'000'000);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge
