#pragma once

#include "journal/names.h"
#include "journal/reader.h"
#include "journal/stretch.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

namespace converge::journal {

/// Verifies one journal once, up to the head that it finds at the start; what is appended meanwhile
/// is for the next time, and a prune meanwhile makes it start over.
///
/// The log is cut at the ends of blocks into stretches, which threads with connections of their own
/// verify independently: each starts from the hash that a block records for its last entry, and
/// the stretch before proves that hash. Whatever a stretch complains of, a walk from its start, up
/// to which all is proven, names the first bad entry: a lying block can cost time and hide nothing.
///
/// Memory is bounded by the threads, the dictionaries and the unsettled transactions. Throws
/// `SQLite::Exception`, except for damaged pages, which are a finding, and `Error` when the file is
/// replaced meanwhile.
class Verifier {
 public:
  /// `database` is `file`, opened for reading; all must outlive the verifier.
  Verifier(const std::filesystem::path& file, SQLite::Database& database,
           const std::function<void(std::int64_t, std::int64_t)>& progress,
           const std::optional<Head>& kept);

  Verification run();

 private:
  /// How the walk ended at the head.
  struct End {
    Digest hash{};
    bool inside_block = false;
    std::optional<TimesUs> times_us = {};
  };

  void verify_once();
  bool was_pruned_meanwhile();
  void read_bounds();

  void walk();
  void work(bool tells);
  void work_off(bool tells);
  std::unique_ptr<SQLite::Database> connect() const;
  void walk_from_complaint();

  // By all threads.
  std::optional<Stretch> next_stretch();
  std::optional<Stretch> cut_after(std::int64_t seq);
  bool proceed(const Stretch& stretch, std::int64_t entries, bool tells);
  void complain(const Stretch& stretch);
  void finish(const Stretch& stretch, const StretchWalk& walk);

  void check_end();
  void check_blocks();
  void check_unsettled();
  void check_kept();

  const std::filesystem::path& file_;
  SQLite::Database& database_;
  const std::function<void(std::int64_t, std::int64_t)>& progress_;
  const std::optional<Head>& kept_;
  Verification result_;

  // As recorded when the walk began.
  Bounds bounds_;
  std::int64_t greatest_seq_ = 0;
  Names names_;
  std::int64_t proven_seq_ = 0;
  std::int64_t seen_pruned_seq_ = 0;  // When it was looked at last whether to start over.

  std::mutex mutex_;  // Of what follows and, during the walk, of the connection.
  std::int64_t handed_out_seq_ = 0;
  Digest handed_out_hash_{};
  std::int64_t done_ = 0;             // Entries.
  std::optional<Stretch> complaint_;  // The earliest.
  std::exception_ptr failure_;
  std::set<std::int64_t> unsettled_;
  End end_;
};

}  // namespace converge::journal
