#pragma once

#include "convergers/foreign_keys.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// A table below the one with the flag, and how its rows lead there.
struct Branch {
  const Table* table = nullptr;
  std::vector<const ForeignKey*> path;          ///< From the root downwards; not empty.
  std::vector<const ForeignKey*> not_followed;  ///< Its other ways to tables of the walk.
  bool bears_flag = false;
  std::string why_not;  ///< When it does not, for a sentence that begins with the table's name.
};

/// Each table that refers to the root directly or through others, once, by its shortest way and of
/// those by one that is never null; parents before children, as far as there is no cycle. The root
/// itself is among them when it refers to itself. What it returns points into `keys`.
std::vector<Branch> walk(const ForeignKeys& keys, const Column& flag);

/// The condition that a flag is set, or that it is not, of a column as SQL text that has its table
/// in front where needed.
std::string is_set(const Column& flag, std::string_view text);
std::string is_unset(const Column& flag, std::string_view text);

/// The columns joined by `separator`, as SQL text.
std::string column_list(const Table& table, const std::vector<std::string>& columns,
                        std::string_view separator = ", ");

}  // namespace converge::convergers
