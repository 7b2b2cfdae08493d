#pragma once

#include "convergers/draft.h"

#include <optional>
#include <string>
#include <vector>

namespace converge::convergers {

/// A value that the type is likely to take, as SQL text: the same each time, and another for each
/// `number` from 1 to 3 where the type has that many. Absent for a type that nothing is known of.
std::optional<std::string> sample_value(const Column& column, int number = 1);

/// A row to be inserted, with what may not be left out.
struct SampleRow {
  struct Cell {
    const Column* column = nullptr;
    std::string value;  ///< As SQL text.
  };
  const Table* table = nullptr;
  std::vector<Cell> cells;
  std::vector<std::string> gaps;  ///< What a person has to see to, in words.

  const Cell* find(const std::string& column) const;
};

/// One row for each table of the steps and for each that these cannot do without, parents first;
/// where the root's own rows get the flag, a second one below its first, and a third below that.
/// None has the flag.
std::vector<SampleRow> sample_rows(const DraftPlan& plan);

/// The key of the row of the root as the server prints it, asked in a transaction that may only
/// read. Empty, with a gap added, where it refuses the values.
std::string key_of(SampleRow& row, const DraftPlan& plan, postgres::Session& session);

/// Adds to the gaps the check constraints that a row does not fit, as the server says: it evaluates
/// them in a transaction that may only read.
void check_rows(std::vector<SampleRow>& rows, postgres::Session& session);

}  // namespace converge::convergers
