#include "updater/update_state.h"

#include "src/base/error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/kill_at_call.h"
#include "tests/support/temp_dir.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace converge::updater {
namespace {

namespace fs = std::filesystem;
using tests::TempDir;

UpdateState full_state() {
  return {
      .floors = {{"canary", {.seq = 9, .build = 130}}, {"stable", {.seq = 7, .build = 123}}},
      .trial = Trial{.build = 123,
                     .previous = 121,
                     .since_us = 1'764'000'000'000'000,
                     .starts = 2,
                     .channel = "canary"},
      .quarantined = {{.build = 122, .since_us = 5, .why = "exit status 1: \"boom\"\n\x1b[31m é"},
                      {.build = 120, .since_us = 6, .why = ""}},
      .installed_build = 123,
      .previous_build = 121,
      .last_check = LastCheck{.time_us = 1'764'000'000'000'001,
                              .channel = "stable",
                              .url = "https://updates.example/converge/",
                              .etag = "\"6740-1f\"",
                              .last_modified = "Sun, 22 Nov 2026 10:05:00 GMT",
                              .object = "{\n  \"seq\": 7\n}\nuntrusted comment: x\n",
                              .error = "connection refused"},
      .trouble = {}};
}

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool is_troubled(const UpdateState& state) {
  UpdateState empty;
  empty.trouble = state.trouble;
  return !state.trouble.empty() && state == empty;
}

BOOST_AUTO_TEST_SUITE(update_state)

BOOST_AUTO_TEST_CASE(what_is_written_is_read) {
  const TempDir directory;
  const auto file = directory / ".converge.state";
  write_update_state(file, full_state());
  BOOST_TEST((read_update_state(file) == full_state()));
  write_update_state(file, {});
  BOOST_TEST((read_update_state(file) == UpdateState{}));
  BOOST_TEST(names_in(directory.path()) == std::vector<std::string>{".converge.state"});
}

BOOST_AUTO_TEST_CASE(missing_file_is_an_empty_state) {
  const TempDir directory;
  BOOST_TEST((read_update_state(directory / "none") == UpdateState{}));
}

BOOST_AUTO_TEST_CASE(file_can_be_read_by_all_whatever_the_umask) {
  const TempDir directory;
  const auto file = directory / "state";
  const auto before = ::umask(0077);
  write_update_state(file, {});
  ::umask(before);
  BOOST_TEST((fs::status(file).permissions() == static_cast<fs::perms>(0644)));
}

BOOST_AUTO_TEST_CASE(what_a_newer_build_has_added_is_passed_over) {
  const TempDir directory;
  const auto state = read_update_state(directory.write(
      "state", R"({"installed_build": 5, "mood": ["good", {"a": null}], "floors": {"stable":
      {"seq": 3, "colour": "red"}}, "trial": {"build": 6, "more": 1.5}})"));
  BOOST_TEST(state.trouble == "");
  BOOST_TEST(state.installed_build == 5);
  BOOST_TEST((state.floors.at("stable") == Floors{.seq = 3, .build = 0}));
  BOOST_TEST((state.trial == Trial{.build = 6}));
}

BOOST_AUTO_TEST_CASE(what_is_no_state_is_an_empty_one_with_its_trouble) {
  const TempDir directory;
  const std::string deep(100'000, '[');
  for (const std::string& text :
       std::vector<std::string>{"",
                                " ",
                                "\n",
                                "null",
                                "true",
                                "7",
                                "\"x\"",
                                "[]",
                                "[{}]",
                                "{",
                                "}",
                                "{]",
                                "{\"a\"}",
                                "{\"a\":}",
                                "{\"a\":1,}",
                                std::string(10, '\0'),
                                "\xff\xfe\xfa",
                                deep,
                                "{\"x\":" + deep + "}",
                                std::string(2'000'000, ' ') + "{}",
                                R"({"installed_build": "5"})",
                                R"({"installed_build": -1})",
                                R"({"installed_build": 1.5})",
                                R"({"installed_build": true})",
                                R"({"installed_build": null})",
                                R"({"installed_build": 99999999999999999999})",
                                R"({"installed_build": 1e3})",
                                R"({"installed_build": [1]})",
                                R"({"floors": []})",
                                R"({"floors": 1})",
                                R"({"floors": null})",
                                R"({"floors": {"stable": 7}})",
                                R"({"floors": {"stable": {"seq": "7"}}})",
                                R"({"trial": []})",
                                R"({"trial": null})",
                                R"({"trial": {"build": "x"}})",
                                R"({"quarantined": {}})",
                                R"({"quarantined": [1]})",
                                R"({"quarantined": [{"build": 1, "why": 2}]})",
                                R"({"quarantined": [null]})",
                                R"({"last_check": "now"})",
                                R"({"last_check": {"etag": 7}})",
                                R"({"last_check": {"object": null}})"}) {
    const auto state = read_update_state(directory.write("state", text));
    BOOST_TEST(is_troubled(state), text.substr(0, 60) << ": " << state.trouble);
  }
}

BOOST_AUTO_TEST_CASE(trouble_names_the_file_and_the_reason) {
  const TempDir directory;
  const auto file = directory.write("state", R"({"installed_build": "5"})");
  BOOST_TEST(read_update_state(file).trouble ==
             file.string() + " is not a state of updates: installed_build is not a whole number");
}

BOOST_AUTO_TEST_CASE(file_cut_anywhere_is_trouble_and_a_changed_byte_is_no_crash) {
  const TempDir directory;
  const auto file = directory / "state";
  write_update_state(file, full_state());
  const auto text = tests::read_text(file);
  for (std::size_t size = 0; size + 2 < text.size(); ++size) {
    tests::write_text(file, text.substr(0, size));
    BOOST_TEST(is_troubled(read_update_state(file)), "cut at " << size);
  }
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char byte : {'\0', '"', '{', ']', '9', '\\', '\xff'}) {
      auto changed = text;
      changed[at] = byte;
      tests::write_text(file, changed);
      const auto state = read_update_state(file);
      BOOST_TEST((state.trouble.empty() || is_troubled(state)));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_regular_file_is_trouble_and_is_not_waited_for) {
  const TempDir directory;
  fs::create_directory(directory / "directory");
  BOOST_TEST(is_troubled(read_update_state(directory / "directory")));
  BOOST_REQUIRE(::mkfifo((directory / "fifo").c_str(), 0644) == 0);
  BOOST_TEST(is_troubled(read_update_state(directory / "fifo")));
  fs::create_symlink("nowhere", directory / "link");
  BOOST_TEST(is_troubled(read_update_state(directory / "link")));
}

BOOST_AUTO_TEST_CASE(full_disk_leaves_the_old_state_and_nothing_else) {
  const TempDir directory;
  const auto file = directory / "state";
  write_update_state(file, full_state());
  auto larger = full_state();
  larger.last_check->object = std::string(60'000, 'x');
  {
    const tests::FileSizeLimit limit(4096);
    BOOST_CHECK_EXCEPTION(write_update_state(file, larger), Error, [&](const Error& error) {
      return error.kind() == ErrorKind::failure &&
             error.what() == "cannot write " + file.string() + ": file too large";
    });
  }
  BOOST_TEST((read_update_state(file) == full_state()));
  BOOST_TEST(names_in(directory.path()) == std::vector<std::string>{"state"});
}

BOOST_AUTO_TEST_CASE(killed_at_every_call_it_is_the_old_state_or_the_new_one) {
  const TempDir directory;
  const auto file = directory / "state";
  const auto old_state = full_state();
  UpdateState new_state;
  new_state.installed_build = 200;
  int olds = 0;
  int news = 0;
  for (int nth = 1;; ++nth) {
    write_update_state(file, old_state);
    const auto outcome = tests::kill_at_call(nth, [&] { write_update_state(file, new_state); });
    const auto found = read_update_state(file);
    BOOST_TEST((found == old_state || found == new_state), "killed at call " << nth);
    ++(found == old_state ? olds : news);
    if (!outcome.killed) {
      BOOST_TEST(outcome.effects == (std::vector<std::string>{"fsync", "rename", "fsync"}));
      break;
    }
  }
  BOOST_TEST(olds >= 5);  // Make, mode, write, sync, rename.
  BOOST_TEST(news >= 3);  // Open, sync and close of the directory.
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::updater
