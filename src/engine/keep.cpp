#include "src/engine/keep.h"

#include "journal/archive_file.h"
#include "journal/extent.h"
#include "journal/partial_file.h"
#include "journal/prune.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <sys/stat.h>
#include <system_error>

namespace converge::engine {

namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;

/// `archive` beside the journal, for its owner alone.
std::filesystem::path archive_directory(const std::filesystem::path& journal) {
  auto directory = std::filesystem::absolute(journal).parent_path() / "archive";
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    throw Error(ErrorKind::failure, fmt::format("cannot make directory {}: {}", directory.string(),
                                                system_reason(errno)));
  }
  return directory;
}

std::string archive_name(const std::filesystem::path& journal, std::int64_t before_us) {
  auto time = format_utc(before_us).substr(0, 19);
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  return fmt::format("{}-until-{}Z.db", journal.stem().string(), time);
}

bool is_left_over(const std::filesystem::path& file, const std::filesystem::path& journal) {
  try {
    return file.extension() == ".db" && journal::fits(file, journal) &&
           !journal::undoes_redaction(file, journal);
  } catch (const Error&) {
    return false;
  }
}

/// An archive that was made whole just before its prune died, so that no entry names it yet.
std::optional<std::filesystem::path> unrecorded_archive(const std::filesystem::path& directory,
                                                        const std::filesystem::path& journal,
                                                        const journal::Extent& extent) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const bool recorded =
        std::any_of(extent.archives.begin(), extent.archives.end(),
                    [&](const auto& archive) { return archive.file == entry.path(); });
    if (!recorded && is_left_over(entry.path(), journal)) return entry.path();
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> keep_journal(const config::Config& config, const std::string& actor) {
  if (config.journal_keep.count() == 0) return std::nullopt;
  const auto now_us = wall_time_us();
  const auto before_us = now_us - std::chrono::microseconds(config.journal_keep).count();
  const auto extent = journal::extent_of(config.journal);
  const auto* unfinished = extent.unfinished();
  if (!extent.archives.empty() && unfinished == nullptr) {
    const auto age_us = now_us - extent.archives.back().time_us;
    if (age_us >= 0 && age_us < kDayUs) return std::nullopt;
  }
  if (unfinished == nullptr && extent.first_time_us.value_or(now_us) >= before_us)
    return std::nullopt;
  std::filesystem::path archive;
  if (unfinished != nullptr) {
    archive = unfinished->file;
  } else {
    const auto directory = archive_directory(config.journal);
    journal::remove_left_overs(directory);
    archive = unrecorded_archive(directory, config.journal, extent)
                  .value_or(directory / archive_name(config.journal, before_us));
  }
  const auto done = journal::prune(config.journal, actor, before_us, archive);
  if (done.entries == 0) return std::nullopt;
  return fmt::format("{} of the journal moved to {}",
                     counted(done.entries, "old entry", "old entries"),
                     printable(archive.string()));
}

}  // namespace converge::engine
