#pragma once

#include <chrono>
#include <concepts>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace converge {

/// What a person who reads the log filters by; the same as syslog(3)'s.
enum class LogLevel { error, warning, notice, info, debug };

enum class LogFormat {
  logfmt,  ///< `time=2026-11-22T10:00:00.123Z level=info msg="converged" converger=x`
  json,    ///< The same members as one JSON object a line.
};

/// `key=value` of a line. Keys are words of the program's own; a key of a duration ends in `_ms`.
struct LogField {
  template <std::convertible_to<std::string_view> Text>
  LogField(std::string_view field, const Text& text) : key(field), value(std::string_view(text)) {}
  template <std::integral Number>
  LogField(std::string_view field, Number number)
      : key(field), value(std::to_string(number)), is_text(false) {}
  LogField(std::string_view field, bool truth)
      : key(field), value(truth ? "true" : "false"), is_text(false) {}
  LogField(std::string_view field, std::chrono::microseconds duration);

  std::string_view key;
  std::string value;
  bool is_text = true;  ///< JSON puts it in quotes.
};

/// Begins the log of this process on standard error; until then `log` says nothing. Once, before
/// other threads log.
///
/// Where systemd's journal reads standard error (JOURNAL_STREAM in systemd.exec(5)) a line has no
/// time, which the journal adds, and begins with its priority as sd-daemon(3) describes.
void start_log(LogFormat format, LogLevel least);

/// One line, whatever the values hold, by a single write(2) of at most 4,096 bytes, for which
/// values are cut; so the lines of several threads and processes never mix.
///
/// Never throws for a log that nobody reads and never waits for it longer than a tenth of a second:
/// the line is lost, and the next that goes through is preceded by one that says how many were.
void log(LogLevel level, std::string_view message, std::span<const LogField> fields);
void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

}  // namespace converge
