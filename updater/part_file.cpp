#include "updater/part_file.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace converge::updater {
namespace {

/// For the user of this process on the file system of an open file; -1 when that is not known.
std::int64_t free_bytes(int file) {
  struct statvfs system {};
  if (fstatvfs(file, &system) != 0) return -1;
  return static_cast<std::int64_t>(system.f_bavail) * static_cast<std::int64_t>(system.f_frsize);
}

bool is_own(const struct stat& file) {
  return S_ISREG(file.st_mode) && file.st_nlink == 1 && file.st_uid == geteuid() &&
         (file.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace

PartFile::PartFile(std::filesystem::path path, std::int64_t whole_bytes)
    : path_(std::move(path)), whole_bytes_(whole_bytes) {
  if (open_existing()) {
    read_existing();
  } else {
    create();
  }
}

bool PartFile::open_existing() {
  struct stat found {};
  if (lstat(path_.c_str(), &found) != 0) {
    if (errno == ENOENT) return false;
    fail("look at", errno);
  }
  if (is_own(found) && found.st_size <= whole_bytes_) {
    // Not waiting for the other side of a pipe that has been put there meanwhile.
    file_ = Descriptor(open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (file_.number() < 0 && errno != EACCES) fail("open", errno);
    struct stat opened {};
    if (file_.number() >= 0 && fstat(file_.number(), &opened) == 0 && is_own(opened)) return true;
  }
  remove();
  return false;
}

void PartFile::create() {
  file_ = Descriptor(open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file_.number() < 0) fail("create", errno);
}

void PartFile::read_existing() {
  std::array<char, 64 * 1024> block;  // NOLINT: what is not read is not looked at.
  while (size_bytes_ < whole_bytes_) {
    const auto most = std::min<std::int64_t>(whole_bytes_ - size_bytes_, block.size());
    const auto count = read(file_.number(), block.data(), static_cast<std::size_t>(most));
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("read", errno);
    hash_.update({block.data(), static_cast<std::size_t>(count)});
    size_bytes_ += count;
  }
}

void PartFile::reserve() {
  if (is_whole()) return;
  const auto error_number = try_reserve();
  if (error_number == 0) return;
  const auto free = free_bytes(file_.number());
  // What a failed attempt has got would stay reserved.
  if (size_bytes_ == 0 || ftruncate(file_.number(), size_bytes_) != 0) remove();
  throw Error(ErrorKind::failure,
              fmt::format("no space for {}, which needs {}: {}", path_.native(),
                          counted(whole_bytes_, "byte"), system_reason(error_number)),
              free < 0 ? "" : "Its file system has " + counted(free, "byte") + " free.");
}

/// The reason why not, or 0.
int PartFile::try_reserve() const {
  struct stat file {};
  if (fstat(file_.number(), &file) != 0) return errno;
  // Asked first, because a file system may use up what others need before it says no.
  const auto free = free_bytes(file_.number());
  if (free >= 0 && free < whole_bytes_ - std::int64_t{file.st_blocks} * 512) return ENOSPC;
  for (;;) {
    if (fallocate(file_.number(), FALLOC_FL_KEEP_SIZE, 0, whole_bytes_) == 0) return 0;
    if (errno == EOPNOTSUPP || errno == ENOSYS) return 0;  // It was looked at, at least.
    if (errno != EINTR) return errno;
  }
}

void PartFile::append(std::string_view bytes) {
  hash_.update(bytes);
  while (!bytes.empty()) {
    const auto count = write(file_.number(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("write", errno);
    size_bytes_ += count;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void PartFile::restart() {
  if (ftruncate(file_.number(), 0) != 0 || lseek(file_.number(), 0, SEEK_SET) != 0) {
    fail("empty", errno);
  }
  size_bytes_ = 0;
  hash_.finish();
}

void PartFile::remove() {
  if (unlink(path_.c_str()) != 0 && errno != ENOENT) fail("remove", errno);
}

void PartFile::sync() {
  if (fsync(file_.number()) == 0) return;
  const int error_number = errno;
  remove();  // Nobody knows what it holds: the next fsync would succeed.
  fail("write", error_number);
}

void PartFile::fail(const char* doing, int error_number) const {
  throw Error(ErrorKind::failure,
              fmt::format("cannot {} {}: {}", doing, path_.native(), system_reason(error_number)));
}

}  // namespace converge::updater
