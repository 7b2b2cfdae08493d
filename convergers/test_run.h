#pragma once

#include "convergers/test_file.h"
#include "src/engine/converger.h"
#include "src/postgres/session.h"

#include <chrono>
#include <string>
#include <vector>

namespace converge::convergers {

/// Something that is not as a case says.
struct Failure {
  std::string message;  ///< As an error's message.
  std::string hint = {};
  int line = 0;                            ///< Of the test file.
  std::vector<std::string> expected = {};  ///< Lines of what was to be, and of what is; both may
  std::vector<std::string> got = {};       ///< be empty.
};

struct CaseResult {
  std::vector<Failure> failures;
  std::chrono::milliseconds duration{0};

  bool passed() const { return failures.empty(); }
};

/// Runs a case in a transaction of a session of its own, and rolls it back whatever happens: what
/// is given; the converger, as a pass runs it, in chunks; once more, when nothing may change; the
/// queries. Steps outside the database are not carried out: what they would send is compared, and
/// they count as having succeeded. Limit, settle and quarantine are the pass's and count for
/// nothing here.
///
/// What a case does wrong is a failure of the result. Throws `Error` when the server cannot be
/// reached or the connection is lost.
CaseResult run_case(engine::Converger& converger, const TestCase& test,
                    const postgres::ConnectOptions& server);

}  // namespace converge::convergers
