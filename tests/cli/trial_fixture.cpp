#include "tests/cli/trial_fixture.h"

#include "src/base/clock.h"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <cstdlib>
#include <stdexcept>
#include <sys/stat.h>

namespace converge::tests {
namespace {

/// A binary of its own, as an installation has one.
std::filesystem::path install(const Cli& cli, const std::filesystem::path& program) {
  const auto path = cli.directory / "bin" / "converge";
  std::filesystem::create_directory(path.parent_path());
  std::filesystem::copy_file(program, path);
  ::chmod(path.c_str(), 0755);
  return path;
}

}  // namespace

TrialHost::TrialHost(const std::string& program, std::int64_t build)
    : installation(install(*this, built(program))) {
  binary = installation.path().string();
  updater::UpdateState installed;
  installed.installed_build = build;
  updater::write_update_state(installation.state_file(), installed);
  add_accounts(120);
}

std::filesystem::path TrialHost::built(const std::string& program) {
  return std::filesystem::absolute(std::getenv("CONVERGE_BINARY")).parent_path() / program;
}

void TrialHost::put_in(const std::filesystem::path& program) const {
  const auto lock = installation.lock(std::chrono::seconds(10));
  std::filesystem::copy_file(program, installation.part());
  installation.stage(installation.part());
  auto changed = state();
  const std::int64_t previous = changed.installed_build;
  changed.trial = {.build = 102, .previous = previous, .since_us = wall_time_us(), .starts = 0};
  changed.installed_build = 102;
  changed.previous_build = previous;
  changed.last_check = updater::LastCheck{};
  changed.last_check->time_us = wall_time_us();
  changed.last_check->channel = "stable";
  updater::write_update_state(installation.state_file(), changed);
  installation.put_in(installation.identity());
}

void TrialHost::put_in_script(const std::string& script) const {
  put_in(directory.write("script", "#!/bin/sh\n" + script + "\n"));
}

std::string TrialHost::becomes_new(const std::string& assignments) {
  return fmt::format("{} exec {} \"$@\"", assignments, built("converge-build-102").string());
}

void TrialHost::archive_silently(int id) const {
  sql(
      fmt::format("begin; alter table account disable trigger tell; update account set "
                  "archived_at = now() where id = {}; alter table account enable trigger tell; "
                  "commit",
                  id));
}

updater::UpdateState TrialHost::state() const {
  return updater::read_update_state(installation.state_file());
}

bool TrialHost::trial_ends() const {
  return eventually([this] { return !state().trial; });
}

bool TrialHost::tells(const std::string& event, std::int64_t build) const {
  return eventually([&] {
    try {
      return contains(events(), fmt::format("{} {}", event, build));
    } catch (const std::runtime_error&) {
      return false;  // Its file may be locked for a moment while it is opened or closed.
    }
  });
}

std::string TrialHost::events() const {
  return ask_journal(
      "select group_concat((detail ->> '$.event') || ' ' || (detail ->> '$.build'), ', ') "
      "from (select detail from entry where kind = 13 order by seq)");
}

bool TrialHost::holds(const std::string& program) const {
  return read_text(installation.path()) == read_text(built(program));
}

std::optional<pid_t> TrialHost::child_of(Service& service) {
  const auto result = run_command({"pgrep", "-P", std::to_string(service.pid())});
  if (result.status != 0) return std::nullopt;
  return static_cast<pid_t>(std::stoi(result.out));
}

pid_t TrialHost::wait_for_child(Service& service) {
  std::optional<pid_t> child;
  BOOST_REQUIRE(eventually([&] { return (child = child_of(service)).has_value(); }));
  return *child;
}

bool TrialHost::runs(pid_t process, const std::string& program) const {
  std::error_code failure;
  const std::filesystem::path image = fmt::format("/proc/{}/exe", process);
  const auto name = std::filesystem::read_symlink(image, failure);
  if (failure || name.native().ends_with(" (deleted)")) return false;
  try {
    return read_text(image) == read_text(built(program));
  } catch (const std::runtime_error&) {
    return false;  // It has ended meanwhile.
  }
}

void TrialHost::require_passes_by(std::int64_t build) {
  archive_accounts(fmt::format("id = {}", ++next_account_));
  BOOST_REQUIRE(converges());
  BOOST_TEST(eventually([&] {
    return ask_journal(fmt::format("select build from inconsistency where subject = '{}'",
                                   next_account_)) == std::to_string(build);
  }));
}

void TrialHost::require_goes_on_in(Service& service, std::int64_t build) {
  const auto program = fmt::format("converge-build-{}", build);
  BOOST_TEST_CONTEXT(service.log()) {
    BOOST_REQUIRE(eventually([&] { return runs(service.pid(), program); }));
    BOOST_TEST(holds(program));
    require_passes_by(build);
    BOOST_TEST(!service.manager().has_told("STOPPING=1"));
    BOOST_TEST(service.stop().status == 0);
    require_agreement();
  }
}

void TrialHost::require_taken_back(Service& service, const std::string& why) {
  BOOST_TEST_CONTEXT(service.log()) { BOOST_REQUIRE(tells("rolled_back", 101)); }
  BOOST_REQUIRE(trial_ends());
  const auto after = state();
  BOOST_REQUIRE(after.quarantined.size() == 1u);
  BOOST_TEST(after.quarantined[0].build == 102);
  BOOST_TEST(contains(after.quarantined[0].why, why), after.quarantined[0].why);
  BOOST_TEST(after.installed_build == 101);
  BOOST_TEST(after.previous_build == 0);
  BOOST_TEST(!installation.has_previous());
  require_goes_on_in(service, 101);
  BOOST_TEST(events().ends_with("quarantined 102, rolled_back 101"), events());
}

}  // namespace converge::tests
