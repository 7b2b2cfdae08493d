#include "tests/cli/disk_fixture.h"
#include "tests/torture/claims.h"
#include "tests/torture/closing_table.h"

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <cstring>

namespace {

using namespace converge::tests;

/// A call that fails, once or from then on.
struct Failure {
  const char* call;
  int error;
  bool goes_on;

  /// As the shim takes it.
  std::string at(int nth) const {
    return std::string(call) + ':' + std::to_string(nth) + ':' + std::to_string(error) +
           (goes_on ? ":on" : "");
  }
  std::string name() const {
    return std::string(call) + " says " + ::strerrorname_np(error) +
           (goes_on ? ", and on" : ", once");
  }
};
constexpr Failure kFailures[] = {
    {"write", EIO, false},    {"write", EIO, true},      {"write", ENOSPC, false},
    {"write", ENOSPC, true},  {"sync", EIO, false},      {"sync", EIO, true},
    {"truncate", EIO, false}, {"create", ENOSPC, false}, {"create", EROFS, true}};

struct DiskErrors : Disk {
  /// A journal that is to be begun, or the one that is there.
  void begin(bool fresh) {
    if (fresh) forget_all(*this);
  }
  bool has_failed() const {
    const auto calls = history();
    return count_calls(calls, calls.size(), 'X') > 0;
  }
  /// The next command goes through, and all that was claimed is so.
  void require_next_run_corrects() {
    const auto next = call({"run", "archive"});
    BOOST_TEST(next.status == 0, next.out << next.err);
    BOOST_TEST(left_to_do() == "0");
    require_agreement();
  }
};

BOOST_FIXTURE_TEST_SUITE(disk_errors, DiskErrors)

// Each of them, until a pass has fewer such calls.
BOOST_AUTO_TEST_CASE(call_that_fails_anywhere_costs_no_record) {
  FaultTally tally("disk_errors: the Nth call on the journal's files fails, once or from then on");
  const int step = scaled("DISK_ERROR_STEP", 3);
  for (const Failure& failure : kFailures) {
    for (const bool fresh : {true, false}) {
      bool failed = true;
      for (int nth = 1; failed; nth += failure.call == std::string_view("write") ? step : 1) {
        BOOST_TEST_CONTEXT(failure.name() << " at number " << nth) {
          begin(fresh);
          const auto work = [&] {
            const auto result = run_on_disk(failure.at(nth));
            failed = has_failed();
            require_next_run_corrects();
            return failed ? end_of(result) : "not reached";
          };
          if (!tally.tally(failure.name(), fresh ? "new journal" : "old journal", work)) {
            forget_all(*this);
          }
          dirty_again();
        }
      }
    }
  }
}

// The pages of a sync that failed stay in memory, where they are taken for written and are read as
// if they were; no later sync brings them to the disk.
BOOST_AUTO_TEST_CASE(power_cut_after_a_sync_that_failed_costs_no_record) {
  FaultTally tally(
      "disk_errors: the Nth sync fails once and its pages never reach the disk; the power is cut "
      "at "
      "the end of the command, or of the next one");
  constexpr Failure kSync{"sync", EIO, false};
  for (const bool fresh : {true, false}) {
    const auto place = std::string(fresh ? "new journal" : "old journal");
    bool failed = true;
    for (int nth = 1; failed; ++nth) {
      BOOST_TEST_CONTEXT("sync number " << nth << ", " << place) {
        begin(fresh);
        const auto before = files();
        tally.tally("power cut at once", place, [&] {
          const auto result = run_on_disk(kSync.at(nth));
          failed = has_failed();
          require_records_after_power_cut(before);
          return failed ? end_of(result) : "not reached";
        });
        tally.tally("power cut after the next command", place, [&] {
          const auto result = run_further_on_disk();
          require_records_after_power_cut(before);
          require_agreement();
          return end_of(result);
        });
        dirty_again();
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
