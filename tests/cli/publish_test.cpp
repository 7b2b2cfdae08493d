#include "tests/cli/publish_fixture.h"

#include <boost/test/unit_test.hpp>

#include <elf.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace converge;
using namespace converge::tests;

constexpr std::size_t kMachine = offsetof(Elf64_Ehdr, e_machine);
const std::string kArm64("\xb7\0", 2);  // EM_AARCH64
const std::string kPower("\x15\0", 2);  // EM_PPC64

// Types its first argument, when asked for a password, to the program that the others are.
constexpr const char* kAtTerminal = R"python(
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen, typed = b"", False
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        piece = b""
    if not piece:
        break
    seen += piece
    if not typed and seen.endswith(b": "):
        os.write(terminal, sys.argv[1].encode())
        typed = True
sys.stdout.write(seen.decode())
sys.stdout.flush()
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
)python";

/// A secret key with the password `horse staple`.
std::string make_locked_key(const Publishing& publishing) {
  const std::string secret = publishing.directory / "locked.sec";
  const auto made =
      run_command({"minisign", "-G", "-p", publishing.directory / "locked.pub", "-s", secret},
                  {.input = "horse staple\nhorse staple\n"});
  BOOST_TEST_REQUIRE(made.status == 0, made.err);
  return secret;
}

std::vector<std::string> names(const std::map<std::string, std::string>& tree) {
  std::vector<std::string> all;
  for (const auto& [name, content] : tree) {
    if (!content.empty()) all.push_back(name);
  }
  return all;
}

BOOST_FIXTURE_TEST_SUITE(publish, Publishing)

BOOST_AUTO_TEST_CASE(release_is_laid_out) {
  const auto printed = publish(of_build(101));
  BOOST_TEST(contains(printed, "stable  build 101, seq 1, expires "), printed);
  const auto name = "builds/101/converge-" + updater::this_platform();
  const std::vector<std::string> expected = {"VERSION", name, name + ".minisig",
                                             "builds/101/manifest.stable", "channels/stable"};
  BOOST_TEST(names(tree()) == expected, boost::test_tools::per_element());
  BOOST_TEST(read_text(place / "VERSION") == "101\n");
  BOOST_TEST((read_text(artifact(101)) == read_text(binary(101))));
  BOOST_TEST(read_text(place / "builds/101/manifest.stable") ==
             read_text(place / "channels/stable"));
  const auto manifest = offered("stable");
  BOOST_TEST(manifest.seq == 1);
  BOOST_TEST(manifest.build == 101);
  BOOST_TEST(manifest.min_build == 0);
  BOOST_TEST(manifest.withdrawn.empty());
  BOOST_TEST(manifest.rollout.percent_per_hour == 100);
  BOOST_TEST(!manifest.rollout.paused);
  BOOST_TEST(manifest.expires_us - manifest.issued_us == 90LL * 24 * 3600 * 1'000'000);
  const auto version = run_command({binary(101), "--version"}).out;
  BOOST_TEST(version == "converge build 101 (commit " + manifest.commit + ")\n");
  for (const auto& [file, content] : tree()) {
    struct stat status {};
    ::stat((place / file).c_str(), &status);
    BOOST_TEST((status.st_mode & 0777U) == (content.empty() ? 0755U : 0644U), file);
  }
}

BOOST_AUTO_TEST_CASE(people_verify_it_with_minisign) {
  publish(of_build(101));
  const auto verify = [&](const std::filesystem::path& file, const std::filesystem::path& by) {
    return run_command(
        {"minisign", "-V", "-H", "-p", minisign.public_key_file(), "-m", file, "-x", by});
  };
  const auto good = verify(artifact(101), artifact(101).string() + ".minisig");
  BOOST_TEST(good.status == 0, good.out << good.err);
  BOOST_TEST(contains(good.out, "build:101"), good.out);
  const auto object = read_text(place / "channels/stable");
  const auto end = object.find("untrusted comment: ");
  const auto text = directory.write("manifest", object.substr(0, end));
  const auto signature = directory.write("manifest.minisig", object.substr(end));
  BOOST_TEST(verify(text, signature).status == 0);
  BOOST_TEST(verify(changed(text, 3, "P"), signature).status != 0);
}

BOOST_AUTO_TEST_CASE(next_build_has_the_next_seq_and_leaves_the_one_before) {
  publish(of_build(101, "stable", {"--min-build", "7"}));
  const auto before = tree();
  publish(of_build(102, "stable", {"--percent-per-hour", "5", "--expires", "12h"}));
  const auto manifest = offered("stable");
  BOOST_TEST(manifest.seq == 2);
  BOOST_TEST(manifest.build == 102);
  BOOST_TEST(manifest.min_build == 7);
  BOOST_TEST(manifest.rollout.percent_per_hour == 5);
  BOOST_TEST(manifest.rollout.start_us == manifest.issued_us);
  BOOST_TEST(manifest.expires_us - manifest.issued_us == 12LL * 3600 * 1'000'000);
  BOOST_TEST(read_text(place / "VERSION") == "102\n");
  const auto after = tree();
  for (const auto& [name, content] : before) {
    if (!name.starts_with("builds/")) continue;
    BOOST_TEST((after.at(name) == content), name);
  }
}

BOOST_AUTO_TEST_CASE(same_command_again_changes_nothing) {
  publish(of_build(101));
  const auto before = tree();
  BOOST_TEST(contains(publish(of_build(101)), "(was so already)"));
  BOOST_TEST(member(publish(of_build(101, "stable", {"-o", "json"})), "changed") == "false");
  BOOST_TEST((tree() == before));
  // Not even by other words for the same.
  refuse(signed_with_key(of_build(101, "stable", {"--min-build", "3"})), 1,
         "stable offers build 101 already, with min_build 0 and not 3", "converge publish resign");
}

BOOST_AUTO_TEST_CASE(same_command_again_brings_back_what_is_lost) {
  publish(of_build(101));
  const auto before = tree();
  for (const auto& [name, content] : before) {
    if (content.empty() || name.starts_with("channels/")) continue;
    std::filesystem::remove(place / name);
    publish(of_build(101));
    BOOST_TEST((tree() == before), name);
  }
}

BOOST_AUTO_TEST_CASE(number_is_never_used_for_other_bytes) {
  publish(of_build(101));
  auto other = of_build(101);
  other.back() = directory.write("other", read_text(binary(101)) + "x").string();
  ::chmod(other.back().c_str(), 0755);
  refuse(signed_with_key(other), 1, "stable offers build 101 already, with other artifacts",
         "take the next one");
  // Nor in another channel, nor when no channel offers it.
  auto canary = other;
  canary[4] = "canary";
  refuse(signed_with_key(canary), 1, "is there already, with other bytes than ", "take the next");
  std::filesystem::remove_all(place / "channels");
  refuse(signed_with_key(other), 1, "is there already, with other bytes than ", "take the next");
}

BOOST_AUTO_TEST_CASE(platform_of_a_number_is_not_left_out_later) {
  const auto arm = changed(binary(101), kMachine, kArm64).string();
  publish(of_build(101, "stable", {arm}));
  auto one = of_build(101, "canary");
  refuse(signed_with_key(one), 1, "converge-linux-arm64 is there already, and no binary",
         "Give the binaries of the first attempt");
}

BOOST_AUTO_TEST_CASE(lower_build_is_refused) {
  publish(of_build(102));
  refuse(signed_with_key(of_build(101)), 1,
         "build 101 is lower than the build that stable offers, 102", "Withdraw the bad build");
  publish(of_build(101, "canary"));  // Each channel has its own.
  BOOST_TEST(offered("canary").seq == 1);
}

BOOST_AUTO_TEST_CASE(binary_must_say_the_build_and_the_commit) {
  auto wrong = of_build(101);
  wrong.back() = binary(102);
  refuse(signed_with_key(wrong), 2, "converge-build-102 is build 102, not 101", "BUILD_NUMBER=101");
  refuse(signed_with_key(of_build(101, "stable", {"--commit", "0123abcd4567"})), 2,
         ", not 0123abcd4567", "Leave --commit out");
  auto silent = of_build(101);
  silent.back() = directory.write("silent", read_text(binary(101))).string();  // Mode 0644.
  refuse(signed_with_key(silent), 2, "permission denied", "Its mode must allow running it.");
}

BOOST_AUTO_TEST_CASE(what_is_no_converge_is_refused) {
  const auto text = directory.write("script", "#!/bin/sh\necho converge build 101\n");
  const auto whole = read_text(binary(101));
  const auto half = directory.write("half", whole.substr(0, whole.size() / 2));
  const auto less = directory.write("less", whole.substr(0, whole.size() - 1));
  const auto head = directory.write("head", whole.substr(0, 20));
  const struct {
    std::filesystem::path file;
    std::string message;
  } cases[] = {
      {text, "script: not an ELF file"},
      {half, "half: a truncated ELF file"},
      {less, "less: a truncated ELF file"},
      {head, "head: a truncated ELF file"},
      {"/bin/true", "/bin/true: not a converge"},
      {changed(binary(101), kMachine, kPower), "a program for the ELF machine 21"},
      {directory / "nothing", "no such file or directory"},
      {directory.path(), "is a directory"},
  };
  for (const auto& [file, message] : cases) {
    auto arguments = of_build(101);
    arguments.back() = file;
    refuse(signed_with_key(arguments), 2, message, "");
  }
  refuse(signed_with_key(of_build(101, "stable", {binary(101)})), 2, "are both for linux-",
         "one binary for each platform");
  BOOST_TEST(tree().empty());
}

BOOST_AUTO_TEST_CASE(other_platform_is_told_by_its_header_and_not_run) {
  const auto arm = changed(binary(101), kMachine, kArm64).string();
  auto alone = of_build(101);
  alone.back() = arm;
  refuse(signed_with_key(alone), 2, "no binary runs here", "--commit");
  publish(of_build(101, "stable", {arm}));
  const auto manifest = offered("stable");
  BOOST_TEST_REQUIRE(manifest.artifacts.size() == 2U);
  BOOST_TEST(manifest.artifacts[0].platform == "linux-amd64");
  BOOST_TEST(manifest.artifacts[1].path == "builds/101/converge-linux-arm64");
  alone[2] = "103";
  alone.insert(alone.end(), {"--commit", "abc", "--built", "2026-11-22T10:00:00Z"});
  publish(alone);
  BOOST_TEST(offered("stable").commit == "abc");
  BOOST_TEST(offered("stable").built_us == 1'795'341'600'000'000);
}

BOOST_AUTO_TEST_CASE(key_must_be_one_that_hosts_trust) {
  const Minisign other;
  auto arguments = of_build(101, "stable", {"--public-key", other.public_key_file()});
  refuse(signed_with_key(arguments), 2, "the secret key belongs to none of the public keys given",
         "would refuse the release");
  publish(of_build(101, "stable", {"--public-key", minisign.public_key_file()}));
  auto next = of_build(102, "stable", {"--key", other.secret_key_file()});
  refuse(next, 1, "channels/stable: ", "--public-key");
  refuse({"resign", place, "--channel", "stable", "--key", other.secret_key_file()}, 1,
         "channels/stable: ", "--public-key");
  // A new key, by somebody who knows of both.
  next.insert(next.end(), {"--public-key", other.public_key_file(), "--public-key",
                           minisign.public_key_file()});
  BOOST_TEST(call(next).status == 0);
  BOOST_TEST(contains(call(next).out, "was so already"));
}

BOOST_AUTO_TEST_CASE(what_is_no_key_is_refused) {
  auto arguments = of_build(101);
  refuse(of_build(101), 2, "--key is required", "minisign -G");
  refuse(of_build(101, "stable", {"--key", minisign.public_key_file()}), 2,
         "is not a secret key of minisign's", "minisign -G");
  refuse(of_build(101, "stable", {"--key", directory / "nothing"}), 2, "no such file", "");
  refuse(signed_with_key(of_build(101, "stable", {"--public-key", minisign.secret_key_file()})), 2,
         "--public-key ", "");
}

BOOST_AUTO_TEST_CASE(without_minisign_it_says_what_is_missing) {
  environment["PATH"] = directory.path();
  refuse(signed_with_key(of_build(101)), 2, "cannot run minisign", "in the package minisign");
}

BOOST_AUTO_TEST_CASE(password_is_a_line_on_standard_input) {
  const auto secret = make_locked_key(*this);
  const auto arguments = of_build(101, "stable", {"--key", secret});
  refuse(arguments, 2, "no password was given", "a line on standard input");
  const auto wrong = call(arguments, {.input = "horse\n"});
  BOOST_TEST(wrong.status == 2);
  BOOST_TEST(contains(wrong.err, "wrong password for "), wrong.err);
  BOOST_TEST(tree().empty());
  const auto right = call(arguments, {.input = "horse staple\n"});
  BOOST_TEST(right.status == 0, right.err);
  BOOST_TEST(right.err == "");
}

BOOST_AUTO_TEST_CASE(terminal_is_asked_for_the_password_and_does_not_show_it) {
  const auto arguments = of_build(101, "stable", {"--key", make_locked_key(*this)});
  for (const char* typed : {"horse staple\n", "horse\x03\n"}) {
    Words words = {"python3", "-c", kAtTerminal, typed, std::getenv("CONVERGE_BINARY"), "publish"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const auto result = run_command(words, {.environment = environment});
    const bool right = std::string(typed) == "horse staple\n";
    BOOST_TEST(result.status == (right ? 0 : 2), result.out << result.err);
    BOOST_TEST(contains(result.out, "Password of "), result.out);
    BOOST_TEST(!contains(result.out, "horse"), result.out);
    BOOST_TEST(contains(result.out, right ? "build 101" : "no password was given"), result.out);
    BOOST_TEST(tree().empty() == !right);
    std::filesystem::remove_all(place);
    std::filesystem::create_directory(place);
  }
}

BOOST_AUTO_TEST_CASE(two_do_not_publish_at_once) {
  const int other = ::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  BOOST_REQUIRE(::flock(other, LOCK_EX) == 0);
  refuse(signed_with_key(of_build(101)), 75, "another converge publishes to ", "Wait for its end");
  ::close(other);
  publish(of_build(101));
}

BOOST_AUTO_TEST_CASE(many_at_once_leave_one_whole_release) {
  std::vector<std::unique_ptr<Command>> all;
  for (int i = 0; i < 8; ++i) {
    Words words = {std::getenv("CONVERGE_BINARY"), "publish"};
    const auto arguments = signed_with_key(of_build(101 + i % 2));
    words.insert(words.end(), arguments.begin(), arguments.end());
    all.push_back(std::make_unique<Command>(words, CommandOptions{.environment = environment}));
  }
  int done = 0;
  for (const auto& each : all) {
    const auto result = each->wait();
    done += result.status == 0 ? 1 : 0;
    BOOST_TEST((result.status == 0 || result.status == 75 || result.status == 1), result.err);
  }
  BOOST_TEST(done > 0);
  const auto manifest = offered("stable");
  BOOST_TEST(read_text(place / "VERSION") == std::to_string(manifest.build) + "\n");
}

BOOST_AUTO_TEST_CASE(place_must_be_there_and_writable) {
  auto arguments = of_build(101);
  arguments.front() = directory / "nowhere";
  refuse(signed_with_key(arguments), 2, "there is no directory ", "Make it");
  arguments.front() = "http:/typo";
  refuse(signed_with_key(arguments), 2, "there is no directory ", "Make it");
}

BOOST_AUTO_TEST_CASE(full_disk_changes_nothing_that_is_offered) {
  publish(of_build(101));
  const auto before = tree();
  Words words = {"sh",
                 "-c",
                 "trap '' XFSZ; ulimit -f 2000; exec \"$@\"",
                 "sh",
                 std::getenv("CONVERGE_BINARY"),
                 "publish"};
  const auto arguments = signed_with_key(of_build(102));
  words.insert(words.end(), arguments.begin(), arguments.end());
  const auto result = run_command(words, {.environment = environment});
  BOOST_TEST(result.status != 0);
  BOOST_TEST(contains(result.err, "file too large"), result.err);
  BOOST_TEST(read_text(place / "channels/stable") == before.at("channels/stable"));
  publish(of_build(102));
  BOOST_TEST(offered("stable").build == 102);
}

BOOST_AUTO_TEST_CASE(json_is_one_object) {
  const auto out = publish(of_build(101, "stable", {"-o", "json"}));
  BOOST_TEST(lines(out).size() == 1U);
  BOOST_TEST(member(out, "action") == "publish");
  BOOST_TEST(member(out, "place") == place.string());
  BOOST_TEST(member(out, "changed") == "true");
  BOOST_TEST(member(out, "channel") == "stable");
  BOOST_TEST(member(out, "seq") == "1");
  BOOST_TEST(member(out, "build") == "101");
  BOOST_TEST(member(out, "commit") == offered("stable").commit);
  BOOST_TEST(contains(member(out, "rollout"), "\"percent_per_hour\":100"));
  BOOST_TEST(contains(member(out, "artifacts"), offered("stable").artifacts[0].sha256));
  BOOST_TEST(contains(read_text(minisign.public_key_file()), member(out, "key")));
}

BOOST_AUTO_TEST_CASE(wrong_words_are_refused) {
  refuse({}, 2, "DIR|URL is required", "--help");
  refuse({place}, 2, "a BINARY is required", "--help");
  refuse({place, binary(101), "--key", minisign.secret_key_file()}, 2, "--channel is required", "");
  refuse(signed_with_key({place, binary(101), "--channel", "stable"}), 2, "--build is required",
         "");
  refuse(signed_with_key(of_build(101, "Stable")), 2, "not the name of a channel: Stable",
         "hyphens");
  refuse(signed_with_key(of_build(101, "../x")), 2, "not the name of a channel", "hyphens");
  refuse(signed_with_key(of_build(101, "stabel")), 2, "there is no channel stabel yet",
         "Did you mean stable? --new-channel begins one.");
  refuse(signed_with_key(of_build(101, "stable", {"--expires", "soon"})), 2, "--expires", "90d");
  refuse(signed_with_key(of_build(101, "stable", {"--percent-per-hour", "101"})), 2,
         "--percent-per-hour", "");
  refuse(signed_with_key(of_build(101, "stable", {"--min-build", "102"})), 1,
         "min_build 102 is higher than the build", "");
  publish(of_build(101, "nightly", {"--new-channel"}));
  BOOST_TEST(offered("nightly").channel == "nightly");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
