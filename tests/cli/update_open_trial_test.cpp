#include "tests/cli/update_fixture.h"
#include "updater/update_state.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;
using Texts = std::vector<std::string>;

/// A host where build 102 was put in, no pass is run and no daemon is there, and 103 is offered.
struct OpenTrial : UpdatedHost {
  OpenTrial() {
    release(102);
    updated();
    offer(manifest_of(103, stand_in(103)));
  }
  converge::updater::UpdateState state() const {
    return converge::updater::read_update_state(binary.parent_path() / ".converge.state");
  }
  /// As the timer unit runs it, outside of any terminal.
  CommandResult update_by_timer() {
    environment["INVOCATION_ID"] = "0123";
    auto result =
        run_command({"setsid", "--wait", binary.string(), "update"}, {.environment = environment});
    environment["INVOCATION_ID"] = std::nullopt;
    return result;
  }
  void require_kept() const {
    BOOST_TEST(installed() == 103);
    BOOST_TEST((read_text(binary.string() + ".previous") == program(101)));
    BOOST_REQUIRE(state().trial.has_value());
    BOOST_TEST(state().trial->build == 103);
    BOOST_TEST(state().trial->previous == 101);
    BOOST_TEST(state().previous_build == 101);
  }
};

BOOST_FIXTURE_TEST_SUITE(update_open_trial, OpenTrial)

BOOST_AUTO_TEST_CASE(trial_that_nobody_ends_holds_the_timer_no_longer_than_its_length) {
  const auto early = update_by_timer();
  BOOST_TEST(early.status == 0, early.err);
  BOOST_TEST(contains(early.out, "build 103 waits for its end"), early.out);
  BOOST_TEST(installed() == 102);
  configure("trial = \"1ms\"\n");
  const auto late = update_by_timer();
  BOOST_TEST(late.status == 0, late.err);
  BOOST_TEST(contains(late.out, "build 103 (channel stable"), late.out);
  require_kept();
}

BOOST_AUTO_TEST_CASE(build_that_has_not_proven_itself_is_nothing_to_go_back_to) {
  BOOST_TEST(contains(updated(),
                      "is installed in place of build 102, on trial; build 102 had not proven "
                      "itself, so build 101 is kept to go back to"));
  require_kept();
}

BOOST_AUTO_TEST_CASE(killed_before_the_rename_the_present_build_stays_on_trial) {
  // As the updater leaves it there.
  auto killed = state();
  killed.trial->build = 103;
  converge::updater::write_update_state(binary.parent_path() / ".converge.state", killed);
  write_text(binary.parent_path() / ".converge.new", stand_in(103));
  // The build that is kept looks ahead of a start of the service.
  const auto announced = run_command({binary.string() + ".previous", "update", "--announce-start"},
                                     {.environment = environment});
  BOOST_TEST(announced.status == 0, announced.err);
  BOOST_TEST((state() == killed));
  BOOST_TEST(contains(updated({"--to", "102"}), "build 102"));
  BOOST_TEST(installed() == 102);
  BOOST_REQUIRE(state().trial.has_value());
  BOOST_TEST(state().trial->build == 102);
  BOOST_TEST(state().trial->previous == 101);
  BOOST_TEST((read_text(binary.string() + ".previous") == program(101)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
