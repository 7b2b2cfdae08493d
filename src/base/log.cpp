#include "src/base/log.h"

#include "src/base/log_channel.h"
#include "src/base/log_line.h"

#include <Poco/AutoPtr.h>
#include <Poco/Logger.h>
#include <Poco/Message.h>
#include <fmt/core.h>

#include <cstdlib>
#include <sys/stat.h>
#include <unistd.h>

namespace converge {
namespace {

Poco::Message::Priority priority(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return Poco::Message::PRIO_ERROR;
    case LogLevel::warning:
      return Poco::Message::PRIO_WARNING;
    case LogLevel::notice:
      return Poco::Message::PRIO_NOTICE;
    case LogLevel::info:
      return Poco::Message::PRIO_INFORMATION;
    case LogLevel::debug:
      break;
  }
  return Poco::Message::PRIO_DEBUG;
}

// The variable is inherited by programs whose standard error has since been sent elsewhere.
bool is_read_by_systemd(int file) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  return stream != nullptr && ::fstat(file, &status) == 0 &&
         fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

}  // namespace

LogField::LogField(std::string_view field, std::chrono::microseconds duration)
    : key(field),
      value(fmt::format("{:.3f}", static_cast<double>(duration.count()) / 1000)),
      is_text(false) {}

void start_log(LogFormat format, LogLevel least) {
  const LogPlace place = is_read_by_systemd(STDERR_FILENO) ? LogPlace::systemd : LogPlace::file;
  const Poco::AutoPtr<Poco::Formatter> lines(new LogLineFormatter(format, place));
  Poco::Logger& root = Poco::Logger::root();
  root.setChannel(Poco::AutoPtr<Poco::Channel>(new LogChannel(STDERR_FILENO, lines)));
  root.setLevel(priority(least));
}

void log(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  Poco::Logger& root = Poco::Logger::root();
  if (!root.is(priority(level))) return;
  root.log(to_message(priority(level), message, fields));
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  log(level, message, std::span(fields.begin(), fields.size()));
}

}  // namespace converge
