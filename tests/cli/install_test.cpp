#include "tests/cli/fixture.h"
#include "tests/support/apart.h"
#include "tests/support/command.h"
#include "tests/support/temp_dir.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <sys/mount.h>
#include <sys/stat.h>
#include <vector>

namespace {

using namespace converge::tests;
using Paths = std::vector<std::filesystem::path>;
using Words = std::vector<std::string>;

/// `make install` of the binary under test, under a prefix of its own.
struct Installation {
  CommandResult make(const std::string& target) const {
    // Told that all is built: nothing is compiled by a test.
    return run_command(
        {"make", "--old-file=all", target, "VARIANT=" + variant(),
         "prefix=" + directory.path().string(), "unitdir=" + units().string(),
         "sysconfdir=" + (directory / "etc").string()},
        {.environment = {
             {"MAKEFLAGS", std::nullopt}, {"MAKELEVEL", std::nullopt}, {"DESTDIR", std::nullopt}}});
  }
  std::filesystem::path units() const { return directory / "units"; }

  /// Of the regular files below the prefix, in order.
  Paths files() const {
    Paths all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
      if (entry.is_regular_file()) all.push_back(entry.path());
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  static std::string source() {
    const char* binary = std::getenv("CONVERGE_BINARY");
    if (binary == nullptr) throw std::runtime_error("CONVERGE_BINARY is not set: use tests/run");
    return binary;
  }
  Words with_places(const std::string& command, const Words& more) const {
    Words words = {source(), command, "--prefix", directory.path()};
    if (command == "install") {
      words.insert(words.end(), {"--unitdir", units(), "--sysconfdir", directory / "etc"});
    }
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  /// From the binary under test, below the prefix.
  CommandResult run_install(const Words& more = {}, const std::string& command = "install") const {
    return run_command(with_places(command, more));
  }
  CommandResult install(const Words& more = {}) const {
    auto installed = run_install(more);
    BOOST_TEST_REQUIRE(installed.status == 0, installed.err);
    return installed;
  }
  /// The installed binary, which knows from the record where it is.
  CommandResult converge(Words words) const {
    words.insert(words.begin(), directory / "bin" / "converge");
    return run_command(words);
  }
  std::filesystem::path configuration() const {
    return directory / "etc" / "converge" / "converge.toml";
  }
  std::filesystem::path page() const {
    return directory / "share" / "man" / "man1" / "converge-update.1";
  }
  std::filesystem::path record() const { return directory / "share" / "converge" / "installed"; }
  /// As if another text of it had been installed.
  void forget(const std::filesystem::path& file) const {
    auto text = read_text(record());
    text.replace(text.find("  " + file.string()) - 4, 4, "0000");
    write_text(record(), text);
  }
  static std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  }

  static std::string variant() {
    const char* binary = std::getenv("CONVERGE_BINARY");
    if (binary == nullptr) throw std::runtime_error("CONVERGE_BINARY is not set: use tests/run");
    return std::filesystem::path(binary).parent_path().filename().string();
  }

  TempDir directory;
};

BOOST_FIXTURE_TEST_SUITE(installation, Installation)

BOOST_AUTO_TEST_CASE(systemd_has_nothing_to_say_about_the_units) {
  const auto installed = make("install");
  BOOST_REQUIRE_MESSAGE(installed.status == 0, installed.out << installed.err);
  std::vector<std::string> verify = {"systemd-analyze", "verify"};
  for (const char* unit : {"converged.service", "converge-run.service", "converge-run.timer",
                           "converge-update.service", "converge-update.timer"}) {
    BOOST_TEST(read_text(units() / unit).find("@bindir@") == std::string::npos, unit);
    verify.push_back((units() / unit).string());
  }
  const auto verified = run_command(verify);
  BOOST_TEST(verified.status == 0);
  BOOST_TEST(verified.out == "");
  BOOST_TEST(verified.err == "");
}

BOOST_AUTO_TEST_CASE(what_is_installed_runs_and_is_all_removed_again) {
  BOOST_REQUIRE(make("install").status == 0);
  const auto version = run_command({(directory / "bin" / "converge").string(), "--version"});
  BOOST_TEST(version.status == 0);
  BOOST_TEST(files().size() > 5u);
  const auto removed = make("uninstall");
  BOOST_TEST(removed.status == 0, removed.err);
  BOOST_TEST((files() == Paths{configuration()}));
  BOOST_TEST(make("install").status == 0);
  BOOST_TEST(converge({"uninstall", "--purge"}).status == 0);
  BOOST_TEST(files().empty());
}

BOOST_AUTO_TEST_CASE(units_are_exposed_to_less_than_two_point_zero) {
  install();
  for (const char* unit :
       {"converged.service", "converge-run.service", "converge-update.service"}) {
    const auto judged = run_command({"systemd-analyze", "security", "--offline=true",
                                     "--threshold=19", "--no-pager", (units() / unit).string()});
    BOOST_TEST(judged.status == 0, unit << ": " << judged.out.substr(judged.out.rfind("exposure")));
    // An update that is taken back, and the refresh after one, write these.
    const auto text = read_text(units() / unit);
    for (const auto& written : {directory / "bin", units(), directory / "share" / "man" / "man1"}) {
      BOOST_TEST((text.find(written.string()) != std::string::npos), unit << written);
    }
  }
}

BOOST_AUTO_TEST_CASE(systemd_takes_the_entries_for_users_and_directories) {
  install();
  const auto root = directory / "root";
  std::filesystem::create_directories(root / "etc");
  const auto lib = directory / "lib";
  const auto users = run_command({"systemd-sysusers", "--root=" + root.string(),
                                  (lib / "sysusers.d" / "converge.conf").string()});
  BOOST_TEST(users.status == 0, users.err);
  BOOST_TEST((read_text(root / "etc" / "passwd").find("\nconverge:") != std::string::npos ||
              read_text(root / "etc" / "passwd").starts_with("converge:")));
  const auto directories = run_command({"systemd-tmpfiles", "--create", "--root=" + root.string(),
                                        (lib / "tmpfiles.d" / "converge.conf").string()});
  BOOST_TEST(directories.status == 0, directories.err);
  const auto state = std::filesystem::status(root / "var" / "lib" / "converge");
  BOOST_TEST((state.permissions() == std::filesystem::perms::owner_all));
}

BOOST_AUTO_TEST_CASE(second_time_changes_nothing) {
  install();
  const auto before = std::filesystem::last_write_time(record());
  const auto again = converge({"install", "-o", "json"});
  BOOST_TEST(again.status == 0, again.err);
  BOOST_TEST(count(again.out, R"("done":"unchanged")") == count(again.out, "\n"));
  BOOST_TEST((std::filesystem::last_write_time(record()) == before));
  BOOST_TEST(converge({"install", "-q"}).out == "");
}

BOOST_AUTO_TEST_CASE(directory_of_definitions_is_there_and_goes_when_it_is_empty) {
  const auto definitions = directory / "etc" / "converge" / "convergers";
  BOOST_TEST(contains(install({"--dry-run"}).out, "installed  " + definitions.string() + "/\n"));
  BOOST_TEST(!std::filesystem::exists(definitions));
  const auto said = run_apart([&] {
    ::umask(0077);
    return std::to_string(run_install().status);
  });
  BOOST_TEST(said == "0");
  BOOST_TEST((std::filesystem::status(definitions).permissions() == std::filesystem::perms(0755)));
  // Where all else is there already, too.
  std::filesystem::remove(definitions);
  converge({"install"});
  const auto listed =
      converge({"list", "--convergers", definitions, "--journal", directory / "journal.db"});
  BOOST_TEST(listed.status == 0, listed.err);
  write_text(definitions / "mine.sql", "mine");
  BOOST_TEST(converge({"uninstall", "--purge"}).status == 0);
  BOOST_TEST((files() == Paths{definitions / "mine.sql"}));
  install();
  std::filesystem::remove(definitions / "mine.sql");
  BOOST_TEST(converge({"uninstall", "--purge"}).status == 0);
  BOOST_TEST(!std::filesystem::exists(directory / "etc" / "converge"));
}

BOOST_AUTO_TEST_CASE(record_is_one_that_sha256sum_checks) {
  install();
  const auto checked = run_command({"sha256sum", "--strict", "--quiet", "-c", record()});
  BOOST_TEST(checked.status == 0, checked.out << checked.err);
}

BOOST_AUTO_TEST_CASE(dry_run_says_all_and_does_nothing) {
  const auto dry = install({"--dry-run"});
  BOOST_TEST(count(dry.out, "installed  ") > 20);
  BOOST_TEST(files().empty());
  install();
  const auto there = files();
  BOOST_TEST(count(converge({"uninstall", "--dry-run"}).out, "removed  ") > 20);
  BOOST_TEST((files() == there));
}

BOOST_AUTO_TEST_CASE(what_was_edited_is_kept_and_the_new_one_put_beside_it) {
  install();
  write_text(page(), "mine\n");
  write_text(configuration(), "# mine\n");
  const auto again = converge({"install", "-q"});
  BOOST_TEST(again.status == 0);
  BOOST_TEST(read_text(page()) == "mine\n");
  BOOST_TEST(read_text(page().string() + ".new").starts_with(".Dd"));
  // It is the one that was installed before, so that there is no news in it.
  BOOST_TEST(read_text(configuration()) == "# mine\n");
  BOOST_TEST(!std::filesystem::exists(configuration().string() + ".new"));
  BOOST_TEST(count(again.out, "kept ") == 2);
  BOOST_TEST(converge({"install", "--force"}).status == 0);
  BOOST_TEST(read_text(page()).starts_with(".Dd"));
  BOOST_TEST(read_text(configuration()) == "# mine\n");
}

BOOST_AUTO_TEST_CASE(doctor_tells_what_is_not_of_this_build) {
  install();
  const auto told = [&] {
    for (const auto& line : lines(converge({"doctor"}).out)) {
      if (contains(line, " files: ")) return line;
    }
    return std::string();
  };
  BOOST_TEST(contains(told(), "that converge install put in place are those of this build"));
  const auto unit = units() / "converged.service";
  const auto text = read_text(unit);
  write_text(unit, text + "Nice=5\n");
  BOOST_TEST(contains(told(), "warning  files: " + unit.string() + " was edited. Keep what is"));
  std::filesystem::remove(page());
  const auto both = converge({"doctor"}).out;
  BOOST_TEST(contains(both, unit.string() + " was edited"), both);
  BOOST_TEST(contains(both, page().string() + " is not what this build has"), both);
  write_text(unit, text);
  BOOST_TEST(contains(told(), page().string() + " is not what this build has. Run: sudo converge"));
  converge({"install"});
  BOOST_TEST(contains(told(), "ok       files: "));
}

BOOST_AUTO_TEST_CASE(configuration_that_was_removed_stays_so) {
  install();
  std::filesystem::remove(configuration());
  std::filesystem::remove(page());
  BOOST_TEST(converge({"install"}).status == 0);
  BOOST_TEST(!std::filesystem::exists(configuration()));
  BOOST_TEST(std::filesystem::exists(page()));
}

BOOST_AUTO_TEST_CASE(news_in_the_sample_come_beside_an_edited_configuration) {
  install();
  write_text(configuration(), "# mine\n");
  forget(configuration());
  BOOST_TEST(converge({"install"}).status == 0);
  BOOST_TEST(read_text(configuration()) == "# mine\n");
  BOOST_TEST(read_text(configuration().string() + ".new").starts_with("# The configuration"));
}

BOOST_AUTO_TEST_CASE(symbolic_links_are_neither_followed_nor_replaced) {
  std::filesystem::create_directories(page().parent_path());
  write_text(directory / "victim", "mine\n");
  std::filesystem::create_symlink(directory / "victim", page());
  install();
  BOOST_TEST(std::filesystem::is_symlink(page()));
  BOOST_TEST(read_text(directory / "victim") == "mine\n");
  BOOST_TEST(converge({"uninstall"}).status == 0);
  BOOST_TEST(read_text(directory / "victim") == "mine\n");
}

BOOST_AUTO_TEST_CASE(directory_that_others_can_write_is_refused) {
  std::filesystem::create_directories(page().parent_path());
  std::filesystem::permissions(directory / "share", std::filesystem::perms::all);
  const auto refused = run_install();
  BOOST_TEST(refused.status == 2);
  BOOST_TEST((refused.err.find("others could exchange") != std::string::npos), refused.err);
  BOOST_TEST(files().empty());
}

BOOST_AUTO_TEST_CASE(user_without_rights_changes_nothing_and_is_told_of_the_way_out) {
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  const auto said = run_apart([&] {
    become_user(65534);
    const auto refused = run_install();
    return std::to_string(refused.status) + refused.err;
  });
  BOOST_TEST(said.starts_with("1"), said);
  BOOST_TEST((said.find("permission denied") != std::string::npos), said);
  BOOST_TEST((said.find("Nothing was changed. Run it with sudo") != std::string::npos), said);
  BOOST_TEST(files().empty());
}

BOOST_AUTO_TEST_CASE(read_only_file_system_changes_nothing) {
  const auto said = run_apart([&] {
    take_private_mounts();
    mount_at("tmpfs", directory.path(), "tmpfs", MS_RDONLY);
    const auto refused = run_install();
    return std::to_string(refused.status) + refused.err;
  });
  BOOST_TEST(said.starts_with("1"), said);
  BOOST_TEST((said.find("read-only file system") != std::string::npos), said);
}

BOOST_AUTO_TEST_CASE(full_file_system_gets_nothing_and_keeps_what_it_has) {
  const auto said = run_apart([&] {
    take_private_mounts();
    mount_at("tmpfs", directory.path(), "tmpfs", 0, "size=1m,mode=755");
    write_text(directory / "mine", "mine");
    const auto refused = run_install();
    std::string text = std::to_string(refused.status) + refused.err;
    for (const auto& file : files()) text += file.string();
    return text + (std::filesystem::exists(directory / "share") ? " left" : " clean");
  });
  BOOST_TEST(said.starts_with("1"), said);
  BOOST_TEST((said.find("no space left on device") != std::string::npos), said);
  BOOST_TEST(said.ends_with((directory / "mine").string() + " clean"), said);
}

BOOST_AUTO_TEST_CASE(uninstall_keeps_what_was_edited_and_refuses_while_a_unit_is_enabled) {
  install();
  write_text(page(), "mine\n");
  const auto wants = directory / "etc" / "systemd" / "system" / "multi-user.target.wants";
  std::filesystem::create_directories(wants);
  std::filesystem::create_symlink(units() / "converged.service", wants / "converged.service");
  const auto refused = converge({"uninstall"});
  BOOST_TEST(refused.status == 2);
  BOOST_TEST((refused.err.find("systemctl disable --now converged.service") != std::string::npos));
  std::filesystem::remove(wants / "converged.service");
  BOOST_TEST(converge({"uninstall"}).status == 0);
  BOOST_TEST((files() == Paths{configuration(), page()}));
  BOOST_TEST(run_install({"--dry-run"}, "uninstall").status == 2);
}

BOOST_AUTO_TEST_CASE(destdir_goes_before_paths_and_into_no_file) {
  const auto staged =
      run_command({source(), "install", "--destdir", directory.path(), "--prefix", "/opt/c", "-q"});
  BOOST_TEST(staged.status == 0, staged.err);
  BOOST_TEST(std::filesystem::exists(directory / "etc" / "converge" / "converge.toml"));
  for (const auto& file : files()) {
    if (file.filename() == "converge") continue;
    BOOST_TEST((read_text(file).find(directory.path().string()) == std::string::npos), file);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
