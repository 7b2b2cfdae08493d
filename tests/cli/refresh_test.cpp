#include "tests/cli/trial_fixture.h"
#include "tests/support/apart.h"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <stdexcept>
#include <sys/mount.h>

namespace {

using namespace converge::tests;

/// A text of the same length in the place of one that is there once.
void replace_one(std::string& bytes, const std::string& old, const std::string& with) {
  const auto at = bytes.find(old);
  if (old.size() != with.size() || at == std::string::npos ||
      bytes.find(old, at + 1) != std::string::npos) {
    throw std::runtime_error("not there, or not once: " + old);
  }
  bytes.replace(at, old.size(), with);
}

/// A host where build 101 has installed itself with all that belongs to it. Build 102 carries a
/// unit and two pages of its own.
struct InstalledHost : TrialHost {
  InstalledHost() {
    const auto root = directory.path().string();
    const auto installed = call(
        {"install", "--prefix", root, "--unitdir", root + "/units", "--sysconfdir", root + "/etc"});
    BOOST_TEST_REQUIRE(installed.status == 0, installed.err);
    write_text(edited, "mine\n");
    write_text(configuration, "# mine\n");
    auto bytes = read_text(built("converge-build-102"));
    replace_one(bytes, kUnit101, kUnit102);
    replace_one(bytes, ".Dt CONVERGE-UPDATE 1\n", ".Dt CONVERGE-UPDATE 8\n");
    replace_one(bytes, ".Dt CONVERGE-JOURNAL 1\n", ".Dt CONVERGE-JOURNAL 8\n");
    next = directory.write("build-102", bytes);
  }

  /// Whose files are there, with those that a person has edited left as they were.
  bool has_files_of(int build) const {
    const bool is_next = build == 102;
    return contains(read_text(unit), is_next ? kUnit102 : kUnit101) &&
           contains(read_text(page), is_next ? "UPDATE 8\n" : "UPDATE 1\n") &&
           contains(read_text(record), "# build " + std::to_string(build) + "\n") &&
           read_text(edited) == "mine\n" && read_text(configuration) == "# mine\n" &&
           !std::filesystem::exists(configuration.string() + ".new");
  }
  bool comes_to_files_of(int build) const {
    return eventually([&] { return has_files_of(build); });
  }
  std::string beside_the_edited_one() const { return read_text(edited.string() + ".new"); }

  static constexpr const char* kUnit101 = "Description=Converge, the daemon\n";
  static constexpr const char* kUnit102 = "Description=Converge, the DAEMON\n";
  const std::filesystem::path unit = directory / "units" / "converged.service";
  const std::filesystem::path page = directory / "share" / "man" / "man1" / "converge-update.1";
  const std::filesystem::path edited = directory / "share" / "man" / "man1" / "converge-journal.1";
  const std::filesystem::path record = directory / "share" / "converge" / "installed";
  const std::filesystem::path configuration = directory / "etc" / "converge" / "converge.toml";
  std::filesystem::path next;
};

BOOST_FIXTURE_TEST_SUITE(refresh, InstalledHost)

BOOST_AUTO_TEST_CASE(files_follow_a_run_that_proves_the_build_and_a_person_who_goes_back) {
  put_in(next);
  BOOST_TEST(has_files_of(101));
  const auto doctor = call({"doctor"}).out;
  BOOST_TEST(contains(doctor, "ok       files: " + page.string() +
                                  " and 1 more are of build 101, until the one on trial has"),
             doctor);
  const auto run = call({"run"});
  BOOST_TEST(run.status == 0, run.err);
  BOOST_TEST(has_files_of(102));
  BOOST_TEST(contains(beside_the_edited_one(), ".Dt CONVERGE-JOURNAL 8\n"));
  BOOST_TEST(contains(run.err,
                      "converge: 2 files installed with the binary are those of build 102"
                      " now\n"),
             run.err);
  BOOST_TEST(call({"run", "archive"}).err == "");

  const auto back = call({"update", "--rollback"});
  BOOST_TEST(back.status == 0, back.err);
  const Service service(*this, kTrialSettings);
  BOOST_TEST(comes_to_files_of(101));
  BOOST_TEST(contains(beside_the_edited_one(), ".Dt CONVERGE-JOURNAL 1\n"));
}

BOOST_AUTO_TEST_CASE(files_follow_the_daemon_when_a_trial_is_over_and_not_before) {
  Service service(*this, kTrialSettings);
  require_passes_by(101);
  cluster.stop();  // Nothing is proven without a database.
  put_in(next);
  wait_for_child(service);
  BOOST_TEST(has_files_of(101));
  cluster.start();
  BOOST_REQUIRE(tells("committed", 102));
  BOOST_TEST(comes_to_files_of(102));
  BOOST_REQUIRE(call({"update", "--rollback"}).status == 0);
  BOOST_TEST(comes_to_files_of(101));
  require_goes_on_in(service, 101);
}

BOOST_AUTO_TEST_CASE(files_stay_those_of_the_old_build_when_the_new_one_fails) {
  Service service(*this, kTrialSettings);
  require_passes_by(101);
  put_in_script("exit 1");
  require_taken_back(service, "it ended with status 1");
  BOOST_TEST(has_files_of(101));
  BOOST_TEST(!std::filesystem::exists(edited.string() + ".new"));
}

BOOST_AUTO_TEST_CASE(units_that_changed_are_told_where_systemd_runs) {
  put_in(next);
  const auto said = run_apart([&] {
    take_private_mounts();
    mount_at("none", "/run", "tmpfs", 0);
    std::filesystem::create_directories("/run/systemd/system");
    return call({"run"}).err;
  });
  BOOST_TEST(contains(said, "converge: units have changed: run `systemctl daemon-reload`\n"), said);
  BOOST_TEST(has_files_of(102));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
