#pragma once

#include "tests/cli/fixture.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace converge::tests {

/// What the table `audit` of a server says was committed on a timeline, a line for each row.
std::vector<std::string> audited_on(const PostgresCluster& server, const std::string& database,
                                    int timeline);
/// From now on the audit table says on which timeline a row was committed first.
void audit_timelines(const Cli& cli);

/// Where a server crashed or was replaced, `unknown` is allowed. What is not: a committed row
/// without its record, a record that says committed of what was not, one that says rolled back of
/// what was committed, one that is pending still.
void require_true_claims(const Cli& cli, int timeline, const std::vector<std::string>& audited);

/// Takes away the journal and what it is compared with: what went wrong once is not to be found
/// again and again.
void forget_all(const Cli& cli);

/// How often each fault was made at each place, and whether what was required afterwards held;
/// printed at the end.
class FaultTally {
 public:
  explicit FaultTally(std::string title);
  ~FaultTally();
  FaultTally(const FaultTally&) = delete;
  FaultTally& operator=(const FaultTally&) = delete;

  /// Runs what makes the fault and requires things; it returns how the command ended. False when
  /// something that was required did not hold.
  template <class Work>
  bool tally(const std::string& fault, const std::string& place, Work&& work) {
    const auto before = failed_assertions();
    const std::string end = work();
    const bool held = failed_assertions() == before;
    count(fault, place, end, held);
    return held;
  }

 private:
  struct Row {
    int times = 0;
    int wrong = 0;
    std::map<std::string, int> ends;
  };

  static unsigned long failed_assertions();
  void count(const std::string& fault, const std::string& place, const std::string& end, bool held);

  std::string title_;
  std::map<std::pair<std::string, std::string>, Row> rows_;
};

/// `0`, `1`, `SIGKILL`: in a word.
std::string end_of(const CommandResult& result);

}  // namespace converge::tests
