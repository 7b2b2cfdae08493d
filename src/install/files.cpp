#include "src/install/files.h"

#include "src/base/descriptor.h"
#include "src/base/digest.h"
#include "src/base/error.h"
#include "src/base/text.h"
#include "updater/durable.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace converge::install {

namespace {

constexpr const char* kNothingDone = "Nothing was changed.";

int write_whole(int file, std::string_view text) {
  while (!text.empty()) {
    const auto count = write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

std::string digest_of(int file, const std::filesystem::path& path) {
  Sha256 sha;
  std::array<char, 1 << 16> buffer{};
  for (;;) {
    const auto count = read(file, buffer.data(), buffer.size());
    if (count == 0) return hex(sha.finish());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(fmt::format("cannot read {}", path.native()), errno, kNothingDone);
    sha.update({buffer.data(), static_cast<std::size_t>(count)});
  }
}

std::string way_out(int error_number) {
  switch (error_number) {
    case EACCES:
    case EPERM:
      return geteuid() == 0 ? "" : "Run it with sudo, or for yourself: --prefix ~/.local";
    case EROFS:
      return "Install it where the image is made, or mount that file system writable.";
    case ENOSPC:
    case EDQUOT:
      return "Make room there, and run it again.";
    case ENOTDIR:
    case EEXIST:
    case EISDIR:
      return "Something else is there. Look at it, and move it away.";
    default:
      return "Run it again once that is mended.";
  }
}

}  // namespace

void fail(const std::string& what, int error_number, const std::string& undone) {
  const auto hint = way_out(error_number);
  throw Error(ErrorKind::failure, fmt::format("{}: {}", what, system_reason(error_number)),
              hint.empty() ? undone : fmt::format("{} {}", undone, hint));
}

Seen look_at(const std::filesystem::path& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file.number() < 0) {
    if (errno == ENOENT) return {};
    if (errno == ELOOP) return {.what = Seen::What::link};
    if (errno == ENXIO) return {.what = Seen::What::other};
    fail(fmt::format("cannot read {}", path.native()), errno, kNothingDone);
  }
  struct stat status {};
  if (fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return {.what = Seen::What::other};
  }
  return {.what = Seen::What::file, .digest = digest_of(file.number(), path)};
}

void require_closed_way(const std::filesystem::path& directory) {
  std::error_code error;
  auto way = std::filesystem::weakly_canonical(directory, error);
  if (error)
    fail(fmt::format("cannot look at {}", directory.native()), error.value(), kNothingDone);
  for (;; way = way.parent_path()) {
    struct stat status {};
    if (lstat(way.c_str(), &status) == 0) {
      const bool is_ours = status.st_uid == 0 || status.st_uid == geteuid();
      const bool is_open = (status.st_mode & 022U) != 0 && (status.st_mode & S_ISVTX) == 0;
      if (!is_ours || is_open) {
        throw Error(ErrorKind::usage,
                    fmt::format("{} is not only root's and yours (owner {}, mode {:04o}): others "
                                "could exchange what is installed there",
                                way.native(), status.st_uid, status.st_mode & 07777U),
                    is_ours ? fmt::format("Run: chmod go-w {}", way.native())
                            : "Install it elsewhere, with --prefix.");
      }
    }
    if (way == way.parent_path()) return;
  }
}

Staging::~Staging() {
  for (const auto& file : staged_) unlink(file.temporary.c_str());
  std::for_each(made_.rbegin(), made_.rend(),
                [](const auto& directory) { rmdir(directory.c_str()); });
}

void Staging::make_directories(const std::filesystem::path& directory) {
  struct stat status {};
  if (stat(directory.c_str(), &status) == 0 || directory == directory.parent_path()) return;
  make_directories(directory.parent_path());
  if (mkdir(directory.c_str(), 0755) != 0) {
    if (errno == EEXIST) return;
    fail(fmt::format("cannot make the directory {}", directory.native()), errno, kNothingDone);
  }
  made_.push_back(directory);
  chmod(directory.c_str(), 0755);
}

void Staging::stage(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  make_directories(path.parent_path());
  std::string temporary = path.parent_path() / fmt::format(".{}.XXXXXX", path.filename().native());
  const Descriptor file(mkostemp(temporary.data(), O_CLOEXEC));
  const auto what = fmt::format("cannot write {}", path.native());
  if (file.number() < 0) fail(what, errno, kNothingDone);
  staged_.push_back({.temporary = temporary, .path = path});
  if (const int error_number = write_whole(file.number(), content)) {
    fail(what, error_number, kNothingDone);
  }
  if (fchmod(file.number(), mode) != 0 || fsync(file.number()) != 0)
    fail(what, errno, kNothingDone);
}

void Staging::put_in_place() {
  std::set<std::filesystem::path> directories;
  while (!staged_.empty()) {
    const auto& next = staged_.front();
    if (rename(next.temporary.c_str(), next.path.c_str()) != 0) {
      fail(fmt::format("cannot put {} in place", next.path.native()), errno,
           fmt::format("{} more are not in place yet.", staged_.size() - 1));
    }
    directories.insert(next.path.parent_path());
    staged_.erase(staged_.begin());
  }
  for (const auto& made : made_) directories.insert(made.parent_path());
  made_.clear();
  for (const auto& directory : directories) updater::sync_directory(directory);
}

void remove(const std::filesystem::path& path, std::set<std::filesystem::path>& directories) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    fail(fmt::format("cannot remove {}", path.native()), errno, "The rest is still recorded.");
  }
  directories.insert(path.parent_path());
}

}  // namespace converge::install
