#pragma once

#include "journal/reader.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace SQLite {
class Database;
}

namespace converge::journal {

/// Finds the entries that match a filter, in order of seq.
///
/// Goes through the log in windows, each a read transaction of its own that lasts some ten
/// milliseconds at most, over the narrowest index that the filter allows: the subject's, a
/// definition's, that of rare kinds, the unhappy outcomes. Times narrow the log by its blocks
/// first. Everything throws `SQLite::Exception`.
class Search {
 public:
  enum class Order { oldest_first, newest_first };

  /// Begins with the entry `from`, if it matches, and goes on towards the end or the start of the
  /// log as it is now.
  Search(SQLite::Database& database, const Filter& filter, Order order, std::int64_t from);
  ~Search();

  /// The seqs of the next matches, at most so many; none only at the end.
  std::vector<std::int64_t> next(std::size_t at_most);

  class Source;

 private:
  struct Front;

  Order order_;
  std::vector<Front> fronts_;
};

}  // namespace converge::journal
