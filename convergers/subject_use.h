#pragma once

#include <set>
#include <string>
#include <string_view>

namespace converge::convergers {

/// What a step may refer to of the relation `subject`.
struct SubjectUse {
  bool all = false;             ///< Any column: by `*`, as a whole row, under an alias, or natural.
  std::set<std::string> names;  ///< Otherwise only columns with these names.

  bool may_name(const std::string& column) const { return all || names.contains(column); }
};

/// Looks at the words of a step; in doubt, everything is used.
SubjectUse find_subject_use(std::string_view sql);

/// `sql` with the common table expression `relation` in front, merged into a WITH clause that it
/// may begin with, and without a new line, so that lines keep their numbers.
std::string with_relation(std::string_view sql, const std::string& relation);

}  // namespace converge::convergers
