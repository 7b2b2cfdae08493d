#include "updater/installation.h"

#include "src/base/clock.h"
#include "src/base/fault.h"
#include "src/base/text.h"
#include "updater/durable.h"
#include "updater/file_attributes.h"
#include "updater/installation_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <optional>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace converge::updater {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr milliseconds kLockInterval{10};
constexpr milliseconds kWriterInterval{1};
constexpr milliseconds kWriterPatience{10'000};
constexpr std::int64_t kPartLifetimeUs = std::int64_t{7} * 24 * 3'600 * 1'000'000;
constexpr std::size_t kTemporarySuffix = 7;  // A full stop, and the six characters of mkstemp(3).

[[noreturn]] void fail(const std::string& what, int error_number) {
  throw Error(ErrorKind::failure, fmt::format("{}: {}", what, system_reason(error_number)));
}

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * kSecondNs + time.tv_nsec;
}

FileIdentity identity_of(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size_bytes = status.st_size,
          .modified_ns = nanoseconds(status.st_mtim),
          .changed_ns = nanoseconds(status.st_ctim)};
}

// Of a regular file; nullopt for anything else.
std::optional<FileIdentity> file_at(const std::filesystem::path& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return identity_of(status);
}

bool is_same_file(const FileIdentity& one, const FileIdentity& other) {
  return one.device == other.device && one.inode == other.inode;
}

std::filesystem::path resolved(const std::filesystem::path& path) {
  std::error_code failure;
  auto target = std::filesystem::canonical(path, failure);
  if (!failure) return target;
  throw Error(ErrorKind::usage,
              fmt::format("cannot look at {}: {}", path.native(), system_reason(failure.value())));
}

Descriptor open_file(const std::filesystem::path& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.number() < 0) fail(fmt::format("cannot open {}", path.native()), errno);
  return file;
}

void sync_file(const Descriptor& file, const std::filesystem::path& path) {
  if (fsync(file.number()) != 0) fail(fmt::format("cannot sync {}", path.native()), errno);
}

void rename_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return;
  fail(fmt::format("cannot rename {} to {}", from.native(), to.native()), errno);
}

// Whoever has another name for it could change it later.
void require_own_file(const Descriptor& file, const std::filesystem::path& path) {
  struct stat status {};
  if (fstat(file.number(), &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1) return;
  throw Error(ErrorKind::failure,
              fmt::format("{} is not a regular file with one name", path.native()));
}

// The kernel grants a lease for reading just when it would let the file be run: while nobody has it
// open for writing.
void wait_for_writers(const Descriptor& file, const std::filesystem::path& path) {
  const auto deadline = Clock::now() + kWriterPatience;
  // Whoever opened it for writing meanwhile would have a signal sent to us; SIGIO would kill.
  fcntl(file.number(), F_SETSIG, SIGURG);
  while (fcntl(file.number(), F_SETLEASE, F_RDLCK) != 0) {
    if (errno != EAGAIN) return;  // No leases here.
    if (Clock::now() >= deadline) {
      throw Error(ErrorKind::failure,
                  fmt::format("another process has {} open for writing", path.native()));
    }
    std::this_thread::sleep_for(kWriterInterval);
  }
  fcntl(file.number(), F_SETLEASE, F_UNLCK);
}

bool is_temporary_of(const std::string& name, const std::string& final_name) {
  return name.size() == final_name.size() + kTemporarySuffix && name.starts_with(final_name) &&
         name[final_name.size()] == '.' &&
         std::all_of(name.begin() + static_cast<std::ptrdiff_t>(final_name.size()) + 1, name.end(),
                     [](char c) {
                       return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                              (c >= 'a' && c <= 'z');
                     });
}

std::vector<std::filesystem::path> temporary_files_of(const std::filesystem::path& file) {
  std::vector<std::filesystem::path> found;
  std::error_code failure;
  for (std::filesystem::directory_iterator entry(file.parent_path(), failure), end;
       !failure && entry != end; entry.increment(failure)) {
    if (is_temporary_of(entry->path().filename().native(), file.filename().native())) {
      found.push_back(entry->path());
    }
  }
  if (failure) fail(fmt::format("cannot list {}", file.parent_path().native()), failure.value());
  return found;
}

Error replaced(const std::filesystem::path& path) {
  return {ErrorKind::transient,
          fmt::format("{} was replaced meanwhile by somebody else", path.native()),
          "Try again: what is there now is looked at anew."};
}

}  // namespace

Installation Installation::of_this_process() {
  constexpr const char* kProgram = "/proc/self/exe";
  std::error_code failure;
  const auto path = std::filesystem::read_symlink(kProgram, failure);
  struct stat running {};
  struct stat present {};
  if (!failure && stat(kProgram, &running) == 0 && lstat(path.c_str(), &present) == 0 &&
      is_same_file(identity_of(running), identity_of(present))) {
    return Installation(path);
  }
  // The link of a file that is gone reads as its path and that.
  constexpr std::string_view kGone = " (deleted)";
  std::string name = path.native();
  if (name.ends_with(kGone)) name.resize(name.size() - kGone.size());
  if (file_at(name)) {
    throw Error(ErrorKind::transient,
                fmt::format("{} was replaced by another binary since this one started", name),
                "Start it again.");
  }
  throw Error(ErrorKind::usage,
              fmt::format("the binary of this process was removed since it started: {}", name),
              "Start it again, from where it is.");
}

Installation::Installation(const std::filesystem::path& path) : path_(resolved(path)) {}

std::filesystem::path Installation::beside(const char* suffix) const {
  return directory() / fmt::format(".{}{}", path_.filename().native(), suffix);
}

std::filesystem::path Installation::previous() const { return path_.native() + ".previous"; }
std::filesystem::path Installation::part() const { return beside(".part"); }
std::filesystem::path Installation::staged() const { return beside(".new"); }
std::filesystem::path Installation::state_file() const { return beside(".state"); }
std::filesystem::path Installation::lock_file() const { return beside(".lock"); }
std::filesystem::path Installation::link() const { return beside(".link"); }

void Installation::require_replaceable() const { require_replaceable_place(path_); }

Installation::Lock Installation::lock(milliseconds wait) const {
  const auto deadline = Clock::now() + wait;
  const auto name = lock_file();
  for (;;) {
    Descriptor file(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.number() < 0) refuse_directory(directory(), errno);
    struct stat status {};
    if (fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode)) {
      throw Error(ErrorKind::usage, fmt::format("{} is not a regular file", name.native()));
    }
    // Made by root, it must not keep out the user whose binary this is.
    struct stat binary {};
    if (geteuid() == 0 && stat(path_.c_str(), &binary) == 0 && binary.st_uid != status.st_uid &&
        fchown(file.number(), binary.st_uid, binary.st_gid) != 0) {
      fail(fmt::format("cannot give {} to the owner of the binary", name.native()), errno);
    }
    while (flock(file.number(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) {
        fail(fmt::format("cannot lock {}", name.native()), errno);
      }
      if (Clock::now() >= deadline) {
        throw Error(ErrorKind::transient,
                    fmt::format("another update of {} is at work", path_.native()),
                    "Wait for its end, and try again.");
      }
      std::this_thread::sleep_for(kLockInterval);
    }
    // Somebody may have removed the file while it was waited for: that would be a lock of nothing.
    const auto present = file_at(name);
    if (present && is_same_file(identity_of(status), *present)) return Lock(std::move(file));
  }
}

void Installation::clean() const {
  remove_file(staged());
  remove_file(link());
  for (const auto& file : temporary_files_of(state_file())) remove_file(file);
  const auto download = file_at(part());
  if (download && download->modified_ns / 1'000 < wall_time_us() - kPartLifetimeUs) {
    remove_file(part());
  }
  const auto kept = file_at(previous());
  if (kept && is_same_file(*kept, identity())) remove_file(previous());
}

void Installation::stage(const std::filesystem::path& part) const {
  const auto present = open_file(path_);
  rename_file(part, staged());
  try {
    const auto file = open_file(staged());
    require_own_file(file, staged());
    copy_file_attributes(present.number(), file.number(), staged());
    fault_point("update_attributes_copied");
    wait_for_writers(file, staged());
    sync_file(file, staged());
  } catch (const Error&) {
    remove_file(staged());
    throw;
  }
  fault_point("update_staged");
}

void Installation::keep(const FileIdentity& expected) const {
  remove_file(link());
  if (::link(path_.c_str(), link().c_str()) != 0) {
    fail(fmt::format("cannot keep {} as {}", path_.native(), previous().native()), errno);
  }
  fault_point("update_linked");
  auto linked = file_at(link()).value_or(FileIdentity{});
  linked.changed_ns = expected.changed_ns;  // The link itself is a change.
  if (linked != expected || !is_same_file(identity(), expected)) {
    remove_file(link());
    throw replaced(path_);
  }
  rename_file(link(), previous());
  // A rename onto another link of the same file does nothing, and says that it succeeded.
  remove_file(link());
}

void Installation::put_in(const FileIdentity& expected, bool unproven) const {
  if (identity() != expected) throw replaced(path_);
  sync_file(open_file(staged()), staged());
  if (!unproven) keep(expected);
  if (unproven && identity() != expected) throw replaced(path_);
  fault_point("update_kept");
  rename_file(staged(), path_);
  fault_point("update_renamed");
  sync_directory(directory());
  fault_point("update_put_in");
}

bool Installation::has_previous() const {
  const auto kept = file_at(previous());
  const auto present = file_at(path_);
  return kept && !(present && is_same_file(*kept, *present));
}

bool Installation::has_staged() const { return file_at(staged()).has_value(); }

void Installation::put_back() const {
  if (!has_previous()) {
    throw Error(ErrorKind::usage,
                fmt::format("there is no build to go back to: {} is missing", previous().native()));
  }
  sync_file(open_file(previous()), previous());
  rename_file(previous(), path_);
  fault_point("update_renamed_back");
  sync_directory(directory());
  remove_file(staged());
  remove_file(part());
  remove_file(link());
  fault_point("update_put_back");
}

FileIdentity Installation::identity() const {
  struct stat status {};
  if (lstat(path_.c_str(), &status) == 0) return identity_of(status);
  throw Error(ErrorKind::usage,
              fmt::format("cannot look at {}: {}", path_.native(), system_reason(errno)),
              "Install converge anew.");
}

bool is_text_busy(const Error& error) {
  return std::string_view(error.what()).ends_with(system_reason(ETXTBSY));
}

}  // namespace converge::updater
