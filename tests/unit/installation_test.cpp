#include "updater/installation.h"

#include "tests/support/apart.h"
#include "tests/support/command.h"
#include "tests/unit/installation_fixture.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <sys/xattr.h>
#include <unistd.h>

namespace converge::updater {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using tests::TempDir;

constexpr milliseconds kAtOnce{0};

// A user of the tests who owns nothing.
constexpr unsigned int kSomebody = 54'321;

std::map<std::string, std::string> attributes_of(const fs::path& file) {
  std::string list(65'536, '\0');
  list.resize(static_cast<std::size_t>(::listxattr(file.c_str(), list.data(), list.size())));
  std::map<std::string, std::string> attributes;
  for (std::size_t at = 0; at < list.size();) {
    const std::string name = list.c_str() + at;
    at += name.size() + 1;
    std::string value(65'536, '\0');
    const auto size = ::getxattr(file.c_str(), name.c_str(), value.data(), value.size());
    attributes[name] = value.substr(0, static_cast<std::size_t>(size));
  }
  return attributes;
}

void set_attribute(const fs::path& file, const char* name, std::string_view value) {
  BOOST_REQUIRE_MESSAGE(::setxattr(file.c_str(), name, value.data(), value.size(), 0) == 0, name);
}

// <linux/posix_acl_xattr.h>: rwx for the owner, r-x for user 4321, r-- for the group, mask r-x.
constexpr std::string_view kAcl(
    "\2\0\0\0"
    "\1\0\7\0\xff\xff\xff\xff"
    "\2\0\5\0\xe1\x10\0\0"
    "\4\0\4\0\xff\xff\xff\xff"
    "\x10\0\5\0\xff\xff\xff\xff"
    "\x20\0\1\0\xff\xff\xff\xff",
    44);

// <linux/capability.h>: CAP_NET_BIND_SERVICE, permitted and effective.
constexpr std::string_view kCapability("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);

BOOST_AUTO_TEST_SUITE(installation)

BOOST_AUTO_TEST_CASE(what_lies_beside_it_is_named_for_it) {
  const TempDir directory;
  tests::write_tiny_program(directory / "tool", kOld);
  const Installation installation(directory / "tool");
  BOOST_TEST(installation.path() == directory / "tool");
  BOOST_TEST(installation.directory() == directory.path());
  BOOST_TEST(installation.previous() == directory / "tool.previous");
  BOOST_TEST(installation.part() == directory / ".tool.part");
  BOOST_TEST(installation.staged() == directory / ".tool.new");
  BOOST_TEST(installation.state_file() == directory / ".tool.state");
  BOOST_TEST(installation.lock_file() == directory / ".tool.lock");
}

BOOST_AUTO_TEST_CASE(symbolic_link_stays_and_its_target_is_replaced) {
  const Place place;
  const TempDir elsewhere;
  fs::create_symlink(place.binary, elsewhere / "inner");
  fs::create_symlink("inner", elsewhere / "converge");
  const Installation installation(elsewhere / "converge");
  BOOST_TEST(installation.path() == place.binary);
  tests::write_tiny_program(installation.part(), kNew);
  installation.stage(installation.part());
  installation.put_in(installation.identity());
  BOOST_TEST(fs::read_symlink(elsewhere / "converge") == "inner");
  BOOST_TEST(tests::exit_status_of(elsewhere / "converge") == kNew);
  BOOST_TEST(place.names() == (Names{"converge", "converge.previous"}));
  BOOST_TEST(!fs::exists(elsewhere / "converge.previous"));
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_refused) {
  const TempDir directory;
  BOOST_TEST(text_of(error_of([&] { Installation(directory / "none"); })) ==
             "usage: cannot look at " + (directory / "none").string() +
                 ": no such file or directory | ");
}

BOOST_AUTO_TEST_CASE(new_build_takes_the_path_and_the_old_one_is_kept) {
  const Place place;
  const auto before = place.installation.identity();
  place.update();
  BOOST_TEST(place.runs() == kNew);
  BOOST_TEST(tests::exit_status_of(place.installation.previous()) == kOld);
  struct stat kept {};
  BOOST_REQUIRE(::stat(place.installation.previous().c_str(), &kept) == 0);
  BOOST_TEST(kept.st_ino == before.inode);  // The very file, not a copy.
  BOOST_TEST(kept.st_nlink == 1U);
  BOOST_TEST(place.names() == (Names{"converge", "converge.previous"}));
  place.update(33);
  BOOST_TEST(place.runs() == 33);
  BOOST_TEST(tests::exit_status_of(place.installation.previous()) == kNew);
  BOOST_TEST(place.names() == (Names{"converge", "converge.previous"}));
}

BOOST_AUTO_TEST_CASE(what_was_verified_is_what_is_put_in) {
  const Place place;
  place.download();
  struct stat verified {};
  BOOST_REQUIRE(::stat(place.installation.part().c_str(), &verified) == 0);
  place.installation.stage(place.installation.part());
  place.installation.put_in(place.installation.identity());
  BOOST_TEST(place.installation.identity().inode == verified.st_ino);
}

BOOST_AUTO_TEST_CASE(going_back_is_done_once) {
  const Place place;
  BOOST_TEST(!place.installation.has_previous());
  BOOST_TEST(text_of(error_of([&] { place.installation.put_back(); })) ==
             "usage: there is no build to go back to: " + place.binary.string() +
                 ".previous is missing | ");
  place.update();
  place.download(33);
  BOOST_TEST(place.installation.has_previous());
  place.installation.put_back();
  BOOST_TEST(place.runs() == kOld);
  BOOST_TEST(place.names() == Names{"converge"});
  BOOST_TEST(!place.installation.has_previous());
  BOOST_TEST(error_of([&] { place.installation.put_back(); }).has_value());
  BOOST_TEST(place.runs() == kOld);
}

BOOST_AUTO_TEST_CASE(everything_that_the_old_file_had_is_kept) {
  const Place place;
  const auto& binary = place.binary;
  set_attribute(binary, "user.note", std::string_view("a\0b", 3));
  set_attribute(binary, "user.empty", "");
  set_attribute(binary, "trusted.note", "root's");
  BOOST_REQUIRE(::chown(binary.c_str(), 1234, 5678) == 0);
  BOOST_REQUIRE(::chmod(binary.c_str(), 06751) == 0);
  set_attribute(binary, "system.posix_acl_access", kAcl);
  set_attribute(binary, "security.capability", kCapability);
  set_attribute(binary, "security.selinux", "system_u:object_r:bin_t:s0");
  struct stat before {};
  BOOST_REQUIRE(::stat(binary.c_str(), &before) == 0);
  const auto attributes = attributes_of(binary);
  BOOST_REQUIRE(attributes.size() == 6U);
  place.update();
  struct stat after {};
  BOOST_REQUIRE(::stat(binary.c_str(), &after) == 0);
  BOOST_TEST(after.st_ino != before.st_ino);
  BOOST_TEST(after.st_uid == 1234U);
  BOOST_TEST(after.st_gid == 5678U);
  BOOST_TEST(after.st_mode == before.st_mode);
  BOOST_TEST((after.st_mode & 07000U) == 06000U);
  BOOST_TEST((attributes_of(binary) == attributes));
}

BOOST_AUTO_TEST_CASE(what_the_directory_or_the_download_gave_goes) {
  const Place place;
  set_attribute(place.directory.path(), "system.posix_acl_default", kAcl);
  place.download();
  set_attribute(place.installation.part(), "user.etag", "\"1\"");
  BOOST_REQUIRE(attributes_of(place.installation.part()).size() == 2U);
  BOOST_REQUIRE(::chmod(place.binary.c_str(), 0711) == 0);
  place.installation.stage(place.installation.part());
  place.installation.put_in(place.installation.identity());
  BOOST_TEST(attributes_of(place.binary).empty());
  BOOST_TEST((fs::status(place.binary).permissions() == static_cast<fs::perms>(0711)));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_kept_stops_it_and_nothing_has_changed) {
  const Place place;
  set_attribute(place.binary, "security.capability", kCapability);
  const auto said = tests::run_apart([&] {
    ::chown(place.directory.path().c_str(), kSomebody, kSomebody);
    ::chown(place.binary.c_str(), kSomebody, kSomebody);
    set_attribute(place.binary, "security.capability", kCapability);
    tests::become_user(kSomebody);
    place.download();
    return text_of(error_of([&] { place.installation.stage(place.installation.part()); }));
  });
  BOOST_TEST(said == "failure: cannot give " + place.installation.staged().string() +
                         " the attribute security.capability of the present binary: operation not "
                         "permitted | Run it as root, or as who may change that.");
  BOOST_TEST(place.names() == Names{"converge"});
  BOOST_TEST(place.runs() == kOld);
}

BOOST_AUTO_TEST_CASE(its_owner_can_replace_it) {
  const Place place;
  const auto said = tests::run_apart([&] {
    ::chown(place.directory.path().c_str(), kSomebody, kSomebody);
    ::chown(place.binary.c_str(), kSomebody, kSomebody);
    ::chmod(place.binary.c_str(), 0555);
    set_attribute(place.binary, "user.note", "mine");
    { const auto lock = place.installation.lock(kAtOnce); }  // Root's, before.
    tests::become_user(kSomebody);
    return text_of(error_of([&] {
      place.installation.require_replaceable();
      const auto lock = place.installation.lock(kAtOnce);
      place.update();
    }));
  });
  BOOST_TEST(said == "no error");
  BOOST_TEST(place.runs() == kNew);
  BOOST_TEST(attributes_of(place.binary).at("user.note") == "mine");
}

BOOST_AUTO_TEST_CASE(leftovers_of_dead_attempts_go_and_nothing_else) {
  const Place place;
  const auto& directory = place.directory;
  for (const char* ours : {".converge.new", ".converge.link", ".converge.state.aB3dE9"}) {
    directory.write(ours, "x");
  }
  const Names others = {".converge",
                        ".converge.lock",
                        ".converge.part",
                        ".converge.state",
                        ".converge.state.aB3dE",
                        ".converge.state.aB3dE9x",
                        ".converge.state.aB3d.9",
                        ".converge.statexaB3dE9",
                        ".other.new",
                        ".other.state.aB3dE9",
                        "converge.link",
                        "converge.new",
                        "converge.old",
                        "converge.previous",
                        "converge2",
                        "xconverge.state.aB3dE9"};
  for (const auto& other : others) directory.write(other, "x");
  fs::create_directory(directory / ".converge.state.direct");
  auto expected = place.names();
  for (const char* ours : {".converge.new", ".converge.link", ".converge.state.aB3dE9"}) {
    expected.erase(std::find(expected.begin(), expected.end(), ours));
  }
  const auto lock = place.installation.lock(kAtOnce);
  place.installation.clean();
  BOOST_TEST(place.names() == expected);
  place.installation.clean();
  BOOST_TEST(place.names() == expected);
}

BOOST_AUTO_TEST_CASE(links_under_our_names_go_and_their_targets_stay) {
  const Place place;
  fs::create_symlink(place.binary, place.installation.staged());
  place.installation.clean();
  BOOST_TEST(place.names() == Names{"converge"});
  BOOST_TEST(place.runs() == kOld);
}

BOOST_AUTO_TEST_CASE(download_is_kept_for_seven_days) {
  const Place place;
  place.download();
  const auto age = [&](std::chrono::hours hours) {
    fs::last_write_time(place.installation.part(), fs::file_time_type::clock::now() - hours);
  };
  age(std::chrono::hours(7 * 24 - 1));
  place.installation.clean();
  BOOST_TEST(fs::exists(place.installation.part()));
  age(std::chrono::hours(7 * 24 + 1));
  place.installation.clean();
  BOOST_TEST(!fs::exists(place.installation.part()));
}

BOOST_AUTO_TEST_CASE(present_build_is_not_its_own_previous_one) {
  const Place place;
  fs::create_hard_link(place.binary, place.installation.previous());
  BOOST_TEST(!place.installation.has_previous());
  BOOST_TEST(error_of([&] { place.installation.put_back(); }).has_value());
  place.update();  // Without a clean, too.
  BOOST_TEST(place.names() == (Names{"converge", "converge.previous"}));
  place.installation.put_back();
  fs::create_hard_link(place.binary, place.installation.previous());
  place.installation.clean();
  BOOST_TEST(place.names() == Names{"converge"});
}

// Runs itself again, as a copy that removes or replaces its own binary.
BOOST_AUTO_TEST_CASE(process_knows_its_binary_until_that_is_gone) {
  const auto self = fs::read_symlink("/proc/self/exe");
  const auto said = [] { return text_of(error_of([] { Installation::of_this_process(); })); };
  if (const char* act = std::getenv("CONVERGE_TEST_ACT")) {
    fs::rename(self, self.string() + ".previous");
    BOOST_TEST(Installation::of_this_process().path() == self.string() + ".previous");
    fs::remove(self.string() + ".previous");
    const auto removed = said();
    // What /proc says then is also the name of a file.
    if (*act == 'r') tests::write_text(self.string() + ".previous (deleted)", "x");
    BOOST_TEST(said() == removed);
    std::puts(said().c_str());
    tests::write_text(self.string() + ".previous", "x");
    std::puts(said().c_str());
    fs::remove(self.string() + ".previous");
    return;
  }
  BOOST_TEST(Installation::of_this_process().path() == self);
  const TempDir directory;
  const auto copy = directory / "converge";
  for (const char* act : {"gone", "replaced"}) {
    fs::copy_file(self, copy);
    const auto result = tests::run_command(
        {copy.string(), "--run_test=installation/process_knows_its_binary_until_that_is_gone"},
        {.environment = {{"CONVERGE_TEST_ACT", act}}});
    BOOST_TEST(result.status == 0, result.out << result.err);
    BOOST_TEST(result.out.find("usage: the binary of this process was removed since it started: " +
                               copy.string()) != std::string::npos,
               result.out);
    BOOST_TEST(result.out.find("transient: " + copy.string() +
                               ".previous was replaced by another binary since this one started") !=
                   std::string::npos,
               result.out);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::updater
