#pragma once

#include "src/engine/subjects.h"

#include <cstdint>
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

  /// The title of the step with that number.
  std::string title(std::int64_t step) const {
    const auto index = static_cast<std::size_t>(step);
    return index < steps.size() ? steps[index] : "?";
  }

  /// As JSON: `{"steps":["…"],"columns":["id","label"],"values":["7",null]}`.
  std::string encode() const;
  /// Throws `Error{failure}` for what `encode` did not make.
  static OwedRow decode(const std::string& json);

  /// Of that row of `subjects`, without the columns that the journal may not keep.
  static OwedRow of(const Subjects& subjects, std::size_t row,
                    const std::vector<std::string>& columns, std::vector<std::string> steps,
                    const std::vector<std::string>& redact);

  /// The row as a definition with these columns has it. What was not kept is as in the first row of
  /// `now`, which has the same columns, or null where that is empty.
  Subjects as(const std::vector<std::string>& wanted, const Subjects& now) const;
};

}  // namespace converge::engine
