#include "tests/support/command.h"
#include "tests/support/temp_dir.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace converge::tests;
using Paths = std::vector<std::filesystem::path>;

/// `make install` of the binary under test, under a prefix of its own.
struct Installation {
  CommandResult make(const std::string& target) const {
    // Told that all is built: nothing is compiled by a test.
    return run_command(
        {"make", "--old-file=all", target, "VARIANT=" + variant(),
         "prefix=" + directory.path().string(), "unitdir=" + units().string()},
        {.environment = {
             {"MAKEFLAGS", std::nullopt}, {"MAKELEVEL", std::nullopt}, {"DESTDIR", std::nullopt}}});
  }
  std::filesystem::path units() const { return directory / "units"; }

  /// Of the regular files below the prefix, in order.
  Paths files() const {
    Paths all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
      if (entry.is_regular_file()) all.push_back(entry.path());
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  static std::string variant() {
    const char* binary = std::getenv("CONVERGE_BINARY");
    if (binary == nullptr) throw std::runtime_error("CONVERGE_BINARY is not set: use tests/run");
    return std::filesystem::path(binary).parent_path().filename().string();
  }

  TempDir directory;
};

BOOST_FIXTURE_TEST_SUITE(installation, Installation)

BOOST_AUTO_TEST_CASE(systemd_has_nothing_to_say_about_the_units) {
  const auto installed = make("install");
  BOOST_REQUIRE_MESSAGE(installed.status == 0, installed.out << installed.err);
  std::vector<std::string> verify = {"systemd-analyze", "verify"};
  for (const char* unit : {"converged.service", "converge-run.service", "converge-run.timer",
                           "converge-update.service", "converge-update.timer"}) {
    BOOST_TEST(read_text(units() / unit).find("@bindir@") == std::string::npos, unit);
    verify.push_back((units() / unit).string());
  }
  const auto verified = run_command(verify);
  BOOST_TEST(verified.status == 0);
  BOOST_TEST(verified.out == "");
  BOOST_TEST(verified.err == "");
}

BOOST_AUTO_TEST_CASE(what_is_installed_runs_and_is_all_removed_again) {
  BOOST_REQUIRE(make("install").status == 0);
  const auto version = run_command({(directory / "bin" / "converge").string(), "--version"});
  BOOST_TEST(version.status == 0);
  BOOST_TEST(files().size() > 5u);
  const auto removed = make("uninstall");
  BOOST_TEST(removed.status == 0, removed.err);
  BOOST_TEST(files().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
