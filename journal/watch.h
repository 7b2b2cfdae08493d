#pragma once

#include <chrono>
#include <filesystem>
#include <string>

namespace converge::journal {

/// Tells when a journal may have grown: sleeps in the kernel (inotify(7)) until its WAL or the file
/// itself changes, and costs nothing meanwhile.
class Watch {
 public:
  /// Throws `Error{failure}` when the kernel refuses. What is written from now on is noticed.
  explicit Watch(const std::filesystem::path& file);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Returns after a change, or when the time is over. A change may also be nothing new to read.
  void wait(std::chrono::milliseconds at_most);
  /// Lets `wait` return, now or when it is called next. From any thread.
  void interrupt();

 private:
  bool take_changes();

  std::string name_;
  int descriptor_;
  int interrupted_;  ///< An eventfd(2).
};

}  // namespace converge::journal
