#include "journal/key.h"

#include "src/base/digest.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <optional>
#include <system_error>
#include <unistd.h>

namespace converge::journal {
namespace {

constexpr std::size_t kKeyBytes = 32;

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& reason) {
  throw Error(
      ErrorKind::failure, fmt::format("key {}: {}", file.string(), reason),
      "Values are redacted with this key; see to the file's owner and mode, or restore it.");
}

[[noreturn]] void fail(const std::filesystem::path& file, int error) {
  fail(file, system_reason(error));
}

/// Nullopt when there is no such file.
std::optional<std::string> load(const std::filesystem::path& file) {
  // Whatever stands there is not waited for, as a pipe would be.
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    if (errno == ENOENT) {
      return std::nullopt;
    }
    fail(file, errno);
  }
  std::array<char, kKeyBytes + 1> bytes{};
  const auto size = ::read(descriptor, bytes.data(), bytes.size());
  ::close(descriptor);
  if (size != static_cast<ssize_t>(kKeyBytes)) {
    fail(file, "it has not 32 bytes");
  }
  return std::string(bytes.data(), kKeyBytes);
}

void make(const std::filesystem::path& file, const std::string& key) {
  const auto draft = file.string() + ".new";
  // Left by a process that was killed, or put there by somebody who would like to read the key, or
  // to have something else written over: nothing that is there is written to.
  ::unlink(draft.c_str());
  const int descriptor = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    fail(file, errno);
  }
  const bool written =
      ::write(descriptor, key.data(), key.size()) == static_cast<ssize_t>(key.size()) &&
      ::fsync(descriptor) == 0;
  const int error = errno;
  ::close(descriptor);
  if (!written) {
    fail(file, error);
  }
  if (std::rename(draft.c_str(), file.c_str()) != 0) {
    fail(file, errno);
  }
}

}  // namespace

std::string load_or_make_key(const std::filesystem::path& file) {
  if (auto key = load(file)) {
    return *key;
  }
  auto key = random_bytes(kKeyBytes);
  make(file, key);
  return key;
}

}  // namespace converge::journal
