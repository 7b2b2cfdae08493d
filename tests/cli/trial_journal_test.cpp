#include "tests/cli/trial_fixture.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>

namespace {

using namespace converge::tests;

/// Of a file, in bytes: the state and the log fit in, and no page of the journal does.
constexpr std::uintmax_t kTooLittle = 8192;

BOOST_FIXTURE_TEST_SUITE(trial_that_the_journal_cannot_be_told, TrialHost)

BOOST_AUTO_TEST_CASE(a_healthy_build_is_kept_once_it_can) {
  guard_commits("new.account_id < 100");
  Service service(*this, kTrialSettings);
  require_passes_by(101);
  // With a pass at its commit, the trial stays open.
  Bystander bystander(*this, kCommitLock);
  archive_silently(1);
  put_in(built("converge-build-102"));
  BOOST_REQUIRE(wait_for_advisory_lock(*this));
  service.limit_file_size(kTooLittle);
  bystander.end();
  BOOST_TEST_REQUIRE(service.logs("a build that is healthy cannot be kept yet"), service.log());
  BOOST_TEST(events() == "trial 102");
  BOOST_TEST(state().trial.has_value());
  service.limit_file_size(std::nullopt);
  BOOST_REQUIRE(tells("committed", 102));
  BOOST_TEST(trial_ends());
  BOOST_TEST(events() == "trial 102, committed 102");
  require_goes_on_in(service, 102);
}

BOOST_AUTO_TEST_CASE(what_the_old_build_could_not_write_is_not_held_against_the_new_one) {
  Service service(*this, kTrialSettings);
  require_passes_by(101);
  service.limit_file_size(kTooLittle);
  put_in_script("prlimit --pid $$ --fsize=unlimited:unlimited; " + becomes_new());
  BOOST_REQUIRE(service.logs("a build that is healthy cannot be kept yet"));
  BOOST_TEST(events() == "");
  service.limit_file_size(std::nullopt);
  BOOST_REQUIRE(tells("committed", 102));
  // Also that which was to be told as it began.
  BOOST_TEST(events() == "trial 102, committed 102");
  BOOST_TEST(service.stop().status == 0);
  require_agreement();
}

/// Without a journal no build begins, and the service manager starts it again until it can.
void lose_a_build(TrialHost& host) {
  Service service(host, kTrialSettings);
  host.require_passes_by(101);
  service.limit_file_size(kTooLittle);
  host.put_in_script("exit 1");
  BOOST_TEST(service.wait().status == 1);
  BOOST_TEST(host.holds("converge-build-101"));
  BOOST_TEST(host.events() == "");
}

BOOST_AUTO_TEST_CASE(a_build_that_fails_is_taken_back_at_once_and_that_is_told_later) {
  lose_a_build(*this);
  Service service(*this, kTrialSettings);
  require_taken_back(service, "it ended with status 1");
}

BOOST_AUTO_TEST_CASE(what_another_update_keeps_from_being_told_is_told_after_that) {
  lose_a_build(*this);
  std::optional<converge::updater::Installation::Lock> lock(
      installation.lock(std::chrono::seconds(10)));
  Service service(*this, kTrialSettings);
  BOOST_REQUIRE(service.logs("the trial of another build stays open"));
  require_passes_by(101);
  BOOST_TEST(events() == "");
  lock.reset();
  require_taken_back(service, "it ended with status 1");
}

BOOST_AUTO_TEST_CASE(starts_are_counted_all_the_same) {
  Service service(*this, kTrialSettings);
  require_passes_by(101);
  service.limit_file_size(kTooLittle);
  service.signal(SIGSTOP);
  put_in_script("exec sleep 1000");
  auto often = state();
  often.trial->starts = 3;
  write_update_state(installation.state_file(), often);
  service.signal(SIGCONT);
  BOOST_TEST(service.wait().status == 1);
  BOOST_REQUIRE(state().quarantined.size() == 1u);
  BOOST_TEST(contains(state().quarantined[0].why, "started 3 times"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
