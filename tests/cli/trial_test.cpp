#include "src/base/clock.h"
#include "src/base/descriptor.h"
#include "tests/cli/trial_fixture.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>

namespace {

using namespace converge::tests;

/// In the place of a server that is away, something that hangs up on whoever asks for it.
class AwayServer {
 public:
  explicit AwayServer(const std::filesystem::path& directory)
      : path_(directory / ".s.PGSQL.5432"),
        socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.native().copy(address.sun_path, sizeof address.sun_path - 1);
    // NOLINTNEXTLINE(*-reinterpret-cast): as sockets are addressed.
    const auto* place = reinterpret_cast<const sockaddr*>(&address);
    BOOST_REQUIRE(::bind(socket_.number(), place, sizeof address) == 0);
    std::filesystem::permissions(path_, std::filesystem::perms::all);
    BOOST_REQUIRE(::listen(socket_.number(), 64) == 0);
  }
  ~AwayServer() { std::filesystem::remove(path_); }
  AwayServer(const AwayServer&) = delete;
  AwayServer& operator=(const AwayServer&) = delete;

  /// How often that process has asked so far. Answers whoever does.
  int asked_by(pid_t process) {
    for (;;) {
      const converge::Descriptor one(::accept4(socket_.number(), nullptr, nullptr, SOCK_CLOEXEC));
      if (one.number() < 0) return asked_[process];
      ucred peer{};
      socklen_t size = sizeof peer;
      BOOST_REQUIRE(::getsockopt(one.number(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0);
      ++asked_[peer.pid];
    }
  }

 private:
  std::filesystem::path path_;
  converge::Descriptor socket_;
  std::map<pid_t, int> asked_;
};

BOOST_FIXTURE_TEST_SUITE(trial_of_a_build, TrialHost)

BOOST_AUTO_TEST_CASE(a_healthy_build_is_kept_and_goes_on_in_the_same_process) {
  Service service(*this, kTrialSettings);
  require_passes_by(101);
  put_in(built("converge-build-102"));
  BOOST_REQUIRE(trial_ends());
  BOOST_TEST(tells("committed", 102));
  BOOST_TEST(state().floors["stable"].build == 102);
  BOOST_TEST(state().quarantined.empty());
  BOOST_TEST(state().installed_build == 102);
  BOOST_TEST(installation.has_previous());
  require_goes_on_in(service, 102);
  BOOST_TEST(events() == "trial 102, committed 102");
}

BOOST_AUTO_TEST_CASE(what_nobody_is_woken_for_is_set_right_by_its_first_pass) {
  Service service(*this, kTrialSettings);
  require_passes_by(101);
  archive_silently(1);
  put_in(built("converge-build-102"));
  const auto since_us = converge::wall_time_us();
  BOOST_REQUIRE(converges());
  const auto time_us = [this] {
    return ask_journal(
        "select e.time_us from entry e join inconsistency i using (seq) "
        "where i.subject = '1' and i.build = 102");
  };
  BOOST_REQUIRE(eventually([&] { return !time_us().empty(); }));
  BOOST_TEST_MESSAGE("from the swap to the record of the first pass, in ms: "
                     << (std::stoll(time_us()) - since_us) / 1000);
  require_goes_on_in(service, 102);
}

BOOST_AUTO_TEST_CASE(without_a_service_manager_as_well) {
  environment["CONVERGE_CONFIG"] =
      directory.write("alone.toml", std::string("[daemon]\n") + kTrialSettings).string();
  auto daemon = start({"daemon"});
  require_passes_by(101);
  put_in(built("converge-build-102"));
  BOOST_REQUIRE(eventually([&] { return runs(daemon.pid(), "converge-build-102"); }));
  require_passes_by(102);
  daemon.kill(SIGTERM);
  BOOST_TEST(daemon.wait().status == 0);
  require_agreement();
}

BOOST_AUTO_TEST_CASE(a_build_that_ends_at_once_is_taken_back) {
  Service service(*this, kTrialSettings);
  put_in_script("exit 1");
  require_taken_back(service, "it ended with status 1");
}

BOOST_AUTO_TEST_CASE(a_build_that_ends_well_but_does_not_serve_is_taken_back) {
  Service service(*this, kTrialSettings);
  put_in_script("exit 0");
  require_taken_back(service, "it ended with status 0");
}

BOOST_AUTO_TEST_CASE(a_build_that_crashes_is_taken_back) {
  Service service(*this, kTrialSettings);
  put_in_script("kill -SEGV $$");
  require_taken_back(service, "signal 11");
}

BOOST_AUTO_TEST_CASE(a_build_that_cannot_be_executed_is_taken_back) {
  Service service(*this, kTrialSettings);
  put_in(directory.write("garbage", std::string(4096, '\0')));
  require_taken_back(service, "it cannot be executed");
}

BOOST_AUTO_TEST_CASE(a_build_that_hangs_before_it_serves_is_taken_back) {
  Service service(*this, kTrialSettings);
  put_in_script("exec sleep 1000");
  require_taken_back(service, "no sign of life");
}

BOOST_AUTO_TEST_CASE(what_a_failed_build_has_started_dies_with_it) {
  Service service(*this, kTrialSettings);
  put_in_script("sleep 1000 & echo $! >" + (directory / "orphan").string() + "; exit 1");
  BOOST_REQUIRE(tells("rolled_back", 101));
  const auto orphan = read_text(directory / "orphan");
  BOOST_TEST(eventually([&] { return ::kill(std::stoi(orphan), 0) != 0; }));
  require_taken_back(service, "it ended with status 1");
}

BOOST_AUTO_TEST_CASE(a_build_whose_passes_all_fail_is_taken_back) {
  const auto broken = archiver("-- every: 1h\n");
  directory.write("broken/archive.sql", std::string(broken).replace(
                                            broken.find("from account where"), 12, "from nothing"));
  Service service(*this, kTrialSettings);
  require_passes_by(101);
  put_in_script(becomes_new("CONVERGE_CONVERGERS=" + (directory / "broken").string()));
  require_taken_back(service, "all passes fail: archive: ");
}

BOOST_AUTO_TEST_CASE(a_converger_that_failed_before_is_not_held_against_it) {
  const auto broken = archiver("-- every: 1h\n");
  define("broken",
         std::string(broken).replace(broken.find("from account where"), 12, "from nothing"));
  Service service(*this, kTrialSettings);
  BOOST_REQUIRE(service.logs("msg=\"failed\" converger=broken"));
  require_passes_by(101);
  put_in(built("converge-build-102"));
  BOOST_REQUIRE(tells("committed", 102));
  require_goes_on_in(service, 102);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_away_is_not_the_fault_of_the_build) {
  // A build that is not waited for would fail at a trial and a grace.
  Service service(*this, "status = \"off\"\ngrace = \"3s\"\n[update]\ntrial = \"200ms\"\n");
  require_passes_by(101);
  cluster.stop();
  std::optional<AwayServer> away(cluster.socket_directory());
  put_in(built("converge-build-102"));
  const auto waits = [&] {
    for (const auto& line : service.manager().told()) {
      if (line.starts_with("STATUS=build 102 on trial: waiting: ")) return true;
    }
    return false;
  };
  BOOST_TEST(eventually(waits));
  // Longer than a trial: only after that does the guard ask itself, and not before two seconds does
  // it ask again. More often than it would have to be answered to blame the build.
  const int before = away->asked_by(service.pid());  // As the build that it is.
  BOOST_TEST(eventually([&] { return away->asked_by(service.pid()) > before + 4; }));
  BOOST_TEST(events() == "trial 102");
  away.reset();
  cluster.start();
  BOOST_REQUIRE(tells("committed", 102));
  require_goes_on_in(service, 102);
}

BOOST_AUTO_TEST_CASE(a_build_that_does_not_reach_a_server_that_is_there_is_taken_back) {
  Service service(*this, "status = \"off\"\n[update]\ntrial = \"500ms\"\n");
  require_passes_by(101);
  put_in_script(becomes_new("CONVERGE_DATABASE='" + cluster.url("nowhere") + "'"));
  require_taken_back(service, "it does not reach the database");
}

BOOST_AUTO_TEST_CASE(the_old_build_goes_on_with_a_journal_that_the_new_one_migrated) {
  Service service(*this, kTrialSettings);
  require_passes_by(101);
  put_in_script("sqlite3 " + journal.string() +
                " 'begin; pragma user_version = 99; create table added (x) strict; commit' "
                ">/dev/null 2>&1; sqlite3 " +
                journal.string() + " 'pragma user_version = 99' && exit 1");
  require_taken_back(service, "it ended with status 1");
  BOOST_TEST(ask_journal("pragma user_version") == "99");
}

BOOST_AUTO_TEST_CASE(the_main_process_alone_speaks_to_the_service_manager) {
  Service service(*this, kTrialSettings, {{"WATCHDOG_USEC", "200000"}});
  require_passes_by(101);
  put_in_script("tr '\\0' '\\n' </proc/$$/environ >" + (directory / "environ").string() + "; " +
                becomes_new());
  BOOST_REQUIRE(tells("committed", 102));
  const auto its = read_text(directory / "environ");
  BOOST_TEST(!contains(its, "NOTIFY_SOCKET"));
  BOOST_TEST(!contains(its, "WATCHDOG"));
  BOOST_TEST(contains(its, "CONVERGE_TRIAL_FD="));
  BOOST_TEST(eventually([&] {
    const auto told = service.manager().told();
    return std::count(told.begin(), told.end(), "READY=1") >= 3;
  }));
  BOOST_TEST(service.manager().has_told("RELOADING=1"));
  BOOST_TEST(service.manager().has_told("WATCHDOG=1"));
  BOOST_TEST(!service.manager().has_told("STOPPING=1"));
  BOOST_TEST(service.stop().status == 0);
  BOOST_TEST(service.manager().has_told("STOPPING=1"));
}

BOOST_AUTO_TEST_CASE(a_trial_of_what_was_never_put_in_is_dropped) {
  auto half = state();
  half.trial = {.build = 102, .previous = 101, .since_us = 1, .starts = 0};
  write_update_state(installation.state_file(), half);
  Service service(*this, kTrialSettings);
  BOOST_TEST(trial_ends());
  BOOST_TEST(state().quarantined.empty());
  require_goes_on_in(service, 101);
}

BOOST_AUTO_TEST_CASE(a_build_whose_starts_lead_to_nothing_is_taken_back) {
  put_in(built("converge-build-102"));
  auto tried = state();
  tried.trial->starts = 3;
  write_update_state(installation.state_file(), tried);
  Service service(*this, kTrialSettings);
  require_taken_back(service, "started 3 times");
}

BOOST_AUTO_TEST_CASE(another_build_without_a_trial_is_gone_on_with) {
  put_in(built("converge-build-102"));
  auto proven = state();
  proven.trial.reset();
  write_update_state(installation.state_file(), proven);
  Service service(*this, kTrialSettings);
  require_passes_by(102);
  const auto lock = installation.lock(std::chrono::seconds(10));
  installation.put_back();
  auto back = state();
  back.installed_build = 101;
  write_update_state(installation.state_file(), back);
  require_goes_on_in(service, 101);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
