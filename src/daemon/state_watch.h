#pragma once

#include <cstdint>
#include <filesystem>
#include <sys/stat.h>
#include <tuple>
#include <utility>

namespace converge::daemon {

/// Tells cheaply whether a file that is only ever replaced has been replaced.
class StateWatch {
 public:
  explicit StateWatch(std::filesystem::path file) : file_(std::move(file)) {}

  /// Whether it is another one than at the last call; at the first, whether there is one.
  bool has_changed() {
    struct stat status {};
    const bool exists = ::stat(file_.c_str(), &status) == 0;
    const Seen seen = exists ? Seen{status.st_dev, status.st_ino, status.st_mtim.tv_sec,
                                    status.st_mtim.tv_nsec, status.st_size}
                             : Seen{};
    return std::exchange(seen_, seen) != seen;
  }

 private:
  using Seen = std::tuple<dev_t, ino_t, time_t, long, off_t>;

  std::filesystem::path file_;
  Seen seen_{};
};

}  // namespace converge::daemon
