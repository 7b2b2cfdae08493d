#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace converge::tests;

struct Configuration : Cli {
  Configuration() {
    define("archive", archiver(""));
    add_accounts(2);
    archive_accounts();
  }

  std::filesystem::path configure(const std::string& text) const {
    return directory.write("converge.toml", text);
  }

  void require_refused(const std::string& text, const std::string& place_and_message,
                       const std::string& hint) {
    const auto file = configure(text);
    const auto result = call({"run"});
    BOOST_TEST_CONTEXT(text) {
      BOOST_TEST(result.status == 2);
      BOOST_TEST(result.out == "");
      BOOST_REQUIRE(lines(result.err).size() == 2u);
      BOOST_TEST(lines(result.err)[0] ==
                 "converge: error: " + file.string() + ":" + place_and_message);
      BOOST_TEST(lines(result.err)[1] == "converge: hint: " + hint);
    }
    BOOST_TEST(audited_rows() == "0");
    BOOST_TEST(!has_journal());
  }

  /// A directory with one converger of this name.
  std::string directory_with(const std::string& name) const {
    return directory.write(std::filesystem::path("of_" + name) / (name + ".sql"), archiver(""))
        .parent_path()
        .string();
  }
  std::string listed() const {
    std::string names;
    for (const auto& line : lines(call({"list", "-o", "json"}).out)) {
      names += member(line, "converger");
    }
    return names;
  }
};

BOOST_FIXTURE_TEST_SUITE(configuration, Configuration)

BOOST_AUTO_TEST_CASE(convergers_by_flag_before_environment_before_file) {
  const auto flag = directory_with("by_flag");
  const auto variable = directory_with("by_variable");
  configure("[convergers]\ndirectory = \"" + directory_with("by_file") + "\"\n");
  environment["CONVERGE_CONVERGERS"] = std::nullopt;
  BOOST_TEST(listed() == "by_file");
  environment["CONVERGE_CONVERGERS"] = variable;
  BOOST_TEST(listed() == "by_variable");
  BOOST_TEST(contains(call({"list", "--convergers", flag}).out, "by_flag"));
}

BOOST_AUTO_TEST_CASE(journal_by_flag_before_environment_before_file) {
  const auto named = [&](const std::string& name) { return (directory / name / "j.db").string(); };
  configure("[journal]\nfile = \"" + named("file") + "\"\n");
  environment["CONVERGE_JOURNAL"] = named("variable");
  BOOST_TEST(call({"run", "archive", "--journal", named("flag")}).status == 0);
  BOOST_TEST(std::filesystem::exists(named("flag")));
  BOOST_TEST(!std::filesystem::exists(named("variable")));
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(std::filesystem::exists(named("variable")));
  BOOST_TEST(!std::filesystem::exists(named("file")));
  environment["CONVERGE_JOURNAL"] = std::nullopt;
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(std::filesystem::exists(named("file")));
}

BOOST_AUTO_TEST_CASE(database_by_flag_before_environment_before_file) {
  const auto nowhere = [&](const std::string& name) {
    return "postgresql:///" + name + "?host=" + directory.path().string();
  };
  // What the server answers names the database that was asked for.
  const auto asked = [&](const Words& more) {
    Words words = {"check"};
    words.insert(words.end(), more.begin(), more.end());
    return call(words).err;
  };
  environment["PGHOST"] = cluster.socket_directory().string();
  environment["PGUSER"] = "postgres";
  environment["PGDATABASE"] = "by_libpq";
  const auto at_server = [&](const std::string& name) { return cluster.url(name); };
  configure("[database]\nurl = \"" + at_server("by_file") + "\"\n");
  environment["CONVERGE_DATABASE"] = at_server("by_variable");
  BOOST_TEST(contains(asked({"--database", at_server("by_flag")}), "\"by_flag\" does not exist"));
  BOOST_TEST(contains(asked({}), "\"by_variable\" does not exist"));
  environment["CONVERGE_DATABASE"] = std::nullopt;
  BOOST_TEST(contains(asked({}), "\"by_libpq\" does not exist"));
  environment["PGDATABASE"] = std::nullopt;
  BOOST_TEST(contains(asked({}), "\"by_file\" does not exist"));
  configure("");
  environment["PGDATABASE"] = database;
  BOOST_TEST(call({"check"}).status == 0);
  // libpq's environment also fills in what the URL leaves open.
  BOOST_TEST(call({"check", "--database", "postgresql:///"}).status == 0);
  BOOST_TEST(call({"check", "--database", "dbname=" + database}).status == 0);
  BOOST_TEST(contains(asked({"--database", nowhere("x")}), directory.path().string()));
}

BOOST_AUTO_TEST_CASE(password_file_and_service_file_are_used) {
  const auto role = "filed_" + database;
  sql("create role " + role +
      " login in role needs_password password 'in the file';"
      "grant select, update on all tables in schema public to " +
      role);
  const auto host = cluster.socket_directory().string();
  const auto passwords = directory.write(".pgpass", "*:*:*:" + role + ":in the file\n");
  ::chmod(passwords.c_str(), 0600);
  const auto services = directory.write(
      "services", "[mine]\nhost=" + host + "\ndbname=" + database + "\nuser=" + role + "\n");
  environment["CONVERGE_DATABASE"] = std::nullopt;
  environment["PGSERVICEFILE"] = services.string();
  environment["PGSERVICE"] = "mine";
  environment["PGPASSFILE"] = passwords.string();
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(left_to_do() == "0");
}

BOOST_AUTO_TEST_CASE(named_file_by_flag_before_environment) {
  const auto good = configure("[convergers]\ndirectory = \"" + directory_with("good") + "\"\n");
  environment["CONVERGE_CONVERGERS"] = std::nullopt;
  environment["CONVERGE_CONFIG"] = (directory / "nowhere.toml").string();
  BOOST_TEST(contains(call({"list", "--config", good.string()}).out, "good"));
  const auto missing = call({"list"});
  BOOST_TEST(missing.status == 2);
  BOOST_TEST(missing.out == "");
  BOOST_TEST(contains(missing.err, "converge: error: cannot read " +
                                       (directory / "nowhere.toml").string() +
                                       ": no such file or directory"));
}

BOOST_AUTO_TEST_CASE(unknown_key_is_refused_with_its_place_and_the_nearest) {
  require_refused("[database]\nurl = \"x\"\n  lock_timeuot = \"1s\"\n",
                  "3:3: unknown key database.lock_timeuot", "Did you mean lock_timeout?");
  require_refused("\n[databse]\n", "2:2: unknown key databse", "Did you mean database?");
  require_refused("[journal]\npath = \"/x\"\n", "2:1: unknown key journal.path",
                  "Known are: file, keep.");
  require_refused("colour = true\n", "1:1: unknown key colour",
                  "Known are: convergers, daemon, database, http, journal, update, variables.");
}

BOOST_AUTO_TEST_CASE(value_of_the_wrong_kind_is_refused_with_its_place) {
  require_refused("[database]\nurl = 5\n", "2:7: the value must be a string",
                  "Put it in double quotes.");
  require_refused("[database]\nlock_timeout = \"soon\"\n", "2:16: not a duration",
                  R"(Write it as "500ms", "10s" or "1m30s".)");
  require_refused("[journal]\nkeep = \"forever\"\n", "2:8: not a duration",
                  R"(Write it as "500ms", "10s" or "1m30s".)");
  require_refused("[database]\nlock_timeout = \"0s\"\n", "2:16: not a duration",
                  R"(Write it as "500ms", "10s" or "1m30s".)");
  require_refused("[journal]\nfile = \"here.db\"\n", "2:8: the path must be absolute",
                  "Begin it with a slash.");
  require_refused("journal = \"/x\"\n", "1:11: journal must be a table",
                  "Write [journal] on a line of its own.");
}

BOOST_AUTO_TEST_CASE(mistake_in_the_daemons_settings_is_refused_with_its_place) {
  require_refused("[daemon]\nworker = 4\n", "2:1: unknown key daemon.worker",
                  "Did you mean workers?");
  require_refused("[daemon]\nworkers = 65\n", "2:11: not a whole number from 1 to 64",
                  "Write it without quotes.");
  require_refused("[daemon]\nlog = \"jsn\"\n", "2:7: unknown value jsn", "Did you mean json?");
}

BOOST_AUTO_TEST_CASE(invalid_toml_is_refused_with_its_place) {
  const auto file = configure("[database]\nurl = \"never closed\n");
  const auto result = call({"list"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(result.err.starts_with("converge: error: " + file.string() + ":2:"));
  BOOST_TEST(contains(result.err, "converge: hint: "));
}

BOOST_AUTO_TEST_CASE(file_that_others_can_write_is_refused) {
  const auto file = configure("[database]\n");
  ::chmod(file.c_str(), 0646);
  const auto result = call({"run"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(result.err == "converge: error: " + file.string() +
                               " is writable by others than its owner (mode 0646)\n"
                               "converge: hint: Run: chmod go-w " +
                               file.string() + "\n");
  BOOST_TEST(audited_rows() == "0");
  ::chmod(file.c_str(), 0644);
  ::chmod(directory.path().c_str(), 0775);
  const auto in_open_directory = call({"run"});
  BOOST_TEST(in_open_directory.status == 2);
  BOOST_TEST(contains(in_open_directory.err,
                      directory.path().string() + " is writable by others than its owner"));
  BOOST_TEST(audited_rows() == "0");
}

/// What an ordinary user has at home.
struct AtHome : Configuration {
  AtHome() {
    const auto readable = directory / "converge";
    std::filesystem::copy_file(binary, readable);
    binary = readable.string();
    std::filesystem::create_directory(home);
    environment["HOME"] = home.string();
    for (const char* name : {"CONVERGE_CONFIG", "CONVERGE_CONVERGERS", "CONVERGE_JOURNAL",
                             "CONVERGE_DATABASE", "XDG_CONFIG_HOME", "XDG_STATE_HOME"}) {
      environment[name] = std::nullopt;
    }
    prefix = as_nobody();
  }

  void write_configuration(const std::filesystem::path& at) {
    directory.write(at / "converge.toml", "[database]\nurl = \"" + url + "\"\n");
    directory.write(at / "convergers" / "archive.sql", archiver(""));
  }
  void give_away() {
    if (!prefix.empty()) {
      BOOST_REQUIRE(run_command({"chown", "-R", "nobody:", home.string()}).status == 0);
    }
  }

  std::filesystem::path home = directory / "home";
};

BOOST_FIXTURE_TEST_CASE(user_has_everything_at_home, AtHome) {
  write_configuration("home/.config/converge");
  give_away();
  const auto result = call({"run"});
  BOOST_TEST(result.status == 0, result.err);
  BOOST_TEST(left_to_do() == "0");
  BOOST_TEST(std::filesystem::exists(home / ".local/state/converge/journal.db"));
  BOOST_TEST(call({"journal"}).status == 0);
}

BOOST_FIXTURE_TEST_CASE(user_moves_it_with_xdg_variables, AtHome) {
  write_configuration("home/settings/converge");
  environment["XDG_CONFIG_HOME"] = (home / "settings").string();
  environment["XDG_STATE_HOME"] = (home / "state").string();
  give_away();
  const auto result = call({"run"});
  BOOST_TEST(result.status == 0, result.err);
  BOOST_TEST(left_to_do() == "0");
  BOOST_TEST(std::filesystem::exists(home / "state/converge/journal.db"));
  BOOST_TEST(!std::filesystem::exists(home / ".local"));
}

BOOST_FIXTURE_TEST_CASE(user_without_a_configuration_is_told_where_definitions_are_looked_for,
                        AtHome) {
  give_away();
  const auto result = call({"run"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(contains(result.err, (home / ".config/converge/convergers").string()));
  BOOST_TEST(contains(result.err, "converge: hint: Run: "));
  BOOST_TEST(contains(result.err, "Or name another with --convergers DIR"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
