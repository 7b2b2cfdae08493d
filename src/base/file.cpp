#include "src/base/file.h"

#include "src/base/descriptor.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace converge {
namespace {

Error unreadable(const std::filesystem::path& path, int error_number) {
  return {ErrorKind::usage,
          fmt::format("cannot read {}: {}", path.native(), system_reason(error_number))};
}

// So that the command in a hint can be pasted whatever the path contains.
std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-,:@%";
  if (text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string word = "'";
  for (const char c : text) {
    word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return word + "'";
}

void require_trusted_place(const std::filesystem::path& path) {
  struct stat place {};
  if (stat(path.c_str(), &place) != 0) throw unreadable(path, errno);
  if (place.st_uid != 0 && place.st_uid != geteuid()) {
    throw Error(
        ErrorKind::usage,
        fmt::format("{} belongs to user {}, who is neither root nor the user of this process",
                    path.native(), place.st_uid),
        fmt::format("Run: sudo chown root {}", shell_word(path.native())));
  }
  const bool sticky_directory = S_ISDIR(place.st_mode) && (place.st_mode & S_ISVTX) != 0;
  if ((place.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky_directory) {
    throw Error(ErrorKind::usage,
                fmt::format("{} is writable by others than its owner (mode {:04o})", path.native(),
                            place.st_mode & 07777U),
                fmt::format("Run: chmod go-w {}", shell_word(path.native())));
  }
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number() < 0) throw unreadable(path, errno);
  std::string text;
  std::array<char, 16 * 1024> block{};
  for (;;) {
    const auto count = read(file.number(), block.data(), block.size());
    if (count == 0) return text;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw unreadable(path, errno);
    text.append(block.data(), static_cast<std::size_t>(count));
  }
}

void write_new_file(const std::filesystem::path& path, std::string_view text) {
  const auto fail = [&](int error_number) -> Error {
    return {ErrorKind::usage,
            fmt::format("cannot write {}: {}", path.native(), system_reason(error_number))};
  };
  std::string temporary = path.native() + ".XXXXXX";
  const Descriptor file(mkostemp(temporary.data(), O_CLOEXEC));
  if (file.number() < 0) throw fail(errno);
  const auto write_all = [&] {
    const auto mask = umask(0);
    umask(mask);
    if (fchmod(file.number(), 0644U & ~mask) != 0) return false;
    for (auto rest = text; !rest.empty();) {
      const auto count = write(file.number(), rest.data(), rest.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
    // A link, unlike a renaming, replaces nothing.
    return fsync(file.number()) == 0 && link(temporary.c_str(), path.c_str()) == 0;
  };
  const int error_number = write_all() ? 0 : errno;
  unlink(temporary.c_str());
  if (error_number != 0) throw fail(error_number);
}

void require_trusted(const std::filesystem::path& path) {
  const auto absolute = std::filesystem::absolute(path);
  require_trusted_place(absolute);
  require_trusted_place(absolute.parent_path());
  // Whoever may write where a symbolic link leads decides what is read as much as the link does.
  std::error_code failure;
  const auto real = std::filesystem::canonical(absolute, failure);
  if (failure) throw unreadable(path, failure.value());
  if (real.parent_path() != absolute.parent_path()) require_trusted_place(real.parent_path());
}

}  // namespace converge
