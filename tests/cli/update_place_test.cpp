#include "tests/cli/update_fixture.h"
#include "tests/support/apart.h"
#include "tests/support/kill_at_call.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <memory>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace converge::tests;
using Texts = std::vector<std::string>;

/// A host whose updates are killed.
struct KilledHost : UpdatedHost {
  Words environment_words() const {
    Words words = {"PATH=/usr/local/bin:/usr/bin:/bin"};
    for (const auto& [name, value] : environment) {
      if (value) words.push_back(name + "=" + *value);
    }
    return words;
  }
  /// Keeps all that there is, to begin with again and again.
  void save() const {
    std::filesystem::remove_all(saved);
    std::filesystem::create_directory(saved);
    for (const char* part : {"bin", "state"}) {
      if (!std::filesystem::exists(directory / part)) continue;
      std::filesystem::copy(directory / part, saved / part);
      for (const auto& entry : std::filesystem::directory_iterator(saved / part)) {
        std::filesystem::last_write_time(
            entry, std::filesystem::last_write_time(directory / part / entry.path().filename()));
      }
    }
  }
  void begin_anew() const {
    for (const char* part : {"bin", "state"}) {
      std::filesystem::remove_all(directory / part);
      std::filesystem::create_directory(directory / part);
      if (!std::filesystem::exists(saved / part)) continue;
      for (const auto& entry : std::filesystem::directory_iterator(saved / part)) {
        const auto target = directory / part / entry.path().filename();
        const bool is_binary = contains(entry.path().filename().string(), "converge") &&
                               !entry.path().filename().string().starts_with('.');
        if (is_binary) {
          std::filesystem::create_hard_link(entry.path(), target);
        } else {
          std::filesystem::copy(entry.path(), target);
        }
      }
    }
  }
  void put(int build) const {
    const auto fresh = binary.string() + ".fresh";
    write_text(fresh, program(build));
    ::chmod(fresh.c_str(), 0755);
    std::filesystem::rename(fresh, binary);
  }
  /// Counts from its first socket on: before that it reads, and changes nothing. Between two calls
  /// that change something, it leaves the same behind wherever it is killed.
  KillOutcome kill_at(int nth, Words arguments, long first = SYS_socket) const {
    arguments.insert(arguments.begin(), {binary.string(), "update", "-q"});
    static const bool all = std::getenv("CONVERGE_TORTURE_ALL_CALLS") != nullptr;
    return kill_program_at_call(nth, arguments, environment_words(),
                                [first, begun = false](long call) mutable {
                                  begun = begun || call == first;
                                  return begun && (all || changes_something(call));
                                });
  }
  static bool changes_something(long call) {
    static constexpr std::array kCalls = {
        SYS_openat,    SYS_write,     SYS_pwrite64, SYS_sendto,   SYS_ftruncate, SYS_fallocate,
        SYS_fsync,     SYS_fdatasync, SYS_linkat,   SYS_unlinkat, SYS_renameat,  SYS_renameat2,
        SYS_fchmod,    SYS_fchmodat,  SYS_fchown,   SYS_fchownat, SYS_fsetxattr, SYS_flock,
        SYS_utimensat, SYS_mkdirat,   SYS_clone,    SYS_clone3,   SYS_execve,    SYS_wait4,
#ifdef SYS_rename
        SYS_rename,    SYS_link,      SYS_unlink,   SYS_chmod,    SYS_chown,     SYS_mkdir,
        SYS_rmdir,     SYS_vfork,     SYS_fork,
#endif
        SYS_exit_group};
    return std::find(kCalls.begin(), kCalls.end(), call) != kCalls.end();
  }
  /// The build at the path, by all of its bytes; 0: something else.
  static int whole_build(const std::filesystem::path& file, const std::string& other) {
    const auto bytes = read_text(file);
    return bytes == program(101) ? 101 : bytes == other ? 102 : 0;
  }
  std::filesystem::path saved = directory / "saved";

  /// What is at the path runs, and the next update ends what was begun.
  void require_whole(int nth) const {
    const auto there = installed();
    BOOST_TEST((there == 101) + (there == 102) == 1, "killed at call " << nth << ": " << there);
    // The script of build 102 has no update: only what it replaces can go on.
    if (there != 101) return;
    const auto result = update({"-q"});
    BOOST_TEST(result.status == 0, "after a kill at call " << nth << ": " << result.err);
    BOOST_TEST(installed() == 102);
    BOOST_TEST((names() == Texts{"converge", "converge.previous"}));
  }
};

BOOST_FIXTURE_TEST_SUITE(update_place, KilledHost)

BOOST_AUTO_TEST_CASE(update_killed_at_every_call_that_changes_something_leaves_a_complete_build) {
  offer(manifest_of(102, stand_in(102)));
  updated({"--check"});
  save();
  int old_build = 0;
  int new_build = 0;
  for (int nth = 1;; ++nth) {
    begin_anew();
    const auto outcome = kill_at(nth, {});
    if (!outcome.killed) {
      BOOST_TEST(outcome.status == 0);
      break;
    }
    const auto there = whole_build(binary, stand_in(102));
    BOOST_TEST(there != 0, "killed at call " << nth << ", system call " << outcome.call);
    ++(there == 101 ? old_build : new_build);
    // It also runs, and the next one ends what was begun.
    if (nth % 7 == 0) require_whole(nth);
    BOOST_REQUIRE(nth < 20'000);
  }
  BOOST_TEST(installed() == 102);
  BOOST_TEST(old_build > 30);
  BOOST_TEST(new_build > 3);
  BOOST_TEST_MESSAGE("update killed at each of "
                     << old_build + new_build << " system calls: " << old_build
                     << " times build 101 is there, " << new_build << " times build 102");
}

BOOST_AUTO_TEST_CASE(update_to_a_real_build_killed_anywhere_is_ended_by_either) {
  release(102);
  updated({"--check"});
  save();
  const int calls = kill_at(1'000'000, {}).calls;
  BOOST_TEST(installed() == 102);
  constexpr int kKills = 20;  // Most of them where the changes are: at the end.
  for (int i = 1; i <= kKills; ++i) {
    begin_anew();
    const int nth = i <= kKills / 3 ? calls * i * 3 / kKills : calls - (kKills - i) * 2;
    kill_at(nth, {});
    BOOST_TEST(whole_build(binary, program(102)) != 0);
    const auto result = update({"-q"});
    BOOST_TEST(result.status == 0, result.err);
    BOOST_TEST(installed() == 102);
    BOOST_TEST((names() == Texts{"converge", "converge.previous"}));
    BOOST_TEST(member(status("trial"), "build") == "102");
    const auto told = history();
    BOOST_TEST(std::count(told.begin(), told.end(), "installed 102") == 1, "killed at " << nth);
    require_whole_journal();
  }
}

BOOST_AUTO_TEST_CASE(rollback_killed_at_every_call_that_changes_something_leaves_a_complete_build) {
  release(102);
  updated();
  save();
  int old_build = 0;
  int new_build = 0;
  for (int nth = 1;; ++nth) {
    begin_anew();
    // A rollback asks no server; it begins with the lock.
    const auto outcome = kill_at(nth, {"--rollback"}, SYS_flock);
    if (!outcome.killed) {
      BOOST_TEST(outcome.status == 0);
      break;
    }
    const auto there = whole_build(binary, program(102));
    BOOST_TEST(there != 0, "killed at call " << nth << ", system call " << outcome.call);
    ++(there == 101 ? old_build : new_build);
    if (nth % 4 != 0 || !contains(status("quarantined"), "102")) continue;
    // It was meant: whoever comes next ends it.
    const auto result = update({"-q"});
    BOOST_TEST(result.status == 0, result.err);
    BOOST_TEST(installed() == 101, "killed at call " << nth);
    BOOST_TEST(status("trial") == "(none)");
    BOOST_TEST(history().back() == "rolled_back 101");
    require_whole_journal();
  }
  BOOST_TEST(old_build > 1);
  BOOST_TEST(new_build > 3);
  BOOST_TEST_MESSAGE("rollback killed at each of "
                     << old_build + new_build << " system calls: " << new_build
                     << " times build 102 is there, " << old_build << " times build 101");
}

BOOST_AUTO_TEST_CASE(killed_at_each_fault_point_it_is_ended_by_the_next) {
  for (const char* fault :
       {"update_fetched", "update_downloaded", "update_attributes_copied", "update_staged",
        "update_preflighted", "update_intended", "update_linked", "update_kept", "update_renamed",
        "update_put_in", "update_journaled", "update_recorded"}) {
    std::filesystem::remove_all(saved);
    begin_anew();
    const auto bytes = read_text(debug_program());
    write_text(binary.string() + ".debug", bytes);
    ::chmod((binary.string() + ".debug").c_str(), 0755);
    std::filesystem::rename(binary.string() + ".debug", binary);
    // Of an earlier update, until there is one to be kept.
    write_text(binary.string() + ".previous", program(101));
    ::chmod((binary.string() + ".previous").c_str(), 0755);
    release(102);
    auto options = environment;
    options["CONVERGE_FAULT"] = fault;
    const auto killed = run_command({binary.string(), "update"}, {.environment = options});
    BOOST_TEST(killed.signal == SIGKILL, fault << killed.err);
    const auto there = installed();
    BOOST_TEST((there == 0) + (there == 102) == 1, fault);
    // As ahead of a start of the service, by what cannot see which build is there.
    const auto announced =
        run_command({binary.string() + ".previous", "update", "--announce-start"},
                    {.environment = environment});
    BOOST_TEST(announced.status == 0, fault << announced.err);
    BOOST_TEST(installed() == there, fault);
    const auto early = history();
    BOOST_TEST(std::count(early.begin(), early.end(), "installed 102") == (there == 102), fault);
    BOOST_TEST(update().status == 0);
    BOOST_TEST(installed() == 102, fault);
    BOOST_TEST((names() == Texts{"converge", "converge.previous"}));
    const auto told = history();
    BOOST_TEST(std::count(told.begin(), told.end(), "installed 102") == 1, fault);
  }
}

BOOST_AUTO_TEST_CASE(twenty_at_once_install_once) {
  release(102);
  std::vector<std::unique_ptr<Command>> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(std::make_unique<Command>(Words{binary.string(), "update"},
                                            CommandOptions{.environment = environment}));
  }
  for (const auto& one : all) {
    const auto result = one->wait();
    // What the timer's unit takes for no failure.
    BOOST_TEST((result.status == 0) + (result.status == 75) == 1,
               result.status << result.out << result.err);
  }
  BOOST_TEST(installed() == 102);
  BOOST_TEST((names() == Texts{"converge", "converge.previous"}));
  BOOST_TEST((read_text(binary.string() + ".previous") == program(101)));
  const auto told = history();
  BOOST_TEST(std::count(told.begin(), told.end(), "installed 102") == 1);
  int downloads = 0;
  for (const auto& request : server.requests(2)) {
    if (contains(request, "converge-linux")) ++downloads;
  }
  BOOST_TEST(downloads == 1);
  require_whole_journal();
}

BOOST_AUTO_TEST_CASE(one_that_another_has_replaced_as_it_began_has_not_failed) {
  release(102);
  // It waits for its configuration, with nothing looked at yet.
  const auto waits = directory / "waits.toml";
  BOOST_REQUIRE(::mkfifo(waits.c_str(), 0600) == 0);
  auto options = environment;
  options["CONVERGE_CONFIG"] = waits.string();
  Command command({binary.string(), "update"}, {.environment = options});
  {
    std::ofstream begun(waits);
    put(101);
    begun << read_text(directory / "converge.toml");
  }
  const auto result = command.wait();
  BOOST_TEST(result.status == 75, result.out << result.err);
  BOOST_TEST(contains(result.err, "was replaced by another binary since this one started"),
             result.err);
  BOOST_TEST(installed() == 101);
}

BOOST_AUTO_TEST_CASE(path_can_be_run_at_any_time_while_builds_are_swapped) {
  release(102);  // A script would be opened twice: by the kernel, and by the shell.
  std::atomic<bool> over = false;
  std::atomic<int> runs = 0;
  std::atomic<int> failures = 0;
  std::thread runner([&] {
    while (!over) {
      const int file = ::open(binary.c_str(), O_RDONLY | O_CLOEXEC);
      if (file < 0) ++failures;
      ::close(file);
      const auto result = run_command({binary.string(), "--version"}, {.environment = environment});
      if (result.status != 0) ++failures;
      ++runs;
    }
  });
  for (int i = 0; i < 15; ++i) {
    put(101);
    updated({"-q"});
  }
  over = true;
  runner.join();
  BOOST_TEST(runs > 20);
  BOOST_TEST(failures == 0);
}

BOOST_AUTO_TEST_CASE(binary_that_somebody_else_replaced_meanwhile_is_left) {
  // The new build's try takes long enough for somebody to copy another binary there.
  const auto mark = (directory / "mark").string();
  offer(manifest_of(
      102, stand_in(102, "touch " + mark + "; while [ -e " + mark + " ]; do sleep 0.01; done")));
  Command command({binary.string(), "update"}, {.environment = environment});
  BOOST_REQUIRE(eventually([&] { return std::filesystem::exists(mark); }));
  put(101);
  std::filesystem::remove(mark);
  const auto result = command.wait();
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, "was replaced meanwhile by somebody else"), result.err);
  BOOST_TEST(installed() == 101);
  BOOST_TEST(status("trial") == "(none)");
  release(102);
  updated();
  BOOST_TEST(installed() == 102);
}

BOOST_AUTO_TEST_CASE(directory_that_cannot_be_written_is_refused_before_any_download) {
  release(102);
  ::chmod(directory.path().c_str(), 0755);
  ::chmod(binary.parent_path().c_str(), 0755);
  Words words = as_nobody();
  const auto own = directory / "own";
  std::filesystem::create_directory(own);
  ::chmod(own.c_str(), 0777);
  words.insert(words.end(), {binary.string(), "update", "--journal", (own / "j.db").string()});
  const auto result = run_command(words, {.environment = environment});
  BOOST_TEST(result.status == 2, result.err);
  for (const auto& request : server.requests(1)) {
    BOOST_TEST(!contains(request, "converge-linux"), request);
  }
  BOOST_TEST((names() == Texts{"converge"}));
}

BOOST_AUTO_TEST_CASE(full_disk_is_an_error_before_the_first_byte) {
  release(102);
  const auto said = run_apart([&] {
    take_private_mounts();
    mount_at("tmpfs", binary.parent_path().string(), "tmpfs", 0, "size=14m,mode=755");
    write_text(binary, program(101));
    ::chmod(binary.c_str(), 0755);
    std::string filler(1 << 20, 'x');
    const int file = ::open((binary.parent_path() / "filler").c_str(), O_WRONLY | O_CREAT, 0600);
    while (::write(file, filler.data(), filler.size()) > 0) continue;
    ::close(file);
    const auto result = update();
    return std::to_string(result.status) + " " + std::to_string(installed()) + " " + result.err;
  });
  BOOST_TEST(said.starts_with("1 101 "), said);
  BOOST_TEST(contains(said, "no space"), said);
  for (const auto& request : server.requests(1)) {
    BOOST_TEST(!contains(request, "converge-linux"), request);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
