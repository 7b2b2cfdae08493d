#pragma once

#include "src/postgres/session.h"

#include <string>
#include <vector>

namespace converge::convergers {

/// A statement that a pass runs.
struct PlannedStatement {
  std::string what;  ///< How it is called in a warning: `FILE:LINE: find`.
  std::string sql;   ///< As `explain` takes it.
};

/// The statement prepared by that name, with nulls for its parameters: the sessions of a pass use
/// generic plans, so no values are needed to know them.
std::string execute_with_nulls(postgres::Session& session, const std::string& name);

/// A warning for each large table that the server would scan on every pass, with the index that
/// would spare that where it is plain to see. Executes none of the statements.
std::vector<std::string> warnings_of_scans(postgres::Session& session,
                                           const std::vector<PlannedStatement>& statements);

}  // namespace converge::convergers
