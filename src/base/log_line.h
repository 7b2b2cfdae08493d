#pragma once

#include "src/base/log.h"

#include <Poco/Formatter.h>
#include <Poco/Message.h>

#include <cstddef>

namespace converge {

/// PIPE_BUF of pipe(7): what a pipe takes without mixing it with what others write.
inline constexpr std::size_t kLongestLogLine_bytes = 4096;

/// Who reads the lines.
enum class LogPlace { file, systemd };

/// What is said and its fields, in their order, as Poco carries them to a `LogLineFormatter`.
Poco::Message to_message(Poco::Message::Priority priority, std::string_view text,
                         std::span<const LogField> fields);

/// Makes one line, without its end, of at most `kLongestLogLine_bytes` with it.
class LogLineFormatter : public Poco::Formatter {
 public:
  LogLineFormatter(LogFormat format, LogPlace place) : format_(format), place_(place) {}

  void format(const Poco::Message& message, std::string& line) override;

 private:
  LogFormat format_;
  LogPlace place_;
};

}  // namespace converge
