// A text is a time, a duration, or neither. A time is a range that is not turned round, and its
// ends are read back from what is printed of them. The first byte chooses the zone.

#include "src/base/time_expression.h"

#include "src/base/clock.h"
#include "tests/fuzz/target.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <string>

namespace converge::fuzz {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kNowUs = 1'795'341'600 * kSecondUs + 123'456;
constexpr std::array<const char*, 6> kZones = {"UTC0",
                                               "CET-1CEST,M3.5.0,M10.5.0/3",
                                               "NST3:30NDT,M3.2.0,M11.1.0",
                                               "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45",
                                               "<-12>12",
                                               "<+14>-14"};

/// The zone of the process, while it lasts.
class Zone {
 public:
  explicit Zone(const char* name) {
    if (const char* value = std::getenv("TZ")) {
      before_ = value;
      was_set_ = true;
    }
    set(name);
  }
  ~Zone() { set(was_set_ ? before_.c_str() : nullptr); }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;

 private:
  static void set(const char* name) {
    if (name == nullptr) {
      ::unsetenv("TZ");
    } else {
      ::setenv("TZ", name, 1);
    }
    ::tzset();
  }

  std::string before_;
  bool was_set_ = false;
};

void claim_read_back(std::int64_t time_us, std::string_view input) {
  const auto utc = parse_time(format_utc(time_us), kNowUs);
  claim(utc && utc->first_us == time_us && utc->last_us == time_us, "not read back in UTC", input);
  // A local time is read to the second, and as both of the times that it may mean.
  const auto local = parse_time(format_local(time_us), kNowUs);
  claim(local && local->first_us <= time_us && time_us <= local->last_us,
        "not read back as local time", input);
}

void claim_time(std::string_view text) {
  const auto time = parse_time(text, kNowUs);
  const auto error = error_of([&] { time_given("--since", text, kNowUs); });
  claim(time.has_value() == !error.has_value(), "read and refused", text);
  if (error) {
    claim(error->kind() == ErrorKind::usage && !error->hint().empty(), "no hint", error->what());
    return;
  }
  claim(time->first_us <= time->last_us, "a range is turned round", text);
  // What format_utc and format_local can write with four digits.
  constexpr std::int64_t kFirstUs = -62'167'000'000 * kSecondUs;
  constexpr std::int64_t kLastUs = 253'402'000'000 * kSecondUs;
  for (const auto end_us : {time->first_us, time->last_us}) {
    if (end_us > kFirstUs && end_us < kLastUs) claim_read_back(end_us, text);
  }
}

void claim_duration(std::string_view text) {
  const auto duration = parse_duration(text);
  if (!duration) return;
  claim(duration->count() >= 0 && *duration <= std::chrono::hours(240'000), "no such duration",
        text);
  claim(parse_duration(format_duration(*duration)) == duration, "a duration is not read back",
        format_duration(*duration));
}

}  // namespace

void time_expression(std::string_view input) {
  if (input.empty()) return;
  const Zone zone(kZones.at(static_cast<unsigned char>(input.front()) % kZones.size()));
  input.remove_prefix(1);
  claim_time(input);
  claim_duration(input);
}

}  // namespace converge::fuzz
