#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// What one condition of a plan asks of one column of a table, as far as an index can serve it.
struct Condition {
  enum class Kind {
    equal,     ///< `= value`, `= any (...)`; a join by equality.
    range,     ///< `<`, `>`, `<=`, `>=`
    null,      ///< `is null`
    not_null,  ///< `is not null`
    yes,       ///< A boolean column by itself.
    no,        ///< `not` a boolean column.
    other,     ///< About the table, and not understood.
  };
  Kind kind = Kind::other;
  std::string column;         ///< Empty for `other`.
  bool cast_to_text = false;  ///< Compared as `(column)::text`, which only serves a varchar.
};

/// The conditions of an expression on the table that goes by `alias`, from the text that EXPLAIN
/// (VERBOSE) gives for it, where each column stands with its table and each inner operation in
/// parentheses. What does not concern the table is left out.
std::vector<Condition> read_conditions(std::string_view expression, std::string_view alias);

}  // namespace converge::convergers
