#include "src/base/child.h"
#include "src/base/descriptor.h"
#include "tests/support/apart.h"
#include "tests/support/kill_at_call.h"
#include "tests/unit/installation_fixture.h"
#include "updater/installation.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <string>
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace converge::updater {
namespace {

namespace fs = std::filesystem;
using tests::exit_status_of;
using tests::read_text;
using tests::TempDir;
using tests::tiny_program;

BOOST_AUTO_TEST_SUITE(installation_faults)

// What somebody else may do to the binary between the look at it and the rename.
BOOST_AUTO_TEST_CASE(binary_that_somebody_else_replaced_is_left_alone) {
  const std::string other = tiny_program(44);
  const std::vector<std::function<void(const Place&)>> deeds = {
      [](const Place& place) {
        tests::write_tiny_program(place.directory / "other", 44);
        fs::rename(place.directory / "other", place.binary);
      },
      [](const Place& place) { tests::write_tiny_program(place.binary, 44); },
      [](const Place& place) {  // The same size, and the time set back.
        const auto time = fs::last_write_time(place.binary);
        tests::write_tiny_program(place.binary, 44);
        fs::last_write_time(place.binary, time);
      },
      [](const Place& place) {
        fs::remove(place.binary);
        tests::write_tiny_program(place.binary, 44);
      },
  };
  for (const auto& deed : deeds) {
    const Place place;
    tests::write_tiny_program(place.installation.previous(), 10);
    const auto expected = place.installation.identity();
    place.download();
    place.installation.stage(place.installation.part());
    deed(place);
    BOOST_TEST(text_of(error_of([&] { place.installation.put_in(expected); })) ==
               "transient: " + place.binary.string() +
                   " was replaced meanwhile by somebody else | Try again: what is there now is "
                   "looked at anew.");
    BOOST_TEST(read_text(place.binary) == other);
    BOOST_TEST(exit_status_of(place.installation.previous()) == 10);
    BOOST_TEST(place.names() == (Names{".converge.new", "converge", "converge.previous"}));
  }
}

BOOST_AUTO_TEST_CASE(binary_that_somebody_removed_is_not_put_back_by_an_update) {
  const Place place;
  const auto expected = place.installation.identity();
  place.download();
  place.installation.stage(place.installation.part());
  fs::remove(place.binary);
  BOOST_TEST(error_of([&] { place.installation.put_in(expected); }).has_value());
  BOOST_TEST(place.names() == Names{".converge.new"});
}

BOOST_AUTO_TEST_CASE(without_a_download_nothing_happens) {
  const Place place;
  BOOST_TEST(text_of(error_of([&] { place.installation.stage(place.installation.part()); })) ==
             "failure: cannot rename " + place.installation.part().string() + " to " +
                 place.installation.staged().string() + ": no such file or directory | ");
  BOOST_TEST(text_of(error_of([&] { place.installation.put_in(place.installation.identity()); })) ==
             "failure: cannot open " + place.installation.staged().string() +
                 ": no such file or directory | ");
  BOOST_TEST(place.names() == Names{"converge"});
}

// On a disk of four inodes: the directory, the binary, the download, and what a test adds.
std::string on_a_small_disk(const std::function<std::string(const Installation&)>& work) {
  const TempDir directory;
  return tests::run_apart([&] {
    tests::take_private_mounts();
    tests::mount_at("none", directory.path(), "tmpfs", 0, "mode=0755,size=64k,nr_inodes=4");
    tests::write_tiny_program(directory / "converge", kOld);
    const Installation installation(directory / "converge");
    tests::write_tiny_program(installation.part(), kNew);
    auto said = work(installation);
    said += "; runs " + std::to_string(exit_status_of(directory / "converge")) + "; left";
    Names names;
    for (const auto& entry : fs::directory_iterator(directory.path())) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    for (const auto& name : names) said += " " + name;
    const auto at = [&](std::size_t from) { return said.find(directory.path().string(), from); };
    for (auto i = at(0); i != std::string::npos; i = at(i)) {
      said.replace(i, directory.path().string().size(), "DIR");
    }
    return said;
  });
}

BOOST_AUTO_TEST_CASE(disk_that_fills_up_while_staging_changes_nothing) {
  const auto said = on_a_small_disk([](const Installation& installation) {
    // More than half of what is left for attributes.
    const std::string value(600, 'x');
    if (::setxattr(installation.path().c_str(), "user.note", value.data(), value.size(), 0) != 0) {
      return std::string("setxattr failed");
    }
    return text_of(error_of([&] { installation.stage(installation.part()); }));
  });
  BOOST_TEST(said ==
             "failure: cannot give DIR/.converge.new the attribute user.note of the present "
             "binary: no space left on device | ; runs 11; left converge");
}

BOOST_AUTO_TEST_CASE(disk_that_is_full_when_the_old_build_is_kept_changes_nothing) {
  const auto said = on_a_small_disk([](const Installation& installation) {
    tests::write_text(installation.directory() / "full", "");
    return text_of(error_of([&] {
      installation.stage(installation.part());
      installation.put_in(installation.identity());
    }));
  });
  BOOST_TEST(
      said ==
      "failure: cannot keep DIR/converge as DIR/converge.previous: no space left on device | "
      "; runs 11; left .converge.new converge full");
}

BOOST_AUTO_TEST_CASE(full_disk_does_not_stop_going_back) {
  const auto said = on_a_small_disk([](const Installation& installation) {
    installation.stage(installation.part());
    installation.put_in(installation.identity());
    tests::write_text(installation.directory() / "full", "");
    return text_of(error_of([&] { installation.put_back(); }));
  });
  BOOST_TEST(said == "no error; runs 11; left converge full");
}

BOOST_AUTO_TEST_CASE(killed_at_every_call_of_an_update_the_path_runs_the_old_build_or_the_new_one) {
  const std::string old_build = tiny_program(kOld);
  const std::string new_build = tiny_program(kNew);
  int olds = 0;
  int news = 0;
  for (int nth = 1;; ++nth) {
    const Place place;
    tests::write_tiny_program(place.installation.previous(), 10);
    place.download();
    const auto outcome = tests::kill_at_call(nth, [&] {
      const Installation installation(place.binary);
      const auto lock = installation.lock(std::chrono::milliseconds(0));
      installation.clean();
      const auto expected = installation.identity();
      installation.stage(installation.part());
      installation.put_in(expected);
    });
    const int runs = place.runs();
    BOOST_TEST((runs == kOld || runs == kNew), "call " << nth << ": runs " << runs);
    BOOST_TEST(read_text(place.binary) == (runs == kOld ? old_build : new_build));
    if (runs == kNew) BOOST_TEST(exit_status_of(place.installation.previous()) == kOld);
    ++(runs == kOld ? olds : news);
    // Whatever it left, the next update goes through.
    const auto lock = place.installation.lock(std::chrono::milliseconds(0));
    place.installation.clean();
    place.update(33);
    BOOST_TEST(place.runs() == 33);
    BOOST_TEST(exit_status_of(place.installation.previous()) == runs);
    BOOST_TEST(place.names() == (Names{".converge.lock", "converge", "converge.previous"}));
    if (!outcome.killed) {
      BOOST_TEST(outcome.status == 0);
      break;
    }
  }
  BOOST_TEST_MESSAGE("kills: " << olds << " left the old build, " << news << " the new one");
  BOOST_TEST(olds >= 20);
  BOOST_TEST(news >= 3);
}

BOOST_AUTO_TEST_CASE(killed_at_every_call_of_going_back_the_path_runs_one_of_them) {
  int olds = 0;
  int news = 0;
  for (int nth = 1;; ++nth) {
    const Place place;
    place.update();
    place.download(33);
    const auto outcome = tests::kill_at_call(nth, [&] { place.installation.put_back(); });
    const int runs = place.runs();
    BOOST_TEST((runs == kOld || runs == kNew), "call " << nth << ": runs " << runs);
    BOOST_TEST(place.installation.has_previous() == (runs == kNew));
    ++(runs == kOld ? olds : news);
    if (runs == kNew) {
      place.installation.put_back();
      BOOST_TEST(place.runs() == kOld);
    }
    place.installation.clean();
    place.update(33);
    BOOST_TEST(place.runs() == 33);
    BOOST_TEST(place.names() == (Names{"converge", "converge.previous"}));
    if (!outcome.killed) {
      BOOST_TEST(outcome.status == 0);
      break;
    }
  }
  BOOST_TEST_MESSAGE("kills: " << news << " left the new build, " << olds << " the old one");
  BOOST_TEST(news >= 3);
  BOOST_TEST(olds >= 5);
}

// What others do with the path all the time, in a thread of its own.
class Visitor {
 public:
  explicit Visitor(std::function<bool()> visit)
      : thread_([this, visit = std::move(visit)](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            ++visits;
            if (!visit()) ++failures;
          }
        }) {}

  std::atomic<int> visits{0};
  std::atomic<int> failures{0};

 private:
  std::jthread thread_;
};

BOOST_AUTO_TEST_CASE(thousand_updates_are_not_noticed_by_who_opens_or_runs_the_path) {
  constexpr int kUpdates = 1'000;
  const Place place;
  const std::string old_build = tiny_program(kOld);
  const std::string new_build = tiny_program(kNew);
  const auto execute = [&] {
    const int status = place.runs();
    return status == kOld || status == kNew;
  };
  const auto open = [&] {
    const auto text = read_text(place.binary);  // Throws, which ends the tests, if it cannot open.
    return text == old_build || text == new_build;
  };
  Visitor runner(execute);
  Visitor other_runner(execute);
  Visitor reader(open);
  for (int i = 0; i < kUpdates; ++i) place.update(i % 2 == 0 ? kNew : kOld);
  BOOST_TEST_MESSAGE("run " << runner.visits + other_runner.visits << " times, opened "
                            << reader.visits << " times");
  for (const auto* visitor : {&runner, &other_runner, &reader}) {
    BOOST_TEST(visitor->visits > 100);
    BOOST_TEST(visitor->failures == 0);
  }
}

ChildEnd run(const fs::path& program) {
  return run_child({.arguments = {program.string()}, .input = {}, .environment = {}},
                   std::chrono::seconds(60));
}

// A process that has a file open for writing until it is told to go.
class Writer {
 public:
  explicit Writer(const fs::path& path) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    BOOST_REQUIRE(::pipe2(ends_.data(), O_CLOEXEC) == 0);
    process_ = ::fork();
    if (process_ != 0) return;
    ::close(ends_[1]);
    char byte = 0;
    ::_exit(::read(ends_[0], &byte, 1) == 0 ? 0 : 1);
  }
  ~Writer() {
    go();
    ::close(ends_[0]);
    ::waitpid(process_, nullptr, 0);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void go() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }

 private:
  std::array<int, 2> ends_{};
  pid_t process_ = 0;
};

BOOST_AUTO_TEST_CASE(busy_program_is_told_from_others) {
  const Place place;
  const Writer writer(place.binary);
  const auto busy = error_of([&] { run(place.binary); });
  BOOST_REQUIRE(busy.has_value());
  BOOST_TEST(is_text_busy(*busy), busy->what());
  const auto missing = error_of([&] { run(place.directory / "none"); });
  BOOST_REQUIRE(missing.has_value());
  BOOST_TEST(!is_text_busy(*missing));
}

BOOST_AUTO_TEST_CASE(staging_waits_until_nobody_has_the_file_open_for_writing) {
  const Place place;
  place.download();
  Writer writer(place.installation.part());
  std::atomic<bool> was_busy = false;
  std::jthread release([&] {
    while (!fs::exists(place.installation.staged())) std::this_thread::yield();
    const auto busy = error_of([&] { run(place.installation.staged()); });
    was_busy = busy && is_text_busy(*busy);
    writer.go();
  });
  place.installation.stage(place.installation.part());
  BOOST_TEST(run(place.installation.staged()).status == kNew);
  release.join();
  BOOST_TEST(was_busy);
}

// Each fork has the descriptors of its parent until it is a program.
BOOST_AUTO_TEST_CASE(staged_build_can_be_run_at_once_though_the_process_forks_all_the_time) {
  constexpr int kBuilds = 300;
  const Place place;
  const auto fork_one = [] {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    return ::waitpid(child, nullptr, 0) == child;
  };
  Visitor one(fork_one);
  Visitor two(fork_one);
  Visitor three(fork_one);
  for (int i = 0; i < kBuilds; ++i) {
    place.download();
    place.installation.stage(place.installation.part());
    BOOST_TEST(run(place.installation.staged()).status == kNew);
  }
  BOOST_TEST(one.visits + two.visits + three.visits > kBuilds);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::updater
