#include "src/base/descriptor.h"
#include "tests/unit/installation_fixture.h"
#include "updater/installation.h"

#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace converge::updater {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using tests::TempDir;

constexpr milliseconds kAtOnce{0};
constexpr milliseconds kPatience{60'000};

BOOST_AUTO_TEST_SUITE(installation_lock)

BOOST_AUTO_TEST_CASE(lock_is_held_by_one_at_a_time) {
  const Place place;
  auto lock = std::make_optional(place.installation.lock(kAtOnce));
  const auto said = text_of(error_of([&] { place.installation.lock(milliseconds(50)); }));
  BOOST_TEST(said == "transient: another update of " + place.binary.string() +
                         " is at work | Wait for its end, and try again.");
  const TempDir elsewhere;
  tests::write_tiny_program(elsewhere / "converge", kOld);
  Installation(elsewhere / "converge").lock(kAtOnce);
  lock.reset();
  place.installation.lock(kAtOnce);
}

BOOST_AUTO_TEST_CASE(twenty_at_once_are_one_at_a_time) {
  const Place place;
  constexpr int kProcesses = 20;
  constexpr int kTurns = 10;
  const auto held = place.directory / "held";
  const auto take_turns = [&] {
    for (int turn = 0; turn < kTurns; ++turn) {
      const auto lock = place.installation.lock(kPatience);
      const Descriptor alone(::open(held.c_str(), O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (alone.number() < 0) return false;
      place.installation.clean();
      place.update(turn % 2 == 0 ? kNew : kOld);
      if (::unlink(held.c_str()) != 0) return false;
    }
    return true;
  };
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = ::fork();
    if (child == 0)
      ::_exit(!error_of([&] {
        if (!take_turns()) ::_exit(2);
      })
                  ? 0
                  : 1);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    BOOST_TEST(status == 0);
  }
  BOOST_TEST(place.names() == (Names{".converge.lock", "converge", "converge.previous"}));
}

BOOST_AUTO_TEST_CASE(killed_process_has_no_lock) {
  const Place place;
  std::array<int, 2> ends{};
  BOOST_REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = place.installation.lock(kAtOnce);
    static_cast<void>(::write(ends[1], "x", 1) + ::pause());
    ::_exit(0);
  }
  char byte = 0;
  BOOST_REQUIRE(::read(ends[0], &byte, 1) == 1);
  BOOST_TEST(error_of([&] { place.installation.lock(kAtOnce); }).has_value());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  BOOST_TEST(!error_of([&] { place.installation.lock(kAtOnce); }).has_value());
  ::close(ends[0]);
  ::close(ends[1]);
}

BOOST_AUTO_TEST_CASE(programs_that_it_runs_do_not_inherit_the_lock) {
  const Place place;
  auto lock = std::make_optional(place.installation.lock(kAtOnce));
  std::array<int, 2> to{};
  std::array<int, 2> from{};
  BOOST_REQUIRE((::pipe2(to.data(), O_CLOEXEC) == 0 && ::pipe2(from.data(), O_CLOEXEC) == 0));
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(to[0], STDIN_FILENO);
    ::dup2(from[1], STDOUT_FILENO);
    ::execl("/bin/cat", "cat", nullptr);
    ::_exit(1);
  }
  // What comes back comes from the program, not from the fork that becomes it.
  char byte = 'x';
  BOOST_REQUIRE(::write(to[1], &byte, 1) == 1);
  BOOST_REQUIRE(::read(from[0], &byte, 1) == 1);
  lock.reset();
  BOOST_TEST(!error_of([&] { place.installation.lock(kAtOnce); }).has_value());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  for (const int end : {to[0], to[1], from[0], from[1]}) ::close(end);
}

BOOST_AUTO_TEST_CASE(lock_on_a_removed_file_is_none) {
  const Place place;
  const auto lock = place.installation.lock(kAtOnce);
  fs::remove(place.installation.lock_file());
  const auto other = place.installation.lock(kAtOnce);
  BOOST_TEST(error_of([&] { place.installation.lock(kAtOnce); }).has_value());
}

BOOST_AUTO_TEST_CASE(lock_file_that_is_none_is_refused) {
  const Place place;
  BOOST_REQUIRE(::mkfifo(place.installation.lock_file().c_str(), 0600) == 0);
  BOOST_TEST(text_of(error_of([&] { place.installation.lock(kAtOnce); })) ==
             "usage: " + place.installation.lock_file().string() + " is not a regular file | ");
  fs::remove(place.installation.lock_file());
  fs::create_symlink("/etc/passwd", place.installation.lock_file());
  BOOST_TEST(error_of([&] { place.installation.lock(kAtOnce); }).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::updater
