#include "journal/prune.h"

#include "journal/archive_file.h"
#include "journal/partial_file.h"
#include "journal/prefix.h"
#include "journal/upkeep.h"
#include "src/base/clock.h"
#include "src/base/fault.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace converge::journal {
namespace {

/// A write transaction of some tens of milliseconds, and a pause in which others get the lock.
constexpr std::int64_t kChunkEntries = 4096;
constexpr std::chrono::milliseconds kPause{2};
constexpr std::chrono::seconds kPatience{5};

constexpr std::int64_t kVacuumPages = 2000;
/// Rewriting more than this would keep writers waiting for longer than they wait.
constexpr std::int64_t kVacuumBytes = std::int64_t{1} << 30;

Error is_not_ours(const std::filesystem::path& archive) {
  return {
      ErrorKind::usage,
      fmt::format("{} exists already, and is not what an interrupted prune of this journal left",
                  archive.string()),
      "Name a file that does not exist; nothing is written over."};
}

bool fits_quietly(const std::filesystem::path& archive, const std::filesystem::path& file) {
  try {
    return fits(archive, file);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::usage) {
      return false;  // It is no journal.
    }
    throw;
  }
}

class Prune {
 public:
  Prune(const std::filesystem::path& file, const std::string& actor, std::int64_t before_us,
        const std::filesystem::path& archive, const UpkeepProgress& progress)
      : upkeep_(file, actor),
        lock_(file),
        before_us_(before_us),
        archive_(std::filesystem::absolute(archive).lexically_normal()),
        progress_(progress) {}

  Pruning run() {
    if (identity_of(archive_)) {
      adopt_archive();
    } else if (!make_archive()) {
      return std::move(result_);
    }
    record();
    fault_point("prune.recorded");
    while (delete_chunk()) {
      fault_point("prune.deleted");
      std::this_thread::sleep_for(kPause);
    }
    give_space_back();
    return std::move(result_);
  }

 private:
  void adopt_archive();
  bool make_archive();
  void require_none_unfinished();
  void take_over(const ArchiveFile& archive);
  void record();
  bool delete_chunk();
  void delete_up_to(SQLite::Database& database, std::int64_t seq);
  void give_space_back();
  bool vacuum_step(SQLite::Database& database);

  Upkeep upkeep_;
  const UpkeepLock lock_;
  const std::int64_t before_us_;
  const std::filesystem::path archive_;
  const UpkeepProgress& progress_;
  Pruning result_;
  std::int64_t max_time_us_ = 0;
};

void Prune::take_over(const ArchiveFile& archive) {
  result_.entries = archive.entries();
  result_.first_seq = archive.before_first_seq + 1;
  result_.last = archive.last;
  max_time_us_ = archive.max_time_us;
}

void Prune::adopt_archive() {
  if (identity_of(archive_) == identity_of(upkeep_.file()) ||
      !fits_quietly(archive_, upkeep_.file())) {
    throw is_not_ours(archive_);
  }
  const auto archive = read_archive(archive_);
  const auto extent = extent_of(upkeep_.file());
  const auto* unfinished = extent.unfinished();
  // What an unfinished prune moves was decided when it was recorded.
  const bool is_recorded = unfinished != nullptr && unfinished->file == archive_;
  if (!is_recorded && undoes_redaction(archive_, upkeep_.file())) {
    throw Error(
        ErrorKind::usage,
        fmt::format("{} has details that were redacted in the journal since", archive_.string()),
        "It is an older copy: remove it if nobody may have them, and name another file.");
  }
  if (!is_recorded && archive.max_time_us >= before_us_) {  // A backup, perhaps.
    throw Error(ErrorKind::usage,
                fmt::format("{} exists already, with entries up to {}, later than what is to be "
                            "pruned",
                            archive_.string(), format_utc(archive.max_time_us)),
                "To go on with an interrupted prune, give the same --before again.");
  }
  verify_copy(archive_, progress_);
  take_over(archive);
  result_.resumed = true;
}

void Prune::require_none_unfinished() {
  const auto extent = extent_of(upkeep_.file());
  if (const auto* other = extent.unfinished()) {
    throw Error(ErrorKind::usage,
                fmt::format("an earlier prune of the journal, into {}, was interrupted",
                            other->file.string()),
                "Name that file with --archive first: the prune goes on where it was.");
  }
}

bool Prune::make_archive() {
  require_none_unfinished();
  Prefix prefix;
  upkeep_.read([&](SQLite::Database& database) { prefix = prefix_before(database, before_us_); });
  result_.held_back = prefix.held_back;
  if (prefix.last_seq <= prefix.before_first_seq) {
    return false;
  }
  PartialFile partial(archive_);
  try {
    fill_archive(partial.path(), upkeep_.file(), prefix.last_seq, progress_);
  } catch (const SQLite::Exception& error) {
    throw copy_error(
        archive_, fmt::format("{} (SQLite code {})", error.what(), error.getExtendedErrorCode()));
  }
  fault_point("prune.archive_written");
  verify_copy(partial.path(), progress_);
  if (!fits(partial.path(), upkeep_.file())) {
    throw copy_error(archive_, "the journal is not the one any more that was copied");
  }
  take_over(read_archive(partial.path()));
  fault_point("prune.archive_verified");
  partial.finish();
  fault_point("prune.archive_named");
  return true;
}

/// From now on the journal says where the entries are, whether they are still in it as well or not.
void Prune::record() {
  upkeep_.write([&](Writer& writer) {
    SQLite::Statement known(writer.database(), "select 1 from archive where last_seq = ?");
    known.bind(1, result_.last.seq);
    if (known.executeStep()) {
      return;
    }
    const auto now_us = wall_time_us();
    SQLite::Statement note(writer.database(), "insert into archive values (?, ?, ?, ?)");
    note.bind(1, result_.last.seq);
    note.bind(2, now_us);
    note.bind(3, max_time_us_);
    note.bind(4, archive_.string());
    note.exec();
    writer.append(
        {.kind = Kind::prune,
         .count = result_.entries,
         .detail = fmt::format(R"({{"first_seq":{},"last_seq":{},"hash":{},"archive":{}}})",
                               result_.first_seq, result_.last.seq, json_string(result_.last.hash),
                               json_string(archive_.string()))},
        now_us);
  });
}

/// False when nothing is left to delete.
bool Prune::delete_chunk() {
  bool more = false;
  upkeep_.with_lock([&](SQLite::Database& database) {
    // Else what is deleted could be read in free pages, and a redaction would not reach it there.
    database.exec("pragma secure_delete = on");
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    const auto pruned = database.execAndGet("select pruned_seq from chain").getInt64();
    more = pruned < result_.last.seq;
    if (!more) {
      return;
    }
    const auto seq = std::min(pruned + kChunkEntries, result_.last.seq);
    delete_up_to(database, seq);
    fault_point("prune.deleting");
    transaction.commit();
    if (progress_) {
      progress_(UpkeepStage::deleting, seq - result_.first_seq + 1, result_.entries);
    }
  });
  return more;
}

void Prune::delete_up_to(SQLite::Database& database, std::int64_t seq) {
  const auto run = [&](const char* sql) {
    SQLite::Statement statement(database, sql);
    statement.bind(1, seq);
    statement.exec();
  };
  // First where the chain starts: the trigger lets only what is before that be deleted.
  run("update chain set pruned_seq = ?1, pruned_hash = (select hash from entry where seq = ?1)");
  run("delete from entry where seq <= ?1");
  run("delete from block where last_seq <= ?1");
  run("update block set first_seq = ?1 + 1,"
      " (min_time_us, max_time_us) = (select min(time_us), max(time_us) from entry"
      "   where seq > ?1 and seq <= block.last_seq) where first_seq <= ?1");
  run("update chain set block_first_seq = ?1 + 1,"
      " (block_min_us, block_max_us) = (select min(time_us), max(time_us) from entry"
      "   where seq > ?1) where block_first_seq <= ?1");
}

void Prune::give_space_back() {
  try {
    bool more = true;
    while (more) {
      upkeep_.with_lock([&](SQLite::Database& database) { more = vacuum_step(database); });
      fault_point("prune.vacuumed");
    }
    if (!upkeep_.truncate_wal(kPatience)) {
      result_.space_kept = "readers are at work; the file shrinks when one writes after them";
    }
  } catch (const Error& error) {
    result_.space_kept = error.what();  // The prune is done all the same.
  }
}

bool Prune::vacuum_step(SQLite::Database& database) {
  const auto number = [&](const char* sql) { return database.execAndGet(sql).getInt64(); };
  const auto free_pages = number("pragma freelist_count");
  if (free_pages == 0) {
    return false;
  }
  if (number("pragma auto_vacuum") != 0) {
    database.exec(fmt::format("pragma incremental_vacuum({})", kVacuumPages));
    return number("pragma freelist_count") < free_pages;
  }
  // A journal that an older build began.
  if ((number("pragma page_count") - free_pages) * number("pragma page_size") > kVacuumBytes) {
    result_.space_kept =
        "the file is too large to be rewritten while others write; its free space "
        "is used for new entries";
    return false;
  }
  database.exec("pragma auto_vacuum = incremental");
  database.exec("vacuum");
  return false;
}

}  // namespace

Pruning prune(const std::filesystem::path& file, const std::string& actor, std::int64_t before_us,
              const std::filesystem::path& archive, const UpkeepProgress& progress) {
  return Prune(file, actor, before_us, archive, progress).run();
}

}  // namespace converge::journal
