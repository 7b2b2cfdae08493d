#include "tests/cli/daemon_fixture.h"
#include "tests/support/terminal.h"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/types.h>
#include <sys/wait.h>
#include <vector>

namespace {

using namespace converge::tests;

constexpr const char* kSecret = "sesame-7f3a";

/// Of a process, everything up to the first end of file; files of /proc have no size.
std::string file_of(pid_t pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto stat = entry.path() / "stat";
    std::ifstream one(stat);
    std::string number;
    std::string name;
    std::string state;
    pid_t parent = 0;
    if (one >> number >> name >> state >> parent && parent == pid)
      children.push_back(std::stoi(number));
  }
  return children;
}

BOOST_FIXTURE_TEST_SUITE(security_host, Daemon)

BOOST_AUTO_TEST_CASE(memory_is_in_no_core_dump) {
  Service service(*this, kQuiet, {{"TOKEN", kSecret}});
  const auto limit =
      run_command({"prlimit", "--pid", std::to_string(service.pid()), "--core=unlimited"});
  BOOST_REQUIRE(limit.status == 0);
  service.signal(SIGSEGV);
  siginfo_t end{};
  BOOST_REQUIRE(::waitid(P_PID, static_cast<id_t>(service.pid()), &end, WEXITED | WNOWAIT) == 0);
  BOOST_TEST(end.si_status == SIGSEGV);
  BOOST_TEST(end.si_code == CLD_KILLED);  // And not CLD_DUMPED.
}

BOOST_AUTO_TEST_CASE(secrets_are_in_no_process_title) {
  add_accounts(1);
  archive_accounts();
  define("notify",
         "-- timeout: 10m\n-- pass_timeout: 20m\n\n-- find:\nselect id, email as label from "
         "account where archived_at is not null;\n\n"
         "-- exec: tell\n--   /bin/sleep 600\n-- for: found\n-- repeat: 1h\n"
         "-- environment: TOKEN\n");
  Service service(*this, kQuiet, {{"TOKEN", kSecret}, {"PGPASSWORD", kSecret}});
  BOOST_REQUIRE(eventually([&] { return !children_of(service.pid()).empty(); }));
  auto all = children_of(service.pid());
  all.push_back(service.pid());
  for (const pid_t pid : all) {
    BOOST_TEST(file_of(pid, "cmdline").find(kSecret) == std::string::npos);
    BOOST_TEST(file_of(pid, "comm").find(kSecret) == std::string::npos);
  }
  // It is there, where the user and root alone look.
  BOOST_TEST(file_of(service.pid(), "environ").find(kSecret) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(pager_behind_sudo_gives_no_shell) {
  environment["CONVERGE_PAGER"] = "cat >/dev/null; echo secure=${LESSSECURE-no}";
  const auto told = [&](const Environment& more) {
    Environment all = environment;
    all.insert(more.begin(), more.end());
    Terminal terminal({binary, "help", "sql"}, all);
    BOOST_TEST(terminal.wait() == 0);
    return terminal.screen();
  };
  for (const char* variable : {"SUDO_UID", "DOAS_USER", "PKEXEC_UID"}) {
    BOOST_TEST(told({{variable, "1000"}, {"LESSSECURE", std::nullopt}}) == "secure=1\n", variable);
  }
  BOOST_TEST(told({{"SUDO_UID", std::nullopt}, {"LESSSECURE", std::nullopt}}) == "secure=no\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
