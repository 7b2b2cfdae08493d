#pragma once

#include "convergers/plan_scan.h"
#include "src/postgres/session.h"

#include <cstdint>
#include <optional>
#include <string>

namespace converge::convergers {

/// A table that is scanned, as the catalog knows it.
struct ScannedTable {
  std::string name;           ///< As SQL text, with its schema where the search path needs it.
  std::int64_t rows = 0;      ///< As the statistics of the last vacuum or analyze have it.
  std::int64_t own_rows = 0;  ///< Of the partition that is scanned; else the same.
  bool is_partitioned = false;
};
/// Of a partition, the name is that of the whole table, and so are the rows.
ScannedTable scanned_table(postgres::Session& session, const Scan& scan);

/// The statement that makes the index which would spare the scan: columns of equality first, one of
/// a range next, `is null` and its kin as the condition of a partial index. Conditions that are not
/// understood are left out where columns of equality leave few rows to look at. Absent where the
/// conditions are not understood otherwise, where most of the table fits them, or where the planner
/// has such an index already and will not use it: no advice is better than wrong advice.
std::optional<std::string> index_advice(postgres::Session& session, const Scan& scan,
                                        const ScannedTable& table);

}  // namespace converge::convergers
