#include "src/base/log_line.h"

#include "src/base/clock.h"
#include "src/base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

namespace converge {
namespace {

constexpr std::string_view kText = "t";
constexpr std::string_view kBare = "b";

std::string_view name_of(Poco::Message::Priority priority) {
  switch (priority) {
    case Poco::Message::PRIO_FATAL:
    case Poco::Message::PRIO_CRITICAL:
    case Poco::Message::PRIO_ERROR:
      return "error";
    case Poco::Message::PRIO_WARNING:
      return "warning";
    case Poco::Message::PRIO_NOTICE:
      return "notice";
    case Poco::Message::PRIO_INFORMATION:
      return "info";
    case Poco::Message::PRIO_DEBUG:
    case Poco::Message::PRIO_TRACE:
      break;
  }
  return "debug";
}

// The numbers of syslog(3); Poco has one more below debug.
int syslog_priority(Poco::Message::Priority priority) {
  return std::min<int>(priority, Poco::Message::PRIO_DEBUG);
}

std::string format_time(const Poco::Timestamp& time) {
  std::string text = format_utc(time.epochMicroseconds());
  text.erase(text.size() - 4, 3);  // Milliseconds are enough for people.
  return text;
}

std::vector<LogField> fields_of(const Poco::Message& message, LogPlace place) {
  std::vector<LogField> fields;
  if (place == LogPlace::file) fields.emplace_back("time", format_time(message.getTime()));
  fields.emplace_back("level", name_of(message.getPriority()));
  fields.emplace_back("msg", message.getText());
  for (int i = 0; message.has(std::to_string(i)); ++i) {
    const std::string_view field = message[std::to_string(i)];
    const auto equals = field.find('=');
    fields.emplace_back(field.substr(1, equals - 1), field.substr(equals + 1));
    fields.back().is_text = field.substr(0, 1) == kText;
  }
  return fields;
}

// At most so many bytes, and never half a character.
std::string cut(const std::string& text, std::size_t longest_bytes) {
  if (text.size() <= longest_bytes) return text;
  std::size_t end = longest_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
  return text.substr(0, end) + "…";
}

std::string logfmt_value(const LogField& field, const std::string& value) {
  std::string quoted = json_string(value);
  const bool is_plain = !value.empty() && quoted.size() == value.size() + 2 &&
                        value.find_first_of(" =") == std::string::npos;
  return is_plain && field.key != "msg" ? value : quoted;
}

std::string line_of(const std::vector<LogField>& fields, LogFormat format, std::size_t longest) {
  std::string line;
  for (const LogField& field : fields) {
    const std::string value = cut(field.value, longest);
    if (format == LogFormat::json) {
      line += fmt::format("{}{}:{}", line.empty() ? '{' : ',', json_string(field.key),
                          field.is_text ? json_string(value) : value);
    } else {
      line +=
          fmt::format("{}{}={}", line.empty() ? "" : " ", field.key, logfmt_value(field, value));
    }
  }
  return format == LogFormat::json ? line + '}' : line;
}

}  // namespace

Poco::Message to_message(Poco::Message::Priority priority, std::string_view text,
                         std::span<const LogField> fields) {
  Poco::Message message("", std::string(text), priority);
  std::size_t number = 0;
  for (const LogField& field : fields) {
    message.set(std::to_string(number++),
                fmt::format("{}{}={}", field.is_text ? kText : kBare, field.key, field.value));
  }
  return message;
}

void LogLineFormatter::format(const Poco::Message& message, std::string& line) {
  const std::string prefix = place_ == LogPlace::systemd
                                 ? fmt::format("<{}>", syslog_priority(message.getPriority()))
                                 : std::string();
  const auto fields = fields_of(message, place_);
  // An escape may be six times as long as what it stands for, so lengths are tried.
  constexpr std::size_t kEnd_bytes = 1;
  std::size_t longest = kLongestLogLine_bytes;
  do {
    line = prefix + line_of(fields, format_, longest);
    longest /= 2;
  } while (line.size() + kEnd_bytes > kLongestLogLine_bytes && longest > 0);
}

}  // namespace converge
