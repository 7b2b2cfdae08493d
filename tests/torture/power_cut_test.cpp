#include "tests/cli/disk_fixture.h"
#include "tests/torture/claims.h"
#include "tests/torture/closing_table.h"

#include <boost/test/unit_test.hpp>

#include <optional>

namespace {

using namespace converge::tests;

struct PowerCut : Disk {
  /// A pass, and the journal's files before it.
  void record() {
    const auto known = has_journal() ? recorded_ids().size() : 0;
    before = files();
    BOOST_REQUIRE(run_on_disk().status == 0);
    calls = history();
    ids = recorded_ids();
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(known));
    BOOST_REQUIRE(sent(calls.size()) == ids.size());
  }
  std::vector<std::string> recorded_ids() const {
    return lines(ask_journal("select xid from \"transaction\" order by seq"));
  }

  /// How many COMMITs were sent within so many calls.
  std::size_t sent(std::size_t count) const { return count_calls(calls, count, 'Q'); }

  /// What may have been committed by then has its record; the file can be read, and be gone on
  /// with.
  void require_records(std::size_t count, bool go_on) {
    if (sent(count) > 0 || !before.empty()) {
      const auto verified = call({"journal", "verify"});
      BOOST_TEST(verified.status == 0, verified.out << verified.err);
    }
    if (go_on) {
      const auto next = call({"run", "archive"});
      BOOST_TEST(next.status == 0, next.out << next.err);
      BOOST_TEST(!contains(next.err, "corrupt"), next.err);
    }
    require_recorded({ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(sent(count))});
  }

  void cut_everywhere(FaultTally& tally, const std::string& place) {
    const auto step = static_cast<std::size_t>(scaled("POWER_CUT_STEP", 1));
    for (const Survivors survivors : kSurvivors) {
      std::optional<DiskFiles> last;
      std::size_t last_sent = 0;
      for (std::size_t count = 0; count <= calls.size(); count += step) {
        auto left = after_power_cut(before, calls, count, survivors);
        if (last == left && last_sent == sent(count)) continue;  // They were looked at already.
        const bool go_on = count % 7 == 0 || last_sent != sent(count);
        BOOST_TEST_CONTEXT(place << ", " << name_of(survivors) << ", after " << count
                                 << " calls of " << calls.size()) {
          tally.tally(name_of(survivors), place, [&] {
            put(left);
            require_records(count, go_on);
            return std::string(go_on ? "read, gone on with" : "read");
          });
        }
        last = std::move(left);
        last_sent = sent(count);
      }
    }
  }

  DiskFiles before;
  std::vector<DiskCall> calls;
  std::vector<std::string> ids;  ///< Of transactions, as they were recorded, one after the other.
};

BOOST_FIXTURE_TEST_SUITE(power_cut, PowerCut)

BOOST_AUTO_TEST_CASE(cut_after_any_call_leaves_a_record_of_all_that_was_committed) {
  FaultTally tally(
      "power_cut: the journal's files as they are after a power cut behind each write, truncation "
      "and sync of a pass");
  record();
  cut_everywhere(tally, "first pass, " + std::to_string(calls.size()) + " calls");
  put(after_power_cut(before, calls, calls.size(), Survivors::all));
  dirty_again();
  record();
  cut_everywhere(tally, "second pass, " + std::to_string(calls.size()) + " calls");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
