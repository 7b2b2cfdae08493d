#include "src/base/descriptor.h"
#include "src/base/digest.h"
#include "src/base/fault.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "updater/release_store.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace converge::updater {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSmall = 64 * 1024;

[[noreturn]] void fail(const char* doing, const fs::path& path, int error_number) {
  const bool refused = error_number == EACCES || error_number == EPERM || error_number == EROFS;
  throw Error(refused ? ErrorKind::usage : ErrorKind::failure,
              fmt::format("cannot {} {}: {}", doing, path.native(), system_reason(error_number)));
}

void flush_directory(const fs::path& directory) {
  const Descriptor opened(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.number() < 0 || fsync(opened.number()) != 0) fail("flush", directory, errno);
}

// Each that is made is on disk, by name, before anything is put into it.
void make_directories(const fs::path& root, const fs::path& relative) {
  fs::path directory = root;
  for (const auto& part : relative) {
    const fs::path parent = directory;
    directory /= part;
    if (mkdir(directory.c_str(), 0755) == 0) {
      if (chmod(directory.c_str(), 0755) != 0) fail("make", directory, errno);
    } else if (errno != EEXIST) {
      fail("make", directory, errno);
    }
    flush_directory(parent);
  }
}

void write_all(int file, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const auto count = write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

class DirectoryStore : public ReleaseStore {
 public:
  explicit DirectoryStore(fs::path directory);

  std::optional<std::string> read(const std::string& path) const override;
  bool has(const std::string& path) const override;
  Match compare(const Artifact& artifact) const override;
  void put(const std::string& path, std::string_view bytes) override;
  void add(const std::string& path, std::string_view bytes,
           const StoreProgress& /*progress*/) override {
    put(path, bytes);
  }
  std::string name_of(const std::string& path) const override { return directory_ / path; }

 private:
  // Closed when there is none.
  Descriptor open_file(const std::string& path) const;

  fs::path directory_;
  Descriptor lock_;
};

DirectoryStore::DirectoryStore(fs::path directory) : directory_(std::move(directory)) {
  if (!fs::is_directory(directory_)) {
    throw Error(ErrorKind::usage, fmt::format("there is no directory {}", directory_.native()),
                "Make it, and let a web server serve it.");
  }
  // The directory itself is what is locked: nothing is left in it.
  lock_ = Descriptor(open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock_.number() < 0) fail("read", directory_, errno);
  if (flock(lock_.number(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) fail("lock", directory_, errno);
  throw StoreBusy(
      ErrorKind::transient,
      fmt::format("another converge publishes to {} at this moment", directory_.native()),
      "Wait for its end, then try again.");
}

Descriptor DirectoryStore::open_file(const std::string& path) const {
  const auto file = directory_ / path;
  Descriptor opened(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (opened.number() < 0 && errno != ENOENT && errno != ENOTDIR) fail("read", file, errno);
  return opened;
}

bool DirectoryStore::has(const std::string& path) const { return open_file(path).number() >= 0; }

std::optional<std::string> DirectoryStore::read(const std::string& path) const {
  const auto opened = open_file(path);
  if (opened.number() < 0) return std::nullopt;
  struct stat status {};
  if (fstat(opened.number(), &status) != 0) fail("read", directory_ / path, errno);
  if (status.st_size > kSmall) {
    throw Error(ErrorKind::failure, fmt::format("{} is larger than 64 KiB", name_of(path)));
  }
  return read_file(directory_ / path);
}

ReleaseStore::Match DirectoryStore::compare(const Artifact& artifact) const {
  const auto opened = open_file(artifact.path);
  if (opened.number() < 0) return Match::absent;
  Sha256 digest;
  std::int64_t size = 0;
  std::array<char, 65536> buffer;  // NOLINT: what is not read is not looked at.
  for (;;) {
    const auto count = ::read(opened.number(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("read", directory_ / artifact.path, errno);
    if (count == 0) break;
    size += count;
    digest.update({buffer.data(), static_cast<std::size_t>(count)});
  }
  const bool same = size == artifact.size_bytes && hex(digest.finish()) == artifact.sha256;
  return same ? Match::same : Match::different;
}

void DirectoryStore::put(const std::string& path, std::string_view bytes) {
  const auto file = directory_ / path;
  const auto directory = file.parent_path();
  make_directories(directory_, fs::path(path).parent_path());
  const auto temporary = directory / ("." + file.filename().native() + ".part");
  // Of an attempt that was killed. Under the lock it is nobody else's.
  if (unlink(temporary.c_str()) != 0 && errno != ENOENT) fail("remove", temporary, errno);
  const Descriptor opened(
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (opened.number() < 0) fail("write", temporary, errno);
  fault_point("publish_begun");
  try {
    write_all(opened.number(), bytes, temporary);
    if (fchmod(opened.number(), 0644) != 0 || fsync(opened.number()) != 0) {
      fail("write", temporary, errno);
    }
    fault_point("publish_written");
    if (rename(temporary.c_str(), file.c_str()) != 0) fail("write", file, errno);
  } catch (const Error&) {
    unlink(temporary.c_str());
    throw;
  }
  fault_point("publish_renamed");
  flush_directory(directory);
}

}  // namespace

std::unique_ptr<ReleaseStore> open_directory_store(const fs::path& directory) {
  return std::make_unique<DirectoryStore>(fs::absolute(directory));
}

}  // namespace converge::updater
