#pragma once

#include <string>

namespace converge::tests {

class Cli;
class StateMachine;

/// Where the journal says something else than the audit table, row by row, or than the server about
/// a transaction; what is missing, invented, written down twice or left pending; and what breaks
/// the chain. A line each, some of them; empty: nothing.
std::string disagreement(const Cli& cli);

/// The same between the journal and a service that a step outside the database calls: whatever was
/// killed, each inconsistency has one effect, each effect one success, each request an attempt, and
/// nothing is owed any more. `after` is the title of the SQL step behind that step.
std::string disagreement_outside(const Cli& cli, const StateMachine& service,
                                 const std::string& after);

}  // namespace converge::tests
