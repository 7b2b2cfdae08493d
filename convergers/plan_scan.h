#pragma once

#include "convergers/plan_condition.h"

#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// A table that a plan reads from end to end.
struct Scan {
  std::string schema;
  std::string table;
  std::vector<Condition> conditions;  ///< All that an index could be given; see `is_understood`.
  bool is_understood = false;  ///< False: an index by the conditions might not spare the scan.
  bool leaves_out = false;     ///< Some were left out of them, which no index could be given.
  bool is_part = false;        ///< Its rows are only some of those that are read.
  double rows = 0;             ///< That the server expects to be left of it by all conditions.
};

/// The scans of a plan, as `explain (verbose, format json)` prints it.
std::vector<Scan> read_scans(std::string_view plan);

}  // namespace converge::convergers
