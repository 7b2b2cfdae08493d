#pragma once

#include "src/base/log_line.h"

#include <Poco/AutoPtr.h>
#include <Poco/Channel.h>

#include <cstdint>
#include <mutex>
#include <utility>

namespace converge {

/// Writes each message as a line to a file descriptor that it does not own. Thread-safe.
///
/// A line that cannot be written within a tenth of a second, or at all, is lost and counted; no
/// signal is raised and nothing is thrown. While lines are lost, the next ones wait no more.
class LogChannel : public Poco::Channel {
 public:
  LogChannel(int file, Poco::AutoPtr<Poco::Formatter> formatter)
      : file_(file), formatter_(std::move(formatter)) {}

  void log(const Poco::Message& message) override;

 private:
  bool write_line(const Poco::Message& message);
  Poco::Message lines_lost() const;

  std::mutex mutex_;
  int file_;
  Poco::AutoPtr<Poco::Formatter> formatter_;
  std::int64_t lost_ = 0;
  bool is_unfinished_ = false;  ///< The last line has no end.
};

}  // namespace converge
