#pragma once

#include "journal/chain.h"
#include "journal/entry.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace converge::journal {

struct DefinitionLess {
  bool operator()(const DefinitionId& left, const DefinitionId& right) const {
    return std::tie(left.version, left.name) < std::tie(right.version, right.name);
  }
};

/// The texts of the definitions that this process has registered.
using DefinitionTexts = std::map<DefinitionId, std::string, DefinitionLess>;

/// Appends entries to an open journal, in write transactions that its owner begins and ends under
/// the `FileLock`. Keeps prepared statements and the numbers of names, so it belongs to one
/// connection. Everything here throws `SQLite::Exception`; not thread-safe.
class Writer {
 public:
  /// `texts` must outlive the writer.
  Writer(SQLite::Database& database, std::string actor, const DefinitionTexts& texts);

  const std::string& journal_id() const { return journal_id_; }
  SQLite::Database& database() { return database_; }

  /// Sees to it, once, that what is in the WAL will be on the disk: see `write_wal_again`. To be
  /// called before a checkpoint; `begin` does it too.
  void secure_wal();
  /// Begins a write transaction and reads the head as the last writer of any process left it.
  void begin();
  void commit();
  /// Ends the transaction without a trace. After an exception from here, drop the connection.
  void rollback();

  /// The seq that the next `append` will give.
  std::int64_t next_seq() const { return head_seq_ + 1; }
  /// Returns the seq. `detail_sha` spares the digest of the detail when it is known already.
  /// Throws `Error{failure}` for a definition whose text nobody has registered.
  std::int64_t append(const Entry& entry, std::int64_t time_us,
                      const std::optional<Digest>& detail_sha = std::nullopt);

  /// As `append`, for the many of one transaction: the row is written together with those of the
  /// calls to come, at the latest by the next `append` or `commit`, and what the database says of
  /// it is thrown there.
  void append_with_others(const Entry& entry, std::int64_t time_us);

  /// The outcome of a transaction or an attempt; of two, the one that is not `unknown`.
  std::optional<Outcome> outcome_of(std::int64_t txn);
  std::optional<Kind> kind_of(std::int64_t seq);

 private:
  std::int64_t number_of_actor();
  std::int64_t number_of_definition(const DefinitionId& id, std::int64_t time_us);
  std::int64_t note_definition(const DefinitionId& id, std::int64_t time_us);
  /// What stands in the row of an entry besides what the entry says.
  struct Row {
    std::int64_t seq = 0;
    std::int64_t time_us = 0;
    std::int64_t actor = 0;
    std::optional<std::int64_t> definition = {};
    std::optional<Digest> detail_sha = {};
    Digest hash{};
  };
  /// Makes the row of the next entry; the head is that entry from then on.
  Row extend(const Entry& entry, std::int64_t time_us, const std::optional<Digest>& detail_sha);
  static void bind_row(SQLite::Statement& statement, std::size_t place, const Entry& entry,
                       const Row& row);
  void insert_together();
  void keep_unsettled(const Entry& entry, std::int64_t seq);
  void seal_block();

  SQLite::Database& database_;
  const std::string actor_;
  const DefinitionTexts& texts_;
  const std::int64_t build_;
  std::string journal_id_;
  bool is_wal_secured_ = false;

  // Of the transaction that is open.
  Chain chain_;
  Sha256 sha_;
  std::int64_t head_seq_ = 0;
  std::int64_t begun_at_seq_ = 0;
  std::int64_t block_first_seq_ = 1;
  std::optional<std::pair<std::int64_t, std::int64_t>> block_times_us_;  // Least, greatest.

  // Entries whose rows are still to be written. Kept, so that an entry costs no allocation.
  std::vector<std::pair<Entry, Row>> together_;
  std::size_t waiting_ = 0;

  // Numbers of names, as far as they are committed or in the open transaction.
  std::optional<std::int64_t> actor_number_;
  std::map<DefinitionId, std::int64_t, DefinitionLess> definition_numbers_;

  SQLite::Statement begin_;
  SQLite::Statement commit_;
  SQLite::Statement read_chain_;
  SQLite::Statement write_chain_;
  SQLite::Statement insert_;
  std::optional<SQLite::Statement> insert_together_;
  SQLite::Statement add_unsettled_;
  SQLite::Statement drop_unsettled_;
  SQLite::Statement drop_owed_;
  SQLite::Statement outcome_of_;
};

}  // namespace converge::journal
