#pragma once

#include "src/engine/subjects.h"

#include <string>
#include <string_view>
#include <vector>

namespace converge::engine {

/// What the journal keeps of a subject that a step outside the database is owed to: enough to carry
/// it out when find returns the subject no more.
struct OwedRow {
  std::vector<std::string> steps;  ///< Titles of the steps outside, as the definition had them.
  std::vector<std::string> columns;
  Subjects subject;  ///< One row.

  /// As JSON: `{"steps":["…"],"columns":["id","label"],"values":["7",null]}`.
  std::string encode() const;
  /// Throws `Error{failure}` for what `encode` did not make.
  static OwedRow decode(const std::string& json);

  /// The row as a definition with these columns has it; null where it had no such column.
  Subjects as(const std::vector<std::string>& wanted) const;
};

}  // namespace converge::engine
