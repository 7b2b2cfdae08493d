#include "tests/cli/trial_fixture.h"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <optional>
#include <string>

namespace {

using namespace converge::tests;

/// With a pass at its commit under the new build, so that its trial stays open.
struct OpenTrial : TrialHost {
  using TrialHost::TrialHost;

  pid_t begin_trial(Service& service, std::int64_t old_build = 101) {
    if (account_ == 0) guard_commits("new.account_id < 100");
    require_passes_by(old_build);
    bystander.emplace(*this, kCommitLock);
    archive_silently(++account_);
    put_in(built("converge-build-102"));
    const auto child = wait_for_child(service);
    BOOST_REQUIRE(eventually([&] { return runs(child, "converge-build-102"); }));
    BOOST_REQUIRE(wait_for_advisory_lock(*this));
    return child;
  }

  std::optional<Bystander> bystander;

 private:
  int account_ = 0;  ///< That the pass is for.
};

BOOST_FIXTURE_TEST_SUITE(trial_that_is_open, OpenTrial)

BOOST_AUTO_TEST_CASE(a_build_that_stops_giving_signs_of_life_is_taken_back) {
  Service service(*this, kTrialSettings);
  ::kill(begin_trial(service), SIGSTOP);
  BOOST_REQUIRE(tells("rolled_back", 101));
  bystander.reset();
  require_taken_back(service, "no sign of life for 3s");
}

BOOST_AUTO_TEST_CASE(a_pass_that_takes_longer_than_the_trial_is_waited_for) {
  Service service(*this,
                  "status = \"off\"\n[update]\ntrial = \"100ms\"\n[database]\n"
                  "lock_timeout = \"60s\"\n");
  const auto child = begin_trial(service);
  // A whole pass of another converger, which begins after the trial's end.
  define("other", archiver("-- every: 100ms\n"));
  service.signal(SIGHUP);
  BOOST_TEST(service.logs("convergers added"));
  BOOST_TEST((child_of(service) == child));
  bystander.reset();
  BOOST_REQUIRE(tells("committed", 102));
  require_goes_on_in(service, 102);
}

BOOST_AUTO_TEST_CASE(sigterm_ends_both_and_the_next_start_goes_on_with_the_trial) {
  define("other", archiver("-- every: 1h\n"));  // Whichever is second is not begun any more.
  {
    Service service(*this, std::string("workers = 1\n") + kTrialSettings);
    begin_trial(service);
    service.signal(SIGTERM);
    BOOST_TEST(eventually([&] { return service.manager().has_told("STOPPING=1"); }));
    bystander.reset();
    BOOST_TEST(service.wait().status == 0);
    BOOST_REQUIRE(state().trial.has_value());
    BOOST_TEST(state().trial->starts == 0);
  }
  BOOST_TEST(left_to_do() == "0");
  Service service(*this, kTrialSettings);
  BOOST_REQUIRE(tells("committed", 102));
  require_goes_on_in(service, 102);
}

BOOST_AUTO_TEST_CASE(the_build_on_trial_dies_with_its_guard_and_what_it_had_begun_is_settled) {
  {
    Service service(*this, kTrialSettings);
    const auto child = begin_trial(service);
    service.signal(SIGKILL);
    service.wait();
    BOOST_TEST(eventually([&] { return !runs(child, "converge-build-102"); }));
    BOOST_TEST(state().trial->starts == 1);
  }
  bystander.reset();
  Service service(*this, kTrialSettings);
  BOOST_REQUIRE(tells("committed", 102));
  BOOST_TEST(left_to_do() == "0");
  require_goes_on_in(service, 102);
}

BOOST_AUTO_TEST_CASE(both_killed_the_next_start_goes_on_with_the_trial) {
  {
    Service service(*this, kTrialSettings);
    const auto child = begin_trial(service);
    service.signal(SIGSTOP);  // It is not to see how the other one ends.
    ::kill(child, SIGKILL);
    service.signal(SIGKILL);
    service.wait();
  }
  bystander.reset();
  Service service(*this, kTrialSettings);
  BOOST_REQUIRE(tells("committed", 102));
  require_goes_on_in(service, 102);
}

BOOST_AUTO_TEST_CASE(a_build_that_is_killed_is_taken_back_and_what_it_had_begun_is_settled) {
  Service service(*this, kTrialSettings);
  ::kill(begin_trial(service), SIGKILL);
  bystander.reset();
  require_taken_back(service, "signal 9");
}

BOOST_AUTO_TEST_CASE(a_person_who_goes_back_meanwhile_ends_the_trial) {
  Service service(*this, kTrialSettings);
  begin_trial(service);
  {
    const auto lock = installation.lock(std::chrono::seconds(10));
    installation.put_back();
    auto back = state();
    back.trial.reset();
    back.installed_build = 101;
    write_update_state(installation.state_file(), back);
  }
  bystander.reset();
  require_goes_on_in(service, 101);
}

BOOST_AUTO_TEST_SUITE_END()

/// Its old build dies where it is told to.
struct MortalGuard : OpenTrial {
  MortalGuard() : OpenTrial("converge-debug", 0) {}

  void require_death(Service& service) const {
    const auto end = service.wait();
    BOOST_TEST_CONTEXT(end.err) { BOOST_REQUIRE(end.signal == SIGKILL); }
  }
  /// As it was before the first update.
  void begin_anew() const {
    const auto lock = installation.lock(std::chrono::seconds(10));
    if (installation.has_previous()) installation.put_back();
    converge::updater::write_update_state(installation.state_file(), {});
  }
};

BOOST_FIXTURE_TEST_SUITE(trial_killed_anywhere, MortalGuard)

BOOST_AUTO_TEST_CASE(a_healthy_build_is_kept_wherever_its_guard_dies) {
  for (const std::string fault : {"update_start_counted", "trial_started", "update_committed"}) {
    BOOST_TEST_CONTEXT(fault) {
      {
        Service service(*this, kTrialSettings, {{"CONVERGE_FAULT", fault}});
        put_in(built("converge-build-102"));
        require_death(service);
      }
      Service service(*this, kTrialSettings);
      BOOST_REQUIRE(eventually([&] { return runs(service.pid(), "converge-build-102"); }));
      BOOST_REQUIRE(trial_ends());
      BOOST_TEST(service.stop().status == 0);
      BOOST_TEST(holds("converge-build-102"));
      begin_anew();
    }
  }
}

BOOST_AUTO_TEST_CASE(a_build_that_failed_is_taken_back_wherever_its_guard_dies) {
  for (const std::string fault :
       {"update_taking_back", "update_renamed_back", "update_put_back", "update_taken_back",
        "update_quarantined", "update_rolled_back"}) {
    BOOST_TEST_CONTEXT(fault) {
      {
        Service service(*this, kTrialSettings, {{"CONVERGE_FAULT", fault}});
        ::kill(begin_trial(service, 0), SIGKILL);
        require_death(service);
        bystander.reset();
      }
      Service service(*this, kTrialSettings);
      BOOST_REQUIRE(eventually([&] { return runs(service.pid(), "converge-debug"); }));
      BOOST_TEST(eventually([&] { return holds("converge-debug") && !state().trial; }));
      BOOST_REQUIRE(state().quarantined.size() == 1u);
      BOOST_TEST(state().quarantined[0].build == 102);
      BOOST_TEST(converges());
      BOOST_TEST(service.stop().status == 0);
      begin_anew();
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
