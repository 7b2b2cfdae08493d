// A shared object for LD_PRELOAD: it writes down what a program does to the files of a journal, and
// lets one of these calls fail. It is told by the environment:
//
//   DISK_LOG   the file to write to; nothing is done without it
//   DISK_FILE  what the names of the files begin with, without their directory
//   DISK_FAIL  CALL:N:ERRNO[:on]  the Nth such call fails, with `on` each one from then on;
//              CALL is write, sync, truncate or create
//
// A record is a line, `KIND FILE OFFSET SIZE`, and SIZE bytes. KIND: W written, T made so long, S
// synced, F a sync that failed, C created, U removed, D its directory synced; Q says that a COMMIT
// is about to be sent to PostgreSQL, X that a call has been made to fail.

#include <array>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

// Not destroyed: calls come until the very end of the program.
std::recursive_mutex& mutex() {
  static auto& one = *new std::recursive_mutex;
  return one;
}

struct Plan {
  int log = -1;
  std::string prefix;
  std::string call;
  int nth = 0;
  int error = 0;
  bool goes_on = false;
  int seen = 0;

  Plan() {
    const char* file = std::getenv("DISK_LOG");
    const char* name = std::getenv("DISK_FILE");
    if (file == nullptr || name == nullptr) return;
    prefix = name;
    constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
    log = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, file, kFlags, 0644));
    const char* fail = std::getenv("DISK_FAIL");
    if (fail == nullptr) return;
    const std::string_view words(fail);
    call = words.substr(0, words.find(':'));
    const char* rest = fail + call.size() + 1;
    char* end = nullptr;
    nth = static_cast<int>(std::strtol(rest, &end, 10));
    error = static_cast<int>(std::strtol(end + 1, &end, 10));
    goes_on = std::string_view(end) == ":on";
  }
};

Plan& plan() {
  static auto& one = *new Plan;
  return one;
}

void record(char kind, const std::string& file, long offset, std::string_view bytes = {}) {
  if (plan().log < 0) return;
  std::string text(1, kind);
  text += ' ' + file + ' ' + std::to_string(offset) + ' ' + std::to_string(bytes.size()) + '\n';
  text += bytes;
  ::syscall(SYS_write, plan().log, text.data(), text.size());
}

/// The name of a file of the journal, without its directory; empty: another one.
std::string ours(std::string_view path) {
  auto name = std::string(path.substr(path.rfind('/') + 1));
  const bool is_data =
      name.starts_with(plan().prefix) && !name.ends_with("-shm") && !name.ends_with(".lock");
  return plan().log >= 0 && is_data ? name : std::string();
}

std::string path_of(int descriptor) {
  std::array<char, PATH_MAX> path{};
  const auto link = "/proc/self/fd/" + std::to_string(descriptor);
  const auto size = ::readlink(link.c_str(), path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : std::string();
}

std::string ours(int descriptor) {
  if (plan().log < 0) return {};
  struct stat status {};
  const bool is_file = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  return is_file ? ours(path_of(descriptor)) : std::string();
}

bool is_directory(int descriptor) {
  struct stat status {};
  return plan().log >= 0 && ::fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
}

/// Whether this call is to fail; then errno says why.
bool fails(std::string_view call, const std::string& file) {
  Plan& all = plan();
  if (all.call != call || file.empty()) return false;
  ++all.seen;
  if (all.seen != all.nth && (!all.goes_on || all.seen < all.nth)) return false;
  record('X', file, all.seen);
  errno = all.error;
  return true;
}

long write_at(int descriptor, const void* bytes, std::size_t size, long offset) {
  return offset < 0 ? ::syscall(SYS_write, descriptor, bytes, size)
                    : ::syscall(SYS_pwrite64, descriptor, bytes, size, offset);
}

ssize_t write_and_tell(int descriptor, const void* bytes, std::size_t size, long offset) {
  const std::lock_guard lock(mutex());
  const auto file = ours(descriptor);
  if (fails("write", file)) return -1;
  const long at = offset < 0 ? ::lseek(descriptor, 0, SEEK_CUR) : offset;
  const long written = write_at(descriptor, bytes, size, offset);
  if (!file.empty() && written > 0) {
    record('W', file, at, {static_cast<const char*>(bytes), static_cast<std::size_t>(written)});
  }
  return written;
}

int sync_and_tell(int descriptor, long call) {
  const std::lock_guard lock(mutex());
  const auto file = ours(descriptor);
  if (fails("sync", file)) {
    record('F', file, 0);
    return -1;
  }
  const auto result = static_cast<int>(::syscall(call, descriptor));
  if (result == 0 && !file.empty()) record('S', file, 0);
  if (result == 0 && is_directory(descriptor)) record('D', ".", 0);
  return result;
}

int truncate_and_tell(int descriptor, long size) {
  const std::lock_guard lock(mutex());
  const auto file = ours(descriptor);
  if (fails("truncate", file)) return -1;
  const auto result = static_cast<int>(::syscall(SYS_ftruncate, descriptor, size));
  if (result == 0 && !file.empty()) record('T', file, size);
  return result;
}

int open_and_tell(const char* path, int flags, mode_t mode) {
  const std::lock_guard lock(mutex());
  const auto file = (flags & O_CREAT) != 0 ? ours(std::string_view(path)) : std::string();
  const bool is_new = !file.empty() && ::access(path, F_OK) != 0;
  if (is_new && fails("create", file)) return -1;
  const auto result = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  if (is_new && result >= 0) record('C', file, 0);
  return result;
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, std::size_t size) {
  return write_and_tell(descriptor, bytes, size, -1);
}

ssize_t pwrite(int descriptor, const void* bytes, std::size_t size, off_t offset) {
  return write_and_tell(descriptor, bytes, size, offset);
}

ssize_t pwrite64(int descriptor, const void* bytes, std::size_t size, off64_t offset) {
  return write_and_tell(descriptor, bytes, size, offset);
}

int fsync(int descriptor) { return sync_and_tell(descriptor, SYS_fsync); }

int fdatasync(int descriptor) { return sync_and_tell(descriptor, SYS_fdatasync); }

int ftruncate(int descriptor, off_t size) noexcept { return truncate_and_tell(descriptor, size); }

int ftruncate64(int descriptor, off64_t size) noexcept {
  return truncate_and_tell(descriptor, size);
}

int open(const char* path, int flags, ...) {
  std::va_list more;
  va_start(more, flags);
  const auto mode = static_cast<mode_t>(va_arg(more, unsigned int));
  va_end(more);
  return open_and_tell(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  std::va_list more;
  va_start(more, flags);
  const auto mode = static_cast<mode_t>(va_arg(more, unsigned int));
  va_end(more);
  return open_and_tell(path, flags, mode);
}

int unlink(const char* path) noexcept {
  const std::lock_guard lock(mutex());
  const auto file = ours(std::string_view(path));
  const auto result = static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
  if (result == 0 && !file.empty()) record('U', file, 0);
  return result;
}

ssize_t send(int socket, const void* bytes, std::size_t size, int flags) {
  const std::string_view text(static_cast<const char*>(bytes), size);
  if (text.starts_with('Q') && text.ends_with(std::string_view("commit\0", 7))) {
    const std::lock_guard lock(mutex());
    record('Q', ".", 0);
  }
  return ::syscall(SYS_sendto, socket, bytes, size, flags, nullptr, 0);
}

}  // extern "C"
