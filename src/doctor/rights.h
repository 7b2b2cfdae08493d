#pragma once

#include "convergers/defined.h"
#include "src/doctor/finding.h"
#include "src/postgres/session.h"

#include <set>
#include <string>
#include <string_view>

namespace converge::doctor {

/// The verbs with which an SQL text changes a table: of `delete`, `insert` and `update`, those that
/// stand right before its name. By the words alone; a name in quotes counts, a comment does not.
std::set<std::string> verbs_on(std::string_view sql, std::string_view table);

/// Whether the server would let the converger's statements run, each with the rights of this role,
/// and the `grant` for each that is missing. Prepares and explains; executes none of them. What
/// triggers and functions need in turn is not looked at. Throws `Error` when the connection is
/// lost.
Findings check_rights(postgres::Session& session, convergers::Defined& converger);

}  // namespace converge::doctor
