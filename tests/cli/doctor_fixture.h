#pragma once

#include "tests/cli/fixture.h"

#include <string>

namespace converge::tests {

/// A host on which all is well, and a role that has no more than the rights it needs.
struct Patient : Cli {
  Patient();
  ~Patient();

  /// The exit status of `converge doctor`, with what it printed.
  CommandResult examine(const Words& more = {}) const;
  /// The lines of a check, `VERDICT MESSAGE -> REMEDY` each.
  std::string told(const std::string& check, const Words& more = {}) const;
  /// Lets the commands connect as a role of its own that may do nothing yet; its name.
  std::string as_role(const std::string& rights = "");
  /// A command of SQL's that gives to the role what the archiver needs.
  static std::string all_rights(const std::string& role);

  std::string role;
};

}  // namespace converge::tests
