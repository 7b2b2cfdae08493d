#pragma once

#include "src/base/clock.h"

#include <cstdint>
#include <string>

namespace converge::cli {

/// A progress bar on standard error, when that is a terminal and the work takes more than a moment.
class Progress {
 public:
  explicit Progress(std::string title);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::int64_t done, std::int64_t total);
  /// Takes the bar away, so that something else can be printed.
  void clear();

 private:
  std::string title_;
  bool enabled_;
  bool shown_ = false;
  Clock::time_point started_;
  Clock::time_point last_;
};

}  // namespace converge::cli
