#include "updater/installation_place.h"

#include "src/base/child.h"
#include "src/base/descriptor.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/program_path.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <vector>

namespace converge::updater {
namespace {

constexpr std::chrono::seconds kPackageManager{30};
constexpr std::size_t kMountFields = 5;  // Up to the mount point.

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
  throw Error(ErrorKind::usage, message, hint);
}

struct stat status_of(const std::filesystem::path& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0) return status;
  refuse(fmt::format("cannot look at {}: {}", path.native(), system_reason(errno)),
         "Install converge anew.");
}

void require_regular(const std::filesystem::path& binary) {
  if (S_ISREG(status_of(binary).st_mode)) return;
  refuse(fmt::format("{} is not a regular file", binary.native()),
         "Name the binary itself, or install converge anew.");
}

// What the program prints if it succeeds; nullopt when it does not, or is not there.
std::optional<std::string> answer_of(std::vector<std::string> arguments) {
  const auto program = find_program(arguments.front());
  if (!program) return std::nullopt;
  const std::string name = arguments.front();
  arguments.front() = program->native();
  const char* path = std::getenv("PATH");
  const auto end = run_child(
      {.arguments = std::move(arguments),
       .input = {},
       .environment = {{"PATH", path != nullptr ? path : "/usr/bin:/bin"}, {"LC_ALL", "C"}}},
      kPackageManager);
  if (end.kind == ChildEnd::Kind::late) {
    throw Error(ErrorKind::failure, fmt::format("{} does not tell which package owns the binary "
                                                "within {} s",
                                                name, kPackageManager.count()));
  }
  if (end.kind != ChildEnd::Kind::exited || end.status != 0) return std::nullopt;
  return end.output;
}

// `dpkg -S` takes patterns.
std::string literal_pattern(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (std::string_view("*?[\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

// With /bin a link to usr/bin, a package may have either name of the file.
std::vector<std::string> names_in_packages(const std::filesystem::path& binary) {
  std::vector<std::string> names = {binary.native()};
  for (const char* merged : {"bin", "sbin", "lib"}) {
    if (binary.native().starts_with(fmt::format("/usr/{}/", merged))) {
      names.push_back(binary.native().substr(4));
    }
  }
  return names;
}

void require_no_mount(const std::filesystem::path& binary) {
  bool mounted = status_of(binary).st_dev != status_of(binary.parent_path()).st_dev;
  // A bind mount of a file of the same file system shows only here.
  const auto mounts = read_file("/proc/self/mountinfo");
  for (std::string_view rest = mounts; !rest.empty() && !mounted;) {
    const auto line = rest.substr(0, rest.find('\n'));
    mounted = is_mount_of(line, binary);
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  if (!mounted) return;
  refuse(fmt::format("{} is a mount of its own, which nothing can be put in place of",
                     binary.native()),
         "Update it where it is mounted from: on the host of this container, perhaps.");
}

void require_no_attribute(const std::filesystem::path& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  int flags = 0;
  // Not every file system has them, and not every binary is readable.
  if (file.number() < 0 || ioctl(file.number(), FS_IOC_GETFLAGS, &flags) != 0) return;
  if ((flags & FS_IMMUTABLE_FL) != 0) {
    refuse(fmt::format("{} has the attribute immutable", path.native()),
           fmt::format("Run, if it may change: sudo chattr -i {}", path.native()));
  }
  if ((flags & FS_APPEND_FL) != 0) {
    refuse(fmt::format("{} has the attribute append-only", path.native()),
           fmt::format("Run, if it may change: sudo chattr -a {}", path.native()));
  }
}

void require_fit_file_system(const std::filesystem::path& directory) {
  struct statvfs system {};
  if (statvfs(directory.c_str(), &system) != 0) {
    refuse(fmt::format("cannot look at the file system of {}: {}", directory.native(),
                       system_reason(errno)),
           "Install converge elsewhere.");
  }
  if ((system.f_flag & ST_RDONLY) != 0) refuse_directory(directory, EROFS);
  if ((system.f_flag & ST_NOEXEC) != 0) {
    refuse(
        fmt::format("{} is on a file system that is mounted noexec, so that a new build could not "
                    "be tried there",
                    directory.native()),
        "Install converge where programs may run, or mount that file system with exec.");
  }
}

// Its owner may be another: a change of that one's build is no news to this user, who runs it.
void require_closed(const std::filesystem::path& binary) {
  require_trusted(binary.parent_path());
  const auto mode = status_of(binary).st_mode;
  if ((mode & (S_IWGRP | S_IWOTH)) == 0) return;
  refuse(fmt::format("{} is writable by others than its owner (mode {:04o})", binary.native(),
                     mode & 07777U),
         fmt::format("Run: chmod go-w {}", binary.native()));
}

void require_rights(const std::filesystem::path& binary) {
  const auto directory = binary.parent_path();
  if (faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    refuse_directory(directory, errno);
  }
  const auto owner = status_of(binary).st_uid;
  if (geteuid() == 0 || owner == geteuid()) return;
  refuse(fmt::format("{} belongs to user {}, and only root could keep that so", binary.native(),
                     owner),
         "Run it as root (sudo converge update), or as that user.");
}

}  // namespace

void require_unpackaged(const std::filesystem::path& binary) {
  for (const auto& name : names_in_packages(binary)) {
    if (const auto answer = answer_of({"dpkg", "-S", literal_pattern(name)})) {
      if (const auto package = dpkg_owner(*answer)) {
        refuse(fmt::format("{} belongs to the package {}", binary.native(), *package),
               fmt::format("Run: sudo apt install --only-upgrade {}", *package));
      }
    }
    if (const auto answer = answer_of({"rpm", "-qf", "--queryformat", "%{NAME}\\n", name})) {
      const std::string package(trim(answer->substr(0, answer->find('\n'))));
      if (!package.empty()) {
        refuse(fmt::format("{} belongs to the package {}", binary.native(), package),
               fmt::format("Run: sudo dnf upgrade {}", package));
      }
    }
  }
}

void require_replaceable_place(const std::filesystem::path& binary) {
  require_regular(binary);
  require_unpackaged(binary);
  require_no_mount(binary);
  require_fit_file_system(binary.parent_path());
  require_no_attribute(binary);
  require_no_attribute(binary.parent_path());
  require_closed(binary);
  require_rights(binary);
}

void refuse_directory(const std::filesystem::path& directory, int error_number) {
  if (error_number == EROFS) {
    refuse(fmt::format("{} is on a read-only file system", directory.native()),
           "Update the image that it comes from, or mount it writable.");
  }
  refuse(fmt::format("cannot write in {}: {}", directory.native(), system_reason(error_number)),
         "Run it as root: sudo converge update");
}

std::optional<std::string> dpkg_owner(std::string_view answer) {
  for (std::string_view rest = answer; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const auto end = line.find(": /");
    if (end == std::string_view::npos || line.starts_with("diversion by ")) continue;
    // `PACKAGE:ARCHITECTURE, PACKAGE: PATH`
    return std::string(line.substr(0, line.find_first_of(":,")));
  }
  return std::nullopt;
}

bool is_mount_of(std::string_view line, const std::filesystem::path& path) {
  std::string_view field;
  for (std::size_t i = 0; i < kMountFields; ++i) {
    field = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), field.size() + 1));
  }
  // Blanks, line breaks and backslashes are written as three octal digits.
  std::string mount_point;
  while (!field.empty()) {
    const bool escaped = field.front() == '\\' && field.size() > 3;
    mount_point +=
        escaped
            ? static_cast<char>(std::strtol(std::string(field.substr(1, 3)).c_str(), nullptr, 8))
            : field.front();
    field.remove_prefix(escaped ? 4 : 1);
  }
  return mount_point == path.native();
}

}  // namespace converge::updater
