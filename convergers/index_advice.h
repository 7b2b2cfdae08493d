#pragma once

#include "convergers/plan_scan.h"
#include "src/postgres/session.h"

#include <cstdint>
#include <optional>
#include <string>

namespace converge::convergers {

/// A table that is scanned, as the catalog knows it.
struct ScannedTable {
  std::string name;       ///< As SQL text, with its schema where the search path needs it.
  std::int64_t rows = 0;  ///< As the statistics of the last vacuum or analyze have it.
};
ScannedTable scanned_table(postgres::Session& session, const Scan& scan);

/// The statement that makes the index which would spare the scan: columns of equality first, one of
/// a range next, `is null` and its kin as the condition of a partial index. Absent where the
/// conditions are not understood, where most of the table fits them, or where the planner has such
/// an index already and will not use it: no advice is better than wrong advice.
std::optional<std::string> index_advice(postgres::Session& session, const Scan& scan,
                                        const ScannedTable& table);

}  // namespace converge::convergers
