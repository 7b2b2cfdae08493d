#include "journal/archive_file.h"

#include "journal/database.h"
#include "journal/schema.h"
#include "src/base/digest.h"
#include "src/base/fault.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <optional>
#include <string>

namespace converge::journal {
namespace {

constexpr std::int64_t kChunkEntries = 16384;

void attach(SQLite::Database& target, const std::filesystem::path& journal) {
  SQLite::Statement statement(target, "attach ? as journal");
  statement.bind(1, uri_of(journal, "mode=ro"));
  statement.exec();
}

/// The numbers of the dictionaries stay as they are, so that the entries do.
void copy_frame(SQLite::Database& target, std::int64_t last_seq) {
  SQLite::Transaction transaction(target);
  target.exec("insert into actor select * from journal.actor");
  target.exec("insert into definition select * from journal.definition");
  target.exec("insert into archive select * from journal.archive");
  SQLite::Statement blocks(target,
                           "insert into block select * from journal.block where last_seq <= ?");
  blocks.bind(1, last_seq);
  blocks.exec();
  SQLite::Statement chain(
      target,
      "update chain set head_seq = ?1,"
      " head_hash = (select hash from journal.entry where seq = ?1),"
      " (pruned_seq, pruned_hash) = (select pruned_seq, pruned_hash from journal.chain),"
      " block_first_seq = coalesce((select max(last_seq) from block),"
      "                            (select pruned_seq from journal.chain)) + 1");
  chain.bind(1, last_seq);
  chain.exec();
  transaction.commit();
}

void copy_entries(SQLite::Database& target, std::int64_t last_seq, const UpkeepProgress& progress) {
  const auto before_first = target.execAndGet("select pruned_seq from chain").getInt64();
  SQLite::Statement insert(target,
                           "insert into entry select * from journal.entry"
                           " where seq > ? and seq <= ? order by seq");
  for (auto done = before_first; done < last_seq;) {
    const auto next = std::min(done + kChunkEntries, last_seq);
    insert.bind(1, done);
    insert.bind(2, next);
    insert.exec();
    insert.reset();
    done = next;
    fault_point("prune.copying");
    if (progress) {
      progress(UpkeepStage::copying, done - before_first, last_seq - before_first);
    }
  }
}

void close_last_block(SQLite::Database& target) {
  target.exec(
      "update chain set (block_min_us, block_max_us) ="
      " (select min(time_us), max(time_us) from entry where seq >= chain.block_first_seq)");
}

/// The hash of an entry, hexadecimal; also that of the last one that was pruned.
std::optional<std::string> hash_of(SQLite::Database& database, std::int64_t seq) {
  SQLite::Statement row(database,
                        "select hash from entry where seq = ?1"
                        " union all select pruned_hash from chain where pruned_seq = ?1");
  row.bind(1, seq);
  return row.executeStep() ? std::optional(hex(row.getColumn(0).getString())) : std::nullopt;
}

}  // namespace

void fill_archive(const std::filesystem::path& target, const std::filesystem::path& journal,
                  std::int64_t last_seq, const UpkeepProgress& progress) {
  const auto journal_id = extent_of(journal).journal_id;
  SQLite::Database database(
      target.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX | SQLite::OPEN_URI, 10'000);
  // It is made durable at its end, and thrown away when that is not reached.
  database.exec("pragma synchronous = off");
  create_schema(database, journal_id);
  attach(database, journal);
  copy_frame(database, last_seq);
  copy_entries(database, last_seq, progress);
  close_last_block(database);
  database.exec("detach journal");
  database.exec("pragma wal_checkpoint(truncate)");
}

ArchiveFile read_archive(const std::filesystem::path& archive) {
  const auto extent = extent_of(archive);
  const auto database = open_for_reading(archive);
  try {
    const auto greatest = database->execAndGet(
        "select max(time) from (select max(max_time_us) as time from block"
        " union all select block_max_us from chain)");
    return {.before_first_seq = extent.pruned_seq,
            .last = extent.head,
            .max_time_us = greatest.isNull() ? 0 : greatest.getInt64()};
  } catch (const SQLite::Exception& error) {
    throw read_error(archive, error);
  }
}

bool fits(const std::filesystem::path& archive, const std::filesystem::path& journal) {
  const auto theirs = extent_of(archive);
  const auto ours = extent_of(journal);
  const auto archived = open_for_reading(archive);
  const auto current = open_for_reading(journal);
  try {
    return theirs.journal_id == ours.journal_id &&
           hash_of(*current, theirs.head.seq) == theirs.head.hash &&
           hash_of(*archived, ours.pruned_seq) == ours.pruned_hash &&
           archived->execAndGet("select count(*) from unsettled").getInt64() == 0;
  } catch (const SQLite::Exception& error) {
    throw read_error(archive, error);
  }
}

bool undoes_redaction(const std::filesystem::path& archive, const std::filesystem::path& journal) {
  const auto archived = open_for_reading(archive);
  const auto current = open_for_reading(journal);
  try {
    SQLite::Statement erased(
        *current,
        "select seq from entry where seq <= ? and detail is null and detail_sha is not null");
    erased.bind(1, extent_of(archive).head.seq);
    SQLite::Statement kept(*archived, "select 1 from entry where seq = ? and detail is not null");
    while (erased.executeStep()) {
      kept.bind(1, erased.getColumn(0).getInt64());
      if (kept.executeStep()) {
        return true;
      }
      kept.reset();
    }
    return false;
  } catch (const SQLite::Exception& error) {
    throw read_error(archive, error);
  }
}

}  // namespace converge::journal
