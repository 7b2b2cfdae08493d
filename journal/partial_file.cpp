#include "journal/partial_file.h"

#include "journal/database.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace converge::journal {
namespace {

Error is_there(const std::filesystem::path& file) {
  return {ErrorKind::usage, fmt::format("{} exists already", file.string()),
          "Name a file that does not exist; nothing is written over."};
}

/// SQLite would take what an old WAL holds for the content of the new file.
void require_nothing_beside(const std::filesystem::path& file) {
  for (const char* suffix : {"-wal", "-journal"}) {
    const std::filesystem::path beside = file.string() + suffix;
    if (!identity_of(beside)) {
      continue;
    }
    throw Error(ErrorKind::usage,
                fmt::format("{} is there, without its database", printable(beside.string())),
                "It belongs to a file that was removed: move it away, or name another file.");
  }
}

/// File systems that know no RENAME_NOREPLACE get the check and the rename one after the other.
int rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
    return 0;
  }
  if (errno != EINVAL && errno != ENOSYS) {
    return errno;
  }
  if (identity_of(to)) {
    return EEXIST;
  }
  return std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

bool is_still_named(int descriptor, const std::filesystem::path& path) {
  struct stat opened {};
  return ::fstat(descriptor, &opened) == 0 &&
         identity_of(path) == FileIdentity{opened.st_dev, opened.st_ino};
}

}  // namespace

Error copy_error(const std::filesystem::path& file, std::string_view reason) {
  return {ErrorKind::failure, fmt::format("{} cannot be written: {}", file.string(), reason),
          "See to the space on its file system and to the owner and mode of its directory; nothing "
          "of it was left, and the journal is as it was."};
}

PartialFile::PartialFile(const std::filesystem::path& file)
    : file_(file), path_(file.string() + ".partial") {
  if (std::filesystem::symlink_status(file_).type() != std::filesystem::file_type::not_found) {
    throw is_there(file_);
  }
  require_nothing_beside(file_);
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor_ < 0) {
    const auto kind = errno == ENOENT ? ErrorKind::usage : ErrorKind::failure;
    const auto error = copy_error(file_, system_reason(errno));
    throw Error(kind, error.what(), error.hint());
  }
  // Between the two calls its owner may have given it its final name.
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 || !is_still_named(descriptor_, path_)) {
    ::close(descriptor_);
    throw Error(ErrorKind::failure, fmt::format("another process is writing {}", path_.string()),
                "Wait for its end, or name another file.");
  }
  // With an old WAL beside it, SQLite would take what is in that for its content.
  remove_beside();
  if (::ftruncate(descriptor_, 0) != 0 || ::fchmod(descriptor_, 0600) != 0) {
    const auto error = copy_error(file_, system_reason(errno));
    ::close(descriptor_);
    throw error;
  }
}

PartialFile::~PartialFile() {
  if (!finished_) {
    ::unlink(path_.c_str());
    remove_beside();
  }
  ::close(descriptor_);
}

void PartialFile::remove_beside() const {
  for (const char* suffix : {"-wal", "-shm", "-journal", ".lock"}) {
    ::unlink((path_.string() + suffix).c_str());
  }
}

void PartialFile::finish() {
  remove_beside();
  if (::fsync(descriptor_) != 0) {
    throw copy_error(file_, system_reason(errno));
  }
  require_nothing_beside(file_);
  if (const int failure = rename_to_new(path_, file_); failure != 0) {
    throw failure == EEXIST ? is_there(file_) : copy_error(file_, system_reason(failure));
  }
  finished_ = true;
  sync_directory_of(file_);
}

void remove_left_overs(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> partial;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".partial") {
      partial.push_back(entry.path().parent_path() / entry.path().stem());
    }
  }
  for (const auto& file : partial) {
    try {
      const PartialFile left(file);  // Goes with it, unless its maker still has the lock.
    } catch (const Error&) {
      // Being made, or not ours to remove.
    }
  }
}

}  // namespace converge::journal
