#include "tests/cli/fixture.h"
#include "tests/support/apart.h"
#include "tests/support/certificates.h"
#include "tests/support/terminal.h"

#include <boost/algorithm/string/replace.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <pwd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace converge::tests;

constexpr const char* kQuestion = "Go on? [y/N] ";
constexpr const char* kNot = "converge: error: not confirmed, so nothing was done\n";

/// What a terminal shows, without the ends of its lines.
std::string unbroken(const std::string& screen) {
  return boost::replace_all_copy(screen, "\n  ", " ");
}

/// A person at a terminal.
struct Bastion : Cli {
  Bastion() {
    define("archive", archiver(""));
    add_accounts(2);
    archive_accounts();
  }

  Words words(const Words& arguments) const {
    Words all = {binary};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }

  std::string place() const {
    return "database " + database + " at " + cluster.socket_directory().string() +
           ":5432 as postgres (PostgreSQL 15.";
  }

  /// That an answer to the question of `run` means no.
  void require_no(const std::string& typed) const {
    Terminal terminal(words({"run"}), environment);
    BOOST_REQUIRE(terminal.shows(kQuestion));
    terminal.type(typed);
    BOOST_TEST_CONTEXT(terminal.screen()) {
      BOOST_TEST(terminal.wait() == 2);
      BOOST_TEST(contains(terminal.screen(), kNot));
      BOOST_TEST(contains(terminal.screen(), "converge: hint: Answer y, or say --yes"));
    }
    BOOST_TEST(audited_rows() == "0");
    BOOST_TEST(!has_journal());
  }

  /// A converger that its limit holds.
  void hold() {
    define("archive", archiver("-- limit: 1\n"));
    BOOST_REQUIRE(call({"run"}).status == 3);
  }
  std::string releases() const {
    return ask_journal("select count(*) from entry where kind = 8") + " " +
           ask_journal("select released from hold");
  }
};

BOOST_FIXTURE_TEST_SUITE(bastion, Bastion)

BOOST_AUTO_TEST_CASE(run_of_what_is_due_asks_on_a_terminal) {
  Terminal terminal(words({"run"}), environment);
  BOOST_REQUIRE(terminal.shows(kQuestion));
  BOOST_TEST(unbroken(terminal.screen()).starts_with("converge: " + place()), terminal.screen());
  BOOST_TEST(contains(terminal.screen(), "about to run 1 converger that is due: archive\n"),
             terminal.screen());
  BOOST_TEST(audited_rows() == "0");
  BOOST_TEST(!has_journal());
  terminal.type("y\n");
  BOOST_TEST(terminal.wait() == 0);
  BOOST_TEST(left_to_do() == "0");
}

BOOST_AUTO_TEST_CASE(anything_but_yes_means_no) {
  require_no("\n");
  require_no("n\n");
  require_no("yess\n");
}

BOOST_AUTO_TEST_CASE(interrupt_means_no) { require_no("\x03"); }

BOOST_AUTO_TEST_CASE(end_of_input_means_no) { require_no("\x04"); }

BOOST_AUTO_TEST_CASE(yes_is_not_asked_and_told_the_database) {
  Terminal terminal(words({"run", "--yes"}), environment);
  BOOST_TEST(terminal.wait() == 0);
  BOOST_TEST(unbroken(terminal.screen()).starts_with("converge: " + place()), terminal.screen());
  BOOST_TEST(!contains(terminal.screen(), kQuestion));
  BOOST_TEST(left_to_do() == "0");
}

BOOST_AUTO_TEST_CASE(run_by_name_does_not_ask) {
  Terminal terminal(words({"run", "archive"}), environment);
  BOOST_TEST(terminal.wait() == 0);
  BOOST_TEST(unbroken(terminal.screen()).starts_with("converge: " + place()), terminal.screen());
  BOOST_TEST(!contains(terminal.screen(), kQuestion));
  BOOST_TEST(left_to_do() == "0");
}

BOOST_AUTO_TEST_CASE(quiet_run_tells_no_database_and_still_asks) {
  Terminal named(words({"run", "archive", "-q"}), environment);
  BOOST_TEST(named.wait() == 0);
  BOOST_TEST(!contains(named.screen(), "database"), named.screen());
  dirty_again();
  Terminal all(words({"run", "-q"}), environment);
  all.type("n\n");
  // It was just run; and where nothing is due, nothing is asked.
  BOOST_TEST(all.wait() == 0);
  BOOST_TEST(!contains(all.screen(), kQuestion), all.screen());
}

BOOST_AUTO_TEST_CASE(scripts_are_neither_asked_nor_told) {
  // Standard output is no terminal, although there is one.
  Terminal terminal({"sh", "-c", binary + " run | cat"}, environment);
  BOOST_TEST(terminal.wait() == 0);
  BOOST_TEST(!contains(terminal.screen(), kQuestion), terminal.screen());
  BOOST_TEST(left_to_do() == "0");
  dirty_again();
  const auto result = call({"run", "archive"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.err == "");
}

BOOST_AUTO_TEST_CASE(plan_does_not_ask) {
  Terminal terminal(words({"plan"}), environment);
  BOOST_TEST(terminal.wait() == 0);
  BOOST_TEST(!contains(terminal.screen(), kQuestion), terminal.screen());
}

BOOST_AUTO_TEST_CASE(release_asks_on_a_terminal) {
  hold();
  const auto digest = ask_journal("select digest from hold");
  Terminal no(words({"release", "archive", digest}), environment);
  BOOST_REQUIRE(no.shows(kQuestion));
  BOOST_TEST(contains(unbroken(no.screen()), place()), no.screen());
  BOOST_TEST(contains(unbroken(no.screen()),
                      "about to let the next pass of archive correct exactly the set " + digest +
                          " (2 inconsistencies, limit 1)"),
             no.screen());
  no.type("\n");
  BOOST_TEST(no.wait() == 2);
  BOOST_TEST(contains(no.screen(), kNot), no.screen());
  BOOST_TEST(releases() == "0 0");
  Terminal yes(words({"release", "archive", digest}), environment);
  BOOST_REQUIRE(yes.shows(kQuestion));
  yes.type("yes\n");
  BOOST_TEST(yes.wait() == 0);
  BOOST_TEST(releases() == "1 1");
}

BOOST_AUTO_TEST_CASE(release_without_a_question) {
  hold();
  Terminal yes(words({"release", "archive", "--yes"}), environment);
  BOOST_TEST(yes.wait() == 0);
  BOOST_TEST(!contains(yes.screen(), kQuestion), yes.screen());
  BOOST_TEST(releases() == "1 1");
  Terminal again(words({"release", "nothing"}), environment);
  BOOST_TEST(again.wait() == 2);  // What there is not is not asked for.
  BOOST_TEST(!contains(again.screen(), kQuestion), again.screen());
}

BOOST_AUTO_TEST_CASE(release_shows_a_database_that_does_not_answer) {
  hold();
  environment["CONVERGE_DATABASE"] = "host=/nowhere dbname=x password=sesame";
  Terminal terminal(words({"release", "archive"}), environment);
  BOOST_REQUIRE(terminal.shows(kQuestion));
  BOOST_TEST(contains(terminal.screen(), "converge: the database does not answer: cannot connect"),
             terminal.screen());
  BOOST_TEST(!contains(terminal.screen(), "sesame"));
  terminal.type("\x04");
  BOOST_TEST(terminal.wait() == 2);
}

BOOST_AUTO_TEST_CASE(password_file_and_service_file_are_honoured) {
  const auto role = "keeper_" + database;
  sql("create role " + role + " login superuser password 'sesame' in role needs_password");
  const auto server = cluster.socket_directory().string();
  environment["CONVERGE_DATABASE"] = "service=shop";
  environment["PGSERVICEFILE"] =
      directory
          .write("services",
                 "[shop]\nhost=" + server + "\ndbname=" + database + "\nuser=" + role + "\n")
          .string();
  const auto refused = call({"run", "archive"});
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(contains(refused.err, "converge: hint: Put the password into ~/.pgpass"), refused.err);
  const auto file = directory.write(".pgpass", "*:*:*:" + role + ":sesame\n");
  ::chmod(file.c_str(), 0600);
  environment["PGPASSFILE"] = file.string();
  Terminal terminal(words({"run", "archive"}), environment);
  BOOST_TEST(terminal.wait() == 0);
  BOOST_TEST(contains(unbroken(terminal.screen()), "as " + role + " (PostgreSQL 15."),
             terminal.screen());
  BOOST_TEST(!contains(terminal.screen(), "sesame"));
  BOOST_TEST(left_to_do() == "0");
  // The variable that libpq has for it does as well.
  dirty_again();
  environment.erase("CONVERGE_DATABASE");
  environment["PGSERVICE"] = "shop";
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(left_to_do() == "0");
  sql("drop role " + role);
}

BOOST_AUTO_TEST_CASE(actor_is_the_person_behind_sudo) {
  BOOST_REQUIRE(::geteuid() == 0);
  const auto rules = directory.write("sudoers",
                                     "games ALL=(ALL) NOPASSWD: ALL\n"
                                     "Defaults !requiretty, env_keep += \"CONVERGE_* "
                                     "HOME PATH LD_LIBRARY_PATH\"\n");
  ::chmod(rules.c_str(), 0440);
  for (const auto* place : {"state-root", "state-nobody"}) {
    std::filesystem::create_directory(directory / place);
    ::chmod((directory / place).c_str(), 0700);
  }
  const auto* nobody = ::getpwnam("nobody");
  BOOST_REQUIRE(::chown((directory / "state-nobody").c_str(), nobody->pw_uid, nobody->pw_gid) == 0);
  ::chown((directory / "converge.toml").c_str(), 0, 0);
  const auto paused_by = [&](const std::string& user) {
    auto place = environment;
    place["CONVERGE_JOURNAL"] = (directory / ("state-" + user) / "journal.db").string();
    const auto said = run_apart([&] {
      take_private_mounts();
      mount_at(rules.c_str(), "/etc/sudoers", nullptr, MS_BIND);
      const auto result =
          run_command({"setpriv", "--reuid=games", "--regid=games", "--clear-groups", "sudo", "-n",
                       "-u", user, binary, "pause", "--all", "--reason", "x", "-o", "json"},
                      {.environment = place});
      return result.err + std::to_string(result.status);
    });
    BOOST_TEST(said == "0");
    return run_command(
               {"sqlite3", "-readonly", *place["CONVERGE_JOURNAL"], "select actor from pause"})
        .out;
  };
  BOOST_TEST(paused_by("root") == "games\n");
  BOOST_TEST(paused_by("nobody") == "games\n");
}

BOOST_AUTO_TEST_CASE(actor_is_the_person_behind_ssh) {
  BOOST_REQUIRE(::geteuid() == 0);
  const auto* games = ::getpwnam("games");
  environment["SUDO_USER"] = "nobody";
  const auto said = run_apart([&] {
    // As pam_loginuid(8) does when somebody logs in; neither su nor sudo -i changes it.
    write_text("/proc/self/loginuid", std::to_string(games->pw_uid));
    const auto result = call({"pause", "--all", "--reason", "x", "-o", "json"});
    return result.err + std::to_string(result.status);
  });
  BOOST_TEST(said == "0");
  BOOST_TEST(ask_journal("select actor from pause") == "games");
}

BOOST_AUTO_TEST_CASE(name_in_the_environment_deceives_nobody) {
  prefix = as_nobody();
  BOOST_REQUIRE(!prefix.empty());
  environment["SUDO_USER"] = "games";
  const auto state = directory / "state-nobody";
  std::filesystem::create_directory(state);
  const auto* nobody = ::getpwnam("nobody");
  BOOST_REQUIRE(::chown(state.c_str(), nobody->pw_uid, nobody->pw_gid) == 0);
  environment["CONVERGE_JOURNAL"] = (state / "journal.db").string();
  const auto result = call({"pause", "--all", "--reason", "x"});
  BOOST_TEST(result.status == 0, result.err);
  BOOST_TEST(run_command({"sqlite3", "-readonly", (state / "journal.db").string(),
                          "select actor from pause"})
                 .out == "nobody\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
