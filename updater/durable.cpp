#include "updater/durable.h"

#include "src/base/descriptor.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace converge::updater {
namespace {

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const auto count = write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

void sync_directory(const std::filesystem::path& directory) {
  const Descriptor opened(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.number() >= 0 && fsync(opened.number()) == 0) return;
  throw Error(ErrorKind::in_doubt, fmt::format("what was changed in {} may not outlive a power "
                                               "failure: {}",
                                               directory.native(), system_reason(errno)));
}

void replace_file(const std::filesystem::path& path, std::string_view text) {
  const auto fail = [&](int error_number) -> Error {
    return {ErrorKind::failure,
            fmt::format("cannot write {}: {}", path.native(), system_reason(error_number))};
  };
  std::string temporary = path.native() + ".XXXXXX";
  const Descriptor file(mkostemp(temporary.data(), O_CLOEXEC));
  if (file.number() < 0) throw fail(errno);
  if (fchmod(file.number(), 0644) != 0 || !write_all(file.number(), text) ||
      fsync(file.number()) != 0 || rename(temporary.c_str(), path.c_str()) != 0) {
    const int error_number = errno;
    unlink(temporary.c_str());
    throw fail(error_number);
  }
  sync_directory(path.has_parent_path() ? path.parent_path() : ".");
}

bool remove_file(const std::filesystem::path& path) {
  if (unlink(path.c_str()) == 0) return true;
  if (errno == ENOENT || errno == EISDIR) return false;
  throw Error(ErrorKind::failure,
              fmt::format("cannot remove {}: {}", path.native(), system_reason(errno)));
}

}  // namespace converge::updater
