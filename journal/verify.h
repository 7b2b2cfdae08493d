#pragma once

#include "journal/chain.h"
#include "journal/reader.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace converge::journal {

/// Verifies one journal once, in pages of one read transaction each, up to the head that it finds
/// at the start; what is appended meanwhile is for the next time. Memory is bounded by the page,
/// the dictionaries and the unsettled transactions. Throws `SQLite::Exception`, except for damaged
/// pages, which are a finding.
class Verifier {
 public:
  Verifier(SQLite::Database& database,
           const std::function<void(std::int64_t, std::int64_t)>& progress);

  Verification run();

 private:
  /// Ends the walk: the first defect is the one that is reported.
  struct Defect {
    std::int64_t seq;
    std::string reason;
  };

  struct Name {
    std::string text;
    std::int64_t build = 0;    ///< Of an actor.
    std::string version = {};  ///< Of a definition.
    std::string defect = {};   ///< Why it is not what it claims to be, or empty.
  };
  using Names = std::map<std::int64_t, Name>;

  /// The block that the walk is in, as recorded and as found.
  struct Block {
    std::int64_t last_seq = 0;
    std::pair<std::int64_t, std::int64_t> recorded_us;
    std::string hash;
  };

  void read_bounds();
  void read_names();
  void read_dictionary(Names& names, const char* table);
  void read_actors();
  void read_definitions();
  const Name& look_up(const Names& names, std::int64_t number, const char* what);

  void walk();
  void check_row(SQLite::Statement& row);
  void fill_names(SQLite::Statement& row, ChainFields& fields);
  void check_detail(SQLite::Statement& row, const ChainFields& fields);
  bool was_redacted(const ChainFields& fields);
  void follow_block(std::int64_t time_us);
  void begin_block();
  void follow_unsettled(const ChainFields& fields);
  void check_end();
  void check_unsettled();

  SQLite::Database& database_;
  const std::function<void(std::int64_t, std::int64_t)>& progress_;
  Verification result_;
  Chain chain_;
  Sha256 sha_;

  // As recorded when the walk began.
  std::int64_t pruned_seq_ = 0;
  std::int64_t greatest_seq_ = 0;
  std::int64_t open_block_first_seq_ = 0;
  std::optional<std::pair<std::int64_t, std::int64_t>> open_block_us_;

  std::int64_t seq_ = 0;  // The entry that is being looked at, or was last.
  Names kinds_;
  Names outcomes_;
  Names actors_;
  Names definitions_;
  std::optional<Block> block_;
  std::optional<std::pair<std::int64_t, std::int64_t>> found_us_;  // Times in the block so far.
  std::set<std::int64_t> unsettled_;
};

}  // namespace converge::journal
