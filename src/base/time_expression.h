#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace converge {

/// The microseconds that a written time means, both ends included, since 1970-01-01 00:00 UTC. A
/// window starts at the `first_us` of its `--since` and ends with the `last_us` of its `--until`.
struct TimeRange {
  std::int64_t first_us = 0;
  std::int64_t last_us = 0;

  friend bool operator==(const TimeRange&, const TimeRange&) = default;
};

/// Reads a time as systemd.time(7) and journalctl do; nullopt for anything else.
///
/// - `now`; `-2h`, `+30m`, `2h ago`, `1d 3h ago`, `2 hours ago`, `3d left`: numbers with the units
///   of systemd.time, from `us` to `years` (a month is 30.44 days and a year 365.25, as there), in
///   all at most 100 years.
/// - `today`, `yesterday`, `tomorrow`: that midnight, or with a time of day behind it.
/// - `2026-11-22`, `2026-11-22 10:00`, `2026-11-22 10:00:05.123456`; without a date, today. `T` may
///   stand for the blank. The zone is that of the process, or follows: ` UTC` behind any of these;
///   `Z`, `+01:00`, `+0100`, `+01` behind a time of day (RFC 3339, and what psql prints).
/// - `@1795341600`, `@1795341600.5`: seconds since 1970.
///
/// What `format_utc` and `format_local` write is read back. A time given to the second means the
/// whole second, and a fraction the whole of its last digit's unit, down to the microsecond (more
/// digits are cut off): `--until 10:00:05` includes 10:00:05.999999. Where the seconds are left
/// out, they are zero, and the time is that instant alone: `--until 2026-11-22` is that midnight,
/// and `--until 10:00` ends with 10:00:00.000000, as in journalctl.
///
/// A local time that the clock showed twice (the end of summer time) means everything from its
/// first showing through its second, so that no bound loses an entry. One that the clock skipped is
/// read as if it had not yet been put forward: 02:30 is what showed as 03:30.
std::optional<TimeRange> parse_time(std::string_view text, std::int64_t now_us);

/// The same; throws `Error{usage}`, which names the option (`--since`), for what is not a time.
TimeRange time_given(std::string_view option, std::string_view text, std::int64_t now_us);

}  // namespace converge
