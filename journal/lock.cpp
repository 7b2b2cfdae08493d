#include "journal/database.h"
#include "src/base/clock.h"
#include "src/base/text.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace converge::journal {
namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::microseconds kFirstPause{100};
constexpr std::chrono::microseconds kLongestPause{1000};

void make_private_directories(const std::filesystem::path& directory) {
  std::error_code unknown;
  if (directory.empty() || std::filesystem::exists(directory, unknown)) {
    return;
  }
  make_private_directories(directory.parent_path());
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    throw write_error(directory, "mkdir: " + system_reason(errno));
  }
}

/// Polls: a blocking flock has no deadline, and a holder that was stopped (Ctrl-Z) would hang all
/// the others for good.
void wait_for_lock(int descriptor, const std::filesystem::path& name) {
  const auto deadline = Clock::now() + kPatience;
  auto pause = kFirstPause;
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      throw write_error(name, "flock: " + system_reason(errno));
    }
    if (Clock::now() > deadline) {
      throw write_error(name, "another process has held the lock for a minute");
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

/// Somebody may have removed the lock file while this process waited for it.
bool is_still_named(int descriptor, const std::filesystem::path& name) {
  struct stat opened {};
  const auto named = identity_of(name);
  return named && ::fstat(descriptor, &opened) == 0 &&
         *named == FileIdentity{opened.st_dev, opened.st_ino};
}

}  // namespace

FileLock::FileLock(const std::filesystem::path& file) {
  const std::filesystem::path name = file.string() + ".lock";
  make_private_directories(file.parent_path());
  do {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
    descriptor_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor_ < 0) {
      throw write_error(file, name.string() + ": " + system_reason(errno));
    }
    try {
      wait_for_lock(descriptor_, name);
    } catch (...) {
      ::close(descriptor_);
      throw;
    }
  } while (!is_still_named(descriptor_, name));
}

FileLock::~FileLock() { ::close(descriptor_); }

}  // namespace converge::journal
