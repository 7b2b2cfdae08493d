#include "updater/installation_place.h"

#include "src/base/descriptor.h"
#include "tests/support/apart.h"
#include "tests/unit/installation_fixture.h"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <fcntl.h>
#include <linux/fs.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

namespace converge::updater {
namespace {

namespace fs = std::filesystem;
using tests::mount_at;
using tests::TempDir;

constexpr unsigned int kSomebody = 54'321;

std::string refusal_of(const fs::path& binary) {
  return text_of(error_of([&] { Installation(binary).require_replaceable(); }));
}

// As long as it lives.
class FileFlag {
 public:
  FileFlag(const fs::path& path, int flag) : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    BOOST_REQUIRE(::ioctl(file_.number(), FS_IOC_GETFLAGS, &before_) == 0);
    const int flags = before_ | flag;
    BOOST_REQUIRE(::ioctl(file_.number(), FS_IOC_SETFLAGS, &flags) == 0);
  }
  ~FileFlag() { ::ioctl(file_.number(), FS_IOC_SETFLAGS, &before_); }
  FileFlag(const FileFlag&) = delete;
  FileFlag& operator=(const FileFlag&) = delete;

 private:
  Descriptor file_;
  int before_ = 0;
};

BOOST_AUTO_TEST_SUITE(installation_place)

BOOST_AUTO_TEST_CASE(good_place_is_not_refused_and_left_as_it_was) {
  const Place place;
  BOOST_TEST(refusal_of(place.binary) == "no error");
  BOOST_TEST(place.names() == Names{"converge"});
}

BOOST_AUTO_TEST_CASE(binary_of_a_debian_package_is_refused) {
  BOOST_TEST(refusal_of("/usr/bin/dpkg") ==
             "usage: /usr/bin/dpkg belongs to the package dpkg | Run: sudo apt install "
             "--only-upgrade dpkg");
  // Its package calls it /bin/ls.
  BOOST_TEST(refusal_of("/bin/ls") ==
             "usage: /usr/bin/ls belongs to the package coreutils | Run: sudo apt install "
             "--only-upgrade coreutils");
}

BOOST_AUTO_TEST_CASE(name_that_is_a_pattern_is_no_packages) {
  const TempDir directory;
  tests::write_tiny_program(directory / "dpk?", kOld);
  BOOST_TEST(refusal_of(directory / "dpk?") == "no error");
}

// By what rpm(8) says of `-q`; a database of its own would need root's.
BOOST_AUTO_TEST_CASE(binary_of_an_rpm_package_is_refused) {
  const Place place;
  const TempDir programs;
  const auto rpm = [&](const std::string& script) {
    fs::permissions(programs.write("rpm", "#!/bin/sh\n" + script), fs::perms::owner_all);
    return tests::run_apart([&] {
      ::setenv("PATH", (programs.path().string() + ":/bin").c_str(), 1);
      return refusal_of(place.binary);
    });
  };
  BOOST_TEST(rpm("test \"$1 $2 $3 $5\" = '-qf --queryformat %{NAME}\\n ' && echo converge") ==
             "usage: " + place.binary.string() +
                 " belongs to the package converge | Run: sudo dnf upgrade converge");
  BOOST_TEST(rpm("echo \"file $4 is not owned by any package\"; exit 1") == "no error");
}

BOOST_AUTO_TEST_CASE(packages_are_read_from_the_answer_of_dpkg) {
  BOOST_TEST(dpkg_owner("converge: /usr/bin/converge\n").value_or("") == "converge");
  BOOST_TEST(dpkg_owner("converge:amd64: /usr/bin/converge\n").value_or("") == "converge");
  BOOST_TEST(dpkg_owner("one, two:i386: /usr/bin/converge\n").value_or("") == "one");
  BOOST_TEST(dpkg_owner("diversion by x from: /usr/bin/converge\ndiversion by x to: /usr/bin/c\n"
                        "converge: /usr/bin/converge\n")
                 .value_or("") == "converge");
  BOOST_TEST(!dpkg_owner("").has_value());
  BOOST_TEST(!dpkg_owner("\n\n").has_value());
  BOOST_TEST(!dpkg_owner("diversion by x from: /usr/bin/converge").has_value());
}

BOOST_AUTO_TEST_CASE(directory_that_this_user_cannot_write_is_refused) {
  const Place place;
  ::chmod(place.directory.path().c_str(), 0755);
  const auto said = tests::run_apart([&] {
    tests::become_user(kSomebody);
    return refusal_of(place.binary) + "\n" +
           text_of(error_of([&] { place.installation.lock(std::chrono::milliseconds(0)); }));
  });
  const std::string refusal = "usage: cannot write in " + place.directory.path().string() +
                              ": permission denied | Run it as root: sudo converge update";
  BOOST_TEST(said == refusal + "\n" + refusal);
}

BOOST_AUTO_TEST_CASE(somebody_elses_binary_is_refused) {
  const Place place;
  const auto said = tests::run_apart([&] {
    ::chown(place.directory.path().c_str(), kSomebody, kSomebody);
    tests::become_user(kSomebody);
    return refusal_of(place.binary);
  });
  BOOST_TEST(said == "usage: " + place.binary.string() +
                         " belongs to user 0, and only root could keep that so | Run it as root "
                         "(sudo converge update), or as that user.");
}

BOOST_AUTO_TEST_CASE(directory_that_others_can_write_is_refused) {
  const Place place;
  const auto directory = place.directory.path();
  for (const mode_t mode : {0775U, 0757U, 0777U}) {
    ::chmod(directory.c_str(), mode);
    const auto said = refusal_of(place.binary);
    BOOST_TEST(said.starts_with("usage: " + directory.string() + " is writable by others"), said);
    BOOST_TEST(said.ends_with("| Run: chmod go-w " + directory.string()), said);
  }
  ::chmod(directory.c_str(), 01777);
  BOOST_TEST(refusal_of(place.binary) == "no error");
  ::chmod(place.binary.c_str(), 0775);
  BOOST_TEST(refusal_of(place.binary)
                 .starts_with("usage: " + place.binary.string() + " is writable by others"));
}

BOOST_AUTO_TEST_CASE(what_is_no_regular_file_is_refused) {
  const TempDir directory;
  BOOST_TEST(refusal_of(directory.path()) ==
             "usage: " + directory.path().string() +
                 " is not a regular file | Name the binary itself, or install converge anew.");
  BOOST_REQUIRE(::mkfifo((directory / "fifo").c_str(), 0700) == 0);
  BOOST_TEST(refusal_of(directory / "fifo").starts_with("usage: "));
}

BOOST_AUTO_TEST_CASE(binary_that_is_gone_is_refused) {
  const Place place;
  fs::remove(place.binary);
  BOOST_TEST(text_of(error_of([&] { place.installation.require_replaceable(); })) ==
             "usage: cannot look at " + place.binary.string() +
                 ": no such file or directory | Install converge anew.");
}

BOOST_AUTO_TEST_CASE(read_only_file_system_is_refused) {
  const TempDir directory;
  const auto said = tests::run_apart([&] {
    tests::take_private_mounts();
    mount_at("none", directory.path(), "tmpfs", 0, "mode=0755");
    tests::write_tiny_program(directory / "converge", kOld);
    mount_at("none", directory.path(), "tmpfs", MS_REMOUNT | MS_RDONLY);
    return refusal_of(directory / "converge") + "\n" + text_of(error_of([&] {
             Installation(directory / "converge").lock(std::chrono::milliseconds(0));
           }));
  });
  const std::string refusal = "usage: " + directory.path().string() +
                              " is on a read-only file system | Update the image that it comes "
                              "from, or mount it writable.";
  BOOST_TEST(said == refusal + "\n" + refusal);
}

BOOST_AUTO_TEST_CASE(noexec_mount_is_refused) {
  const TempDir directory;
  const auto said = tests::run_apart([&] {
    tests::take_private_mounts();
    mount_at("none", directory.path(), "tmpfs", MS_NOEXEC, "mode=0755");
    tests::write_tiny_program(directory / "converge", kOld);
    return refusal_of(directory / "converge");
  });
  BOOST_TEST(said == "usage: " + directory.path().string() +
                         " is on a file system that is mounted noexec, so that a new build could "
                         "not be tried there | Install converge where programs may run, or mount "
                         "that file system with exec.");
}

BOOST_AUTO_TEST_CASE(bind_mount_is_refused_whatever_it_is_of) {
  const TempDir directory;
  tests::write_tiny_program(directory / "same device", kOld);
  fs::create_directory(directory / "tmpfs");
  for (const std::string name : {"converge", "a b\tc\\d\ne"}) {
    const auto binary = directory / name;
    tests::write_tiny_program(binary, kOld);
    for (const std::string from : {"same device", "tmpfs/other"}) {
      const auto said = tests::run_apart([&] {
        tests::take_private_mounts();
        mount_at("none", directory / "tmpfs", "tmpfs", 0);
        tests::write_tiny_program(directory / "tmpfs/other", kOld);
        mount_at((directory / from).c_str(), binary, nullptr, MS_BIND);
        return refusal_of(binary);
      });
      BOOST_TEST(said == "usage: " + binary.string() +
                             " is a mount of its own, which nothing can be put in place of | "
                             "Update it where it is mounted from: on the host of this container, "
                             "perhaps.");
    }
    BOOST_TEST(refusal_of(binary) == "no error");
  }
}

BOOST_AUTO_TEST_CASE(directory_that_is_a_mount_is_fine) {
  const TempDir directory;
  const auto said = tests::run_apart([&] {
    tests::take_private_mounts();
    mount_at("none", directory.path(), "tmpfs", 0, "mode=0755");
    tests::write_tiny_program(directory / "converge", kOld);
    return refusal_of(directory / "converge");
  });
  BOOST_TEST(said == "no error");
}

BOOST_AUTO_TEST_CASE(immutable_and_append_only_are_refused) {
  const Place place;
  for (const auto& path : {place.binary, place.directory.path()}) {
    for (const auto& [flag, word, letter] : {std::tuple(FS_IMMUTABLE_FL, "immutable", "i"),
                                             std::tuple(FS_APPEND_FL, "append-only", "a")}) {
      const FileFlag set(path, flag);
      BOOST_TEST(refusal_of(place.binary) == "usage: " + path.string() + " has the attribute " +
                                                 word + " | Run, if it may change: sudo chattr -" +
                                                 letter + " " + path.string());
    }
  }
  BOOST_TEST(refusal_of(place.binary) == "no error");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::updater
