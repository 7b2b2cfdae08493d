#include "tests/cli/update_fixture.h"

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

namespace {

using namespace converge::tests;
using Texts = std::vector<std::string>;

/// A new build that is not fit, as a shell's script.
struct Unfit : UpdatedHost {
  void refuse(const std::string& program, const std::string& text) {
    offer(manifest_of(102, program));
    refused_keeping_the_download(text);
    BOOST_TEST(history().back() == "refused 102");
    BOOST_TEST(status("trial") == "(none)");
    BOOST_TEST(status("quarantined") == "[]");
  }
  void refused_keeping_the_download(const std::string& text) const {
    const auto result = update();
    BOOST_TEST(result.status == 1, result.out << result.err);
    BOOST_TEST(contains(result.err, text), result.err);
    BOOST_TEST(installed() == 101);
    BOOST_TEST((names() == Texts{".converge.part", "converge"}), boost::test_tools::per_element());
  }
};

BOOST_FIXTURE_TEST_SUITE(update_preflight, Unfit)

BOOST_AUTO_TEST_CASE(build_that_exits_with_1_and_says_why) {
  refuse(stand_in(102, "echo it is broken >&2; exit 1"),
         "build 102 is not fit for this host: its try exited with 1: it is broken");
}

BOOST_AUTO_TEST_CASE(build_that_crashes) {
  refuse(stand_in(102, "kill -SEGV $$"), "its try was ended by signal 11");
}

BOOST_AUTO_TEST_CASE(build_that_hangs) {
  configure("preflight = \"300ms\"\n");
  refuse(stand_in(102, "sleep 1000"), "its try had not ended after 300ms");
}

BOOST_AUTO_TEST_CASE(build_that_reports_another_number_or_none) {
  refuse(stand_in(103), "its try says that it is build 103");
  refuse("#!/bin/sh\necho '{\"build\":\"102\"'\n", "its try did not say which build it is");
  refuse("#!/bin/sh\nexit 0\n", "its try did not say which build it is and said nothing");
}

BOOST_AUTO_TEST_CASE(file_that_is_no_program) {
  refuse("this is no program", "its try could not begin: ");
  refuse("#!/no/such/interpreter\n", "its try could not begin: ");
}

BOOST_AUTO_TEST_CASE(program_without_a_library_that_it_needs) {
  // Not found by the loader alone: to start it is the only way to know.
  auto program = UpdatedHost::program(102);
  const auto at = program.find("libPocoFoundation");
  BOOST_REQUIRE(at != std::string::npos);
  program.replace(at, 7, "libXXXX");
  refuse(program, "its try exited with 127: ");
}

BOOST_AUTO_TEST_CASE(build_that_cannot_use_a_definition_that_this_one_can) {
  refuse("#!/bin/sh\ncat > /dev/null\necho '{\"build\":102,\"broken\":[\"archive_account\"]}'\n",
         "the definition of archive_account is broken to it, and is not to this build");
  // Broken to both: that keeps nobody from a better build.
  directory.write("convergers/archive_account.sql", "broken");
  offer(manifest_of(102,
                    "#!/bin/sh\ncat > /dev/null\n"
                    "echo '{\"build\":102,\"broken\":[\"archive_account\"]}'\n"));
  updated();
}

BOOST_AUTO_TEST_CASE(build_that_leaves_no_way_back) {
  refuse(
      "#!/bin/sh\ncat > /dev/null\nwhile [ \"$1\" != --journal ]; do shift; done\n"
      "sqlite3 $2 'update compatibility set least_writer = 7; pragma user_version = 7'\n"
      "echo '{\"build\":102,\"broken\":[]}'\n",
      "what it makes of the journal cannot be written by this build");
  BOOST_TEST(journal_value("pragma user_version") == "6");
}

BOOST_AUTO_TEST_CASE(real_build_refuses_what_it_cannot_verify_read_or_write) {
  release(102);
  const auto staged = directory / "new";
  write_text(staged, program(102));
  ::chmod(staged.c_str(), 0755);
  const auto object = read_text(server.root() / "channels" / "stable");
  const auto copy = directory / "copy.db";
  const auto try_out = [&](const std::string& input, const Words& more = {}) {
    Words words = {staged.string(), "update", "--preflight", "--journal", copy.string()};
    words.insert(words.end(), more.begin(), more.end());
    return run_command(words, {.environment = environment, .input = input});
  };
  BOOST_TEST(try_out(object).out == "{\"build\":102,\"broken\":[]}\n");
  BOOST_TEST(try_out("").status == 1);
  BOOST_TEST(try_out(object + " ").status == 1);
  BOOST_TEST(try_out(object, {"--channel", "canary"}).status == 1);
  BOOST_TEST(try_out(std::string(70'000, ' ')).status == 1);
  std::filesystem::remove(copy.string() + "-wal");
  write_text(copy, "this is no journal, it is anything else");
  BOOST_TEST(try_out(object).status != 0);
  std::filesystem::remove(copy);
  directory.write("converge.toml", "[update]\nurll = \"http://a\"\n");
  const auto result = try_out(object);
  BOOST_TEST(result.status == 2);
  BOOST_TEST(contains(result.err, "unknown key update.urll"), result.err);
  configure("", Minisign().public_key());
  BOOST_TEST(try_out(object).status == 1);
  // Of a release of another build.
  configure();
  offer(manifest_of(103, program(102)));
  const auto other = try_out(read_text(server.root() / "channels" / "stable"));
  BOOST_TEST(other.status == 1);
  BOOST_TEST(contains(other.err, "the release is of build 103, and this is build 102"), other.err);
}

BOOST_AUTO_TEST_CASE(journal_that_is_tried_on_is_a_copy_and_goes) {
  release(102);
  updated({"--check"});
  const auto before = journal_value("select count(*) from entry");
  const auto state = directory / "state";
  // What a process that was killed left.
  std::filesystem::create_directory(state / "journal.db.preflight-999999999");
  std::filesystem::create_directory(state / "journal.db.preflight-1");
  offer(manifest_of(102, stand_in(102, "echo no >&2; exit 1")));
  updated({"--check"});
  BOOST_TEST(update().status == 1);
  BOOST_TEST(!std::filesystem::exists(state / "journal.db.preflight-999999999"));
  BOOST_TEST(std::filesystem::exists(state / "journal.db.preflight-1"));
  std::filesystem::remove(state / "journal.db.preflight-1");
  for (const auto& entry : std::filesystem::directory_iterator(state)) {
    BOOST_TEST(!contains(entry.path().string(), "preflight"), entry.path());
  }
  BOOST_TEST(std::stoi(journal_value("select count(*) from entry")) == std::stoi(before) + 2);
  require_whole_journal();
}

BOOST_AUTO_TEST_CASE(next_attempt_needs_no_second_download) {
  offer(manifest_of(102, stand_in(102, "test -e " + (directory / "fit").string() + " || exit 1")));
  BOOST_TEST(update().status == 1);
  directory.write("fit", "");
  updated();
  int downloads = 0;
  for (const auto& request : server.requests(3)) {
    if (contains(request, "converge-linux")) ++downloads;
  }
  BOOST_TEST(downloads == 1);
  BOOST_TEST(installed() == 102);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
