#include "src/base/spool.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace converge {
namespace {

constexpr std::size_t kBufferBytes = 128 * 1024;

std::string temporary_directory() {
  const char* directory = std::getenv("TMPDIR");
  return directory != nullptr && *directory != '\0' ? directory : "/tmp";
}

Error spool_error(int error_number) {
  return {
      ErrorKind::failure,
      fmt::format("temporary file in {}: {}", temporary_directory(), system_reason(error_number)),
      "Make room there, or set TMPDIR to a directory with room."};
}

int open_nameless(const std::string& directory) {
  const int descriptor = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0) return descriptor;
  // Not every file system knows O_TMPFILE; a name that lives for an instant does as well.
  auto name = directory + "/converge.XXXXXX";
  const int named = mkostemp(name.data(), O_CLOEXEC);
  if (named < 0) throw spool_error(errno);
  unlink(name.c_str());
  return named;
}

}  // namespace

Spool::Spool() {
  const int descriptor = open_nameless(temporary_directory());
  std::FILE* file = fdopen(descriptor, "w+");
  if (file == nullptr) {
    const int error_number = errno;
    close(descriptor);
    throw spool_error(error_number);
  }
  file_.reset(file);
  auto& buffer = file_.get_deleter().buffer;
  buffer.resize(kBufferBytes);
  std::setvbuf(file, buffer.data(), _IOFBF, kBufferBytes);
}

// One thread at a time uses a spool, so that stdio need not lock at each call.
void Spool::append(std::string_view record) {
  const std::uint64_t length = record.size();
  if (fwrite_unlocked(&length, sizeof length, 1, file_.get()) != 1 ||
      fwrite_unlocked(record.data(), 1, record.size(), file_.get()) != record.size()) {
    throw spool_error(errno);
  }
  ++size_;
}

void Spool::rewind() {
  if (std::fseek(file_.get(), 0, SEEK_SET) != 0) throw spool_error(errno);
}

bool Spool::next(std::string& record) {
  std::uint64_t length = 0;
  if (fread_unlocked(&length, sizeof length, 1, file_.get()) != 1) {
    if (std::ferror(file_.get()) != 0) throw spool_error(errno);
    return false;
  }
  record.resize(length);
  if (fread_unlocked(record.data(), 1, length, file_.get()) != length) throw spool_error(EIO);
  return true;
}

}  // namespace converge
