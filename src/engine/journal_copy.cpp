#include "src/engine/journal_copy.h"

#include "journal/backup.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace converge::engine {
namespace {

std::string prefix_of(const std::filesystem::path& journal) {
  return journal.filename().native() + ".preflight-";
}

/// Whose number is another process's by now stays until that one ends; it takes space and no more.
bool is_left_over(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  pid_t pid = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return failure == std::errc{} && end == name.data() + name.size() && pid > 0 &&
         (pid == getpid() || (kill(pid, 0) != 0 && errno == ESRCH));
}

void remove_left_overs(const std::filesystem::path& journal) {
  std::error_code error;
  const auto prefix = prefix_of(journal);
  for (const auto& entry : std::filesystem::directory_iterator(journal.parent_path(), error)) {
    if (is_left_over(entry.path().filename().native(), prefix)) {
      std::filesystem::remove_all(entry.path(), error);
    }
  }
}

/// The copy, and what a migration of it may add.
void require_space(const std::filesystem::path& journal) {
  std::error_code error;
  std::uintmax_t needed_bytes = 0;
  for (const char* suffix : {"", "-wal"}) {
    const auto size_bytes = std::filesystem::file_size(journal.native() + suffix, error);
    if (!error) needed_bytes += 2 * size_bytes;
  }
  const auto space = std::filesystem::space(journal.parent_path(), error);
  if (error || space.available >= needed_bytes) return;
  throw Error(ErrorKind::failure,
              fmt::format("there is no space for a copy of journal {}: it needs {} bytes, and {} "
                          "are free",
                          journal.native(), needed_bytes, space.available),
              "A new build is tried on a copy: make space, or prune the journal.");
}

}  // namespace

JournalCopy::JournalCopy(const std::filesystem::path& journal, const std::function<void()>& look) {
  const auto whole = std::filesystem::absolute(journal);
  directory_ = whole.parent_path() / (prefix_of(whole) + std::to_string(getpid()));
  std::error_code error;
  std::filesystem::create_directories(whole.parent_path(), error);
  remove_left_overs(whole);
  require_space(whole);
  if (mkdir(directory_.c_str(), 0700) != 0) {
    throw Error(ErrorKind::failure, fmt::format("cannot make directory {}: {}", directory_.native(),
                                                system_reason(errno)));
  }
  try {
    if (std::filesystem::exists(whole)) {
      journal::backup(whole, path(), [&look](auto...) {
        if (look) look();
      });
    }
  } catch (...) {
    std::filesystem::remove_all(directory_, error);
    throw;
  }
}

JournalCopy::~JournalCopy() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

}  // namespace converge::engine
