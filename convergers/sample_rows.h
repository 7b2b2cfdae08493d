#pragma once

#include "convergers/draft.h"

#include <optional>
#include <string>
#include <vector>

namespace converge::convergers {

/// A value that a type is likely to take.
struct SampleValue {
  std::string literal;  ///< As SQL text.
  std::string text;     ///< As the server prints it.
};
/// Absent for a type that nothing is known of.
std::optional<SampleValue> sample_value(const Column& column);

/// A row to be inserted, with what may not be left out.
struct SampleRow {
  struct Cell {
    const Column* column = nullptr;
    SampleValue value;
  };
  const Table* table = nullptr;
  std::vector<Cell> cells;
  std::vector<std::string> gaps;  ///< What a person has to see to, in words.

  const Cell* find(const std::string& column) const;
};

/// One row for each table of the steps and for each that these cannot do without, parents first.
/// None has the flag.
std::vector<SampleRow> sample_rows(const DraftPlan& plan);

/// Adds to the gaps the check constraints that a row does not fit, as the server says: it evaluates
/// them in a transaction that may only read.
void check_rows(std::vector<SampleRow>& rows, postgres::Session& session);

}  // namespace converge::convergers
