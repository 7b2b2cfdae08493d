#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace converge {

using Clock = std::chrono::steady_clock;  ///< For deadlines and durations.

/// Microseconds since 1970-01-01 00:00 UTC, by the wall clock.
std::int64_t wall_time_us();

/// `2026-11-22T10:00:00.123456Z` (RFC 3339).
std::string format_utc(std::int64_t time_us);

/// `2026-11-22 10:00:00` in the zone of the process.
std::string format_local(std::int64_t time_us);

/// Reads `500ms`, `10s`, `5m`, `1h30m`, `2d`, or `0s`: numbers with a unit each, largest first.
/// Anything else, and what exceeds 10,000 days, is nullopt.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// What `parse_duration` reads back to the same value, without parts that are zero: `1h30m`.
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace converge
