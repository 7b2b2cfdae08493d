#include "journal/backup.h"

#include "journal/database.h"
#include "journal/partial_file.h"
#include "src/base/fault.h"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <sqlite3.h>

namespace converge::journal {
namespace {

constexpr int kStepPages = 512;

void copy_pages(SQLite::Database& source, const std::filesystem::path& target,
                const UpkeepProgress& progress) {
  SQLite::Database copy(target.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX);
  // It is made durable at its end, and thrown away when that is not reached.
  copy.exec("pragma journal_mode = off");
  copy.exec("pragma synchronous = off");
  SQLite::Backup steps(copy, "main", source, "main");
  while (steps.executeStep(kStepPages) != SQLITE_DONE) {
    if (progress) {
      const std::int64_t total = steps.getTotalPageCount();
      progress(UpkeepStage::copying, total - steps.getRemainingPageCount(), total);
    }
    fault_point("backup.step");
  }
}

}  // namespace

Verification verify_copy(const std::filesystem::path& copy, const UpkeepProgress& progress) {
  auto found = Reader(copy).verify([&](std::int64_t done, std::int64_t total) {
    if (progress) {
      progress(UpkeepStage::verifying, done, total);
    }
  });
  if (found.broken_seq) {
    throw Error(ErrorKind::failure,
                fmt::format("{} does not verify: it is broken at entry {}: {}", copy.string(),
                            *found.broken_seq, found.reason),
                "`converge journal verify` says whether the journal itself is.");
  }
  return found;
}

Verification backup(const std::filesystem::path& file, const std::filesystem::path& target,
                    const UpkeepProgress& progress) {
  const auto source = open_for_reading(file);
  PartialFile partial(target);
  try {
    // One state for all steps: without it, each entry of a writer would begin the copy anew.
    source->exec("begin");
    source->execAndGet("select head_seq from chain");
    copy_pages(*source, partial.path(), progress);
    source->exec("rollback");
  } catch (const SQLite::Exception& error) {
    throw copy_error(
        target, fmt::format("{} (SQLite code {})", error.what(), error.getExtendedErrorCode()));
  }
  auto found = verify_copy(partial.path(), progress);
  fault_point("backup.verified");
  partial.finish();
  return found;
}

}  // namespace converge::journal
