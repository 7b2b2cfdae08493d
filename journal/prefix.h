#pragma once

#include <cstdint>
#include <string>

namespace SQLite {
class Database;
}

namespace converge::journal {

/// The oldest entries of a journal, as many as can be pruned.
struct Prefix {
  std::int64_t before_first_seq = 0;  ///< The last entry that was pruned already.
  std::int64_t last_seq = 0;          ///< The same as that: there is nothing to prune.
  std::string held_back = {};  ///< Why some entries that are old enough stay; empty: none does.
};

/// The longest prefix of the log all of whose entries are older than `before_us`, and that leaves
/// out: every transaction or attempt without an outcome, and what follows it; one whose outcome is
/// not in it (but for a person's second one); one whose outcome is unknown while it owes steps
/// outside the database; an entry that was redacted and whose `redact` entry
/// is not in it, because without that the prefix would not verify by itself.
Prefix prefix_before(SQLite::Database& database, std::int64_t before_us);

}  // namespace converge::journal
