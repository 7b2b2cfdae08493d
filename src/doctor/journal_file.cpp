#include "src/doctor/journal_file.h"

#include "journal/health.h"
#include "journal/reader.h"
#include "src/base/clock.h"
#include "src/base/shell.h"
#include "src/base/text.h"
#include "src/engine/condition.h"

#include <fmt/core.h>

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>

namespace converge::doctor {

namespace {

constexpr const char* kJournal = "journal";
constexpr const char* kSpace = "space";
constexpr const char* kIntegrity = "integrity";
constexpr const char* kUnfinished = "unfinished";

constexpr std::uint64_t kMebibyte = std::uint64_t{1024} * 1024;
/// Less than the WAL alone may take: nothing can be converged soon.
constexpr std::uint64_t kTooLittle = 64 * kMebibyte;
constexpr std::uint64_t kLittle = 512 * kMebibyte;
constexpr std::uint64_t kFewFiles = 16;

constexpr std::chrono::milliseconds kQuickCheck{5'000};

bool is_there(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

/// The directory itself, or the nearest above it that is there.
std::filesystem::path nearest_directory(const config::Config& config) {
  auto directory = config.journal.parent_path();
  while (!is_there(directory) && directory.has_relative_path()) directory = directory.parent_path();
  return directory;
}

std::string user_text(uid_t user) {
  const passwd* entry = getpwuid(user);  // Nothing else of this process asks for users meanwhile.
  return entry == nullptr ? fmt::format("user {}", user) : std::string(entry->pw_name);
}

Finding bad(const char* check, std::string message, std::string remedy) {
  return {.check = check,
          .verdict = Verdict::bad,
          .message = std::move(message),
          .remedy = std::move(remedy)};
}

Finding warning(const char* check, std::string message, std::string remedy) {
  return {.check = check,
          .verdict = Verdict::warning,
          .message = std::move(message),
          .remedy = std::move(remedy)};
}

bool may_write(const std::filesystem::path& path, int more = 0) {
  return faccessat(AT_FDCWD, path.c_str(), W_OK | more, AT_EACCESS) == 0;
}

Finding not_writable(const std::filesystem::path& path, const std::filesystem::path& owned) {
  const std::string reason = system_reason(errno);
  struct stat status {};
  const bool known = stat(owned.c_str(), &status) == 0;
  const std::string remedy =
      known && status.st_uid != geteuid()
          ? fmt::format("It belongs to {0}: run converge as {0}, or name another with --journal.",
                        user_text(status.st_uid))
          : "Give this user the right to write there, or name another file with --journal.";
  return bad(kJournal, fmt::format("cannot write {}: {}", path.native(), reason), remedy);
}

Findings look_at_missing(const config::Config& config) {
  const auto place = nearest_directory(config);
  if (!may_write(place, X_OK)) return {not_writable(place, place)};
  return {
      {.check = kJournal,
       .message = fmt::format("{} does not exist yet, and can be made", config.journal.native())}};
}

/// Findings of a journal that this user can write.
Findings look_at_modes(const std::filesystem::path& file) {
  struct stat status {};
  struct stat directory {};
  if (stat(file.c_str(), &status) != 0 || stat(file.parent_path().c_str(), &directory) != 0) {
    return {bad(kJournal, fmt::format("cannot look at {}: {}", file.native(), system_reason(errno)),
                "Look at the permissions of its directories.")};
  }
  if ((directory.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return {bad(kJournal,
                fmt::format("{} can be written by others (mode {:04o}), who could put another "
                            "journal there",
                            file.parent_path().native(), directory.st_mode & 07777U),
                fmt::format("Run: chmod 700 {}", shell_word(file.parent_path().native())))};
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return {warning(
        kJournal,
        fmt::format("{} is open to others (mode {:04o})", file.native(), status.st_mode & 07777U),
        fmt::format("Run: chmod 600 {}", shell_word(file.native())))};
  }
  return {{.check = kJournal, .message = file.native()}};
}

}  // namespace

Findings check_journal(const config::Config& config) {
  const auto& file = config.journal;
  if (!is_there(file)) return look_at_missing(config);
  if (!may_write(file.parent_path(), X_OK)) return {not_writable(file.parent_path(), file)};
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    const std::filesystem::path one = file.native() + suffix;
    if (is_there(one) && !may_write(one)) return {not_writable(one, one)};
  }
  return look_at_modes(file);
}

Finding judge_space(const std::string& place, std::uint64_t free_bytes, std::uint64_t free_files) {
  const std::string message =
      free_bytes < 10 * 1024 * kMebibyte
          ? fmt::format("{} MiB free in {}", free_bytes / kMebibyte, place)
          : fmt::format("{} GiB free in {}", free_bytes / kMebibyte / 1024, place);
  constexpr const char* kRemedy =
      "Make room, or move old entries elsewhere: `converge journal prune --before -90d --archive "
      "FILE`, or [journal] keep. Without room nothing is converged.";
  if (free_files < kFewFiles) {
    return bad(kSpace, fmt::format("{} can take {} more files", place, free_files), kRemedy);
  }
  if (free_bytes < kTooLittle) return bad(kSpace, message, kRemedy);
  if (free_bytes < kLittle) return warning(kSpace, message, kRemedy);
  return {.check = kSpace, .message = message};
}

Findings check_space(const config::Config& config) {
  const auto place = nearest_directory(config);
  struct statvfs system {};
  if (statvfs(place.c_str(), &system) != 0) {
    return {bad(kSpace, fmt::format("cannot look at {}: {}", place.native(), system_reason(errno)),
                "Look at the permissions of its directories.")};
  }
  if ((system.f_flag & ST_RDONLY) != 0) {
    return {bad(kSpace, fmt::format("the file system of {} is read-only", place.native()),
                "Look into the kernel's log (`dmesg`) for why, and mount it for writing.")};
  }
  // Some file systems count no files.
  const std::uint64_t files = system.f_files == 0 ? kFewFiles : system.f_favail;
  return {judge_space(place.native(), std::uint64_t{system.f_bavail} * system.f_frsize, files)};
}

Findings check_integrity(const config::Config& config) {
  if (!is_there(config.journal)) return {};
  const auto health = journal::look_at(config.journal, kQuickCheck);
  if (!health.damage.empty()) {
    return {bad(kIntegrity,
                fmt::format("{} is damaged: {}", config.journal.native(), printable(health.damage)),
                "Keep a copy, then see converge-recovery(7): the next command that acts moves it "
                "aside and begins a new one.")};
  }
  const auto entries = counted(health.entries, "entry", "entries");
  if (!health.looked_at_all) {
    return {
        {.check = kIntegrity,
         .message = fmt::format("{}, sound as far as seen in {}; `converge journal verify` sees "
                                "all",
                                entries, format_duration(kQuickCheck))}};
  }
  return {{.check = kIntegrity,
           .message = entries + ", a sound file; `converge journal verify` proves the chain"}};
}

Findings check_unfinished(const config::Config& config, const convergers::Registry* registry) {
  if (!is_there(config.journal)) return {};
  Findings findings;
  const auto health = journal::look_at(config.journal, std::chrono::milliseconds(0));
  if (health.unknown > 0) {
    findings.push_back(warning(
        kUnfinished,
        fmt::format("whether {} committed is not known", counted(health.unknown, "transaction")),
        fmt::format(
            "Find out, and say so: `converge journal settle {} committed --reason TEXT`, or "
            "rolled_back.",
            health.first_unknown)));
  }
  journal::Reader reader(config.journal);
  const auto state = reader.state();
  for (const auto& [name, total] : state.owed) {
    const auto* converger = registry == nullptr ? nullptr : registry->find(name);
    const auto owing =
        converger != nullptr
            ? engine::owing_of(converger->profile().settings, name, state, wall_time_us(), false)
            : engine::owing_without_definition(
                  name, state, registry != nullptr && registry->find_broken(name) != nullptr);
    for (const auto& matter : owing.matters) {
      auto one =
          warning(kUnfinished, printable(matter.why),
                  matter.resolve.empty() ? matter.how + "."
                                         : fmt::format("{}: `{}`", matter.how, matter.resolve));
      one.converger = name;
      findings.push_back(std::move(one));
    }
  }
  if (!findings.empty()) return findings;
  if (health.unsettled > 0) {
    return {{.check = kUnfinished,
             .message = fmt::format("{} without an outcome yet, which the next pass settles",
                                    counted(health.unsettled, "entry", "entries"))}};
  }
  return {{.check = kUnfinished, .message = "every transaction has its outcome"}};
}

}  // namespace converge::doctor
