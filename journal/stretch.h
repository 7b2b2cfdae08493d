#pragma once

#include "journal/chain.h"
#include "journal/names.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

struct sqlite3_stmt;

namespace converge::journal {

/// Thrown at the first entry that is not as it was written.
struct Defect {
  std::int64_t seq;
  std::string reason;
};

using TimesUs = std::pair<std::int64_t, std::int64_t>;  ///< Least, greatest.

/// Where a journal starts and ends, as its table `chain` says.
struct Bounds {
  std::string journal_id;
  std::int64_t pruned_seq = 0;
  Digest pruned_hash{};
  std::int64_t head_seq = 0;
  std::string head_hash;  ///< Its bytes.
  std::int64_t open_block_first_seq = 0;
  std::optional<TimesUs> open_block_us;
};

/// A part of the log that can be verified by itself: the entries after `after`, whose hash is said
/// to be `before`, up to `last`.
struct Stretch {
  std::int64_t after = 0;
  Digest before{};
  std::int64_t last = 0;
  std::optional<Digest> closing = {};  ///< What is said to be the hash of `last`, a block's end.
};

/// Verifies stretches, one after the other, over a connection that nobody else uses meanwhile: that
/// seq has no gap, and that hashes, details, names, definition texts and blocks are what they were.
class StretchWalk {
 public:
  /// All must outlive it.
  StretchWalk(SQLite::Database& database, const Names& names, const Bounds& bounds);
  ~StretchWalk();
  StretchWalk(const StretchWalk&) = delete;
  StretchWalk& operator=(const StretchWalk&) = delete;

  /// The first entry of a stretch must be the first of a block.
  void begin(const Stretch& stretch);
  /// Verifies the next entries in one short read transaction, and tells how many; 0 at the end.
  /// Throws `Defect`, also for damaged pages, and `SQLite::Exception` for the rest.
  std::int64_t next_page();

  // After the last page.
  const Digest& hash() const { return chain_.hash(); }
  bool inside_block() const { return block_.has_value(); }
  /// Of the entries after the last whole block.
  const std::optional<TimesUs>& times_us() const { return found_us_; }
  /// Transactions without an outcome in the stretch.
  const std::set<std::int64_t>& unsettled() const { return unsettled_; }

 private:
  /// The block that the walk is in, as recorded.
  struct Block {
    std::int64_t last_seq = 0;
    TimesUs times_us;
    std::string hash;
  };

  std::int64_t read_page();
  std::size_t check_row();
  void fill_names(ChainFields& fields);
  const Name& look_up(const Dictionary& names, std::int64_t number, const char* what) const;
  void check_detail(const ChainFields& fields, const std::optional<std::string_view>& detail);
  bool was_redacted(const ChainFields& fields);
  void follow_block(std::int64_t time_us);
  void begin_block();
  void follow_unsettled(const ChainFields& fields);

  SQLite::Database& database_;
  const Names& names_;
  const Bounds& bounds_;
  // SQLite itself: its wrapper costs more than the rows do.
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> page_;
  SQLite::Statement find_block_;
  Chain chain_;
  Sha256 sha_;

  std::int64_t last_ = 0;
  std::int64_t seq_ = 0;  // The entry that is being looked at, or was last.
  std::optional<Block> block_;
  std::optional<TimesUs> found_us_;  // In the block so far.
  std::set<std::int64_t> unsettled_;
};

}  // namespace converge::journal
