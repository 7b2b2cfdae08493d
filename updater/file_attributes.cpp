#include "updater/file_attributes.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <vector>

namespace converge::updater {
namespace {

constexpr const char* kAcl = "system.posix_acl_access";
constexpr const char* kLabel = "security.selinux";
constexpr std::array<std::string_view, 2> kMadeOfContent = {"security.ima", "security.evm"};

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  const int error_number = errno;
  throw Error(ErrorKind::failure,
              fmt::format("cannot give {} the {} of the present binary: {}", path.native(), what,
                          system_reason(error_number)),
              error_number == EPERM ? "Run it as root, or as who may change that." : "");
}

// What a call says that tells the size it needs when it is asked without a buffer.
template <typename Call>
std::optional<std::string> whole_answer(Call call) {
  for (;;) {
    const auto needed = call(nullptr, 0);
    if (needed < 0) return std::nullopt;
    std::string answer(static_cast<std::size_t>(needed), '\0');
    const auto size = call(answer.data(), answer.size());
    if (size < 0 && errno == ERANGE) continue;  // It has grown meanwhile.
    if (size < 0) return std::nullopt;
    answer.resize(static_cast<std::size_t>(size));
    return answer;
  }
}

std::vector<std::string> names_of(int file, const std::filesystem::path& path) {
  const auto list =
      whole_answer([&](char* buffer, std::size_t size) { return flistxattr(file, buffer, size); });
  if (!list && errno == ENOTSUP) return {};
  if (!list) fail(path, "extended attributes");
  std::vector<std::string> names;
  for (std::size_t at = 0; at < list->size(); at += names.back().size() + 1) {
    names.push_back(list->c_str() + at);
  }
  return names;
}

std::optional<std::string> value_of(int file, const std::string& name) {
  return whole_answer(
      [&](char* buffer, std::size_t size) { return fgetxattr(file, name.c_str(), buffer, size); });
}

void copy_attribute(int from, int to, const std::string& name, const std::filesystem::path& path) {
  const auto value = value_of(from, name);
  if (!value) fail(path, fmt::format("attribute {}", name));
  // What it has already may be beyond this user's rights to set.
  if (value_of(to, name) == value) return;
  if (fsetxattr(to, name.c_str(), value->data(), value->size(), 0) == 0) return;
  if (name == kLabel && errno == ENOTSUP) return;
  fail(path, fmt::format("attribute {}", name));
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void copy_owner_and_mode(int from, int to, const std::filesystem::path& path) {
  struct stat wanted {};
  struct stat present {};
  if (fstat(from, &wanted) != 0 || fstat(to, &present) != 0) fail(path, "owner");
  const bool other_owner = wanted.st_uid != present.st_uid || wanted.st_gid != present.st_gid;
  if (other_owner && fchown(to, wanted.st_uid, wanted.st_gid) != 0) fail(path, "owner");
  if (fchmod(to, wanted.st_mode & 07777U) != 0) fail(path, "mode");
}

// The kernel drops a set-group-ID bit silently when the caller is not in the group.
void require_same_mode(int from, int to, const std::filesystem::path& path) {
  struct stat wanted {};
  struct stat present {};
  if (fstat(from, &wanted) != 0 || fstat(to, &present) != 0) fail(path, "mode");
  errno = EPERM;
  if (wanted.st_mode != present.st_mode) fail(path, "mode");
}

}  // namespace

void copy_file_attributes(int from, int to, const std::filesystem::path& path) {
  const auto names = names_of(from, path);
  for (const auto& name : names_of(to, path)) {
    const bool inherited = name == kAcl || name.starts_with("user.");
    if (inherited && !has(names, name) && fremovexattr(to, name.c_str()) != 0) {
      fail(path, fmt::format("lack of the attribute {}", name));
    }
  }
  // A user's attributes need the right to write, which the mode may take away. A change of the
  // owner takes set-id bits and capabilities away, and a change of the mode is one of the ACL's
  // mask.
  for (const auto& name : names) {
    if (name.starts_with("user.")) copy_attribute(from, to, name, path);
  }
  copy_owner_and_mode(from, to, path);
  for (const auto& name : names) {
    const bool made_of_content =
        std::find(kMadeOfContent.begin(), kMadeOfContent.end(), name) != kMadeOfContent.end();
    if (!name.starts_with("user.") && !made_of_content) copy_attribute(from, to, name, path);
  }
  require_same_mode(from, to, path);
}

}  // namespace converge::updater
