#include "tests/cli/fixture.h"
#include "tests/cli/publish_fixture.h"
#include "tests/cli/update_fixture.h"
#include "tests/support/command_page.h"

#include <boost/algorithm/string/replace.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <regex>

namespace {

using namespace converge::tests;

/// Examples that no test can run as they are, what stands for them, and why. An empty stand-in:
/// the shell has to be able to read them, and no more.
struct StandIn {
  std::string reason;
  std::string command;
};
const std::map<std::string, StandIn> kStandIns = {
    {"# systemctl enable --now converge-update.timer",
     {"no service manager runs here: it is enabled for a root directory of its own",
      "systemctl --quiet --root=ROOT enable converge-update.timer"}},
    {"$ systemctl status converged", {"no service manager runs here", ""}},
    {"$ converge check && sudo systemctl reload converged",
     {"no service manager runs here", "converge check && true"}},
    {"$ journalctl -u converged -p warning", {"the system's journal is not the test's", ""}},
    {"$ converge install --dry-run",
     {"its paths are the host's",
      "converge install --prefix ROOT --sysconfdir ROOT/etc --dry-run"}},
    {"$ sudo converge install",
     {"the test's host is not root's",
      "converge install --prefix ROOT --unitdir ROOT/units --sysconfdir ROOT/etc"}},
    {"$ sha256sum --quiet -c /usr/local/share/converge/installed",
     {"its paths are the host's", "sha256sum --quiet -c ROOT/share/converge/installed"}},
    {"$ converge install --prefix ~/.local",
     {"the home directory is not the test's",
      "XDG_CONFIG_HOME=ROOT converge install --prefix ROOT/own --sysconfdir ROOT/own/etc"}},
    {"$ sudo converge uninstall --purge",
     {"the test's host is not root's", "converge uninstall --prefix ROOT --purge"}},
    {"$ converge completion fish > ~/.config/fish/completions/converge.fish",
     {"the home directory is not the test's", "converge completion fish > fish"}},
    {"$ converge completion zsh > ~/.zfunc/_converge",
     {"the home directory is not the test's", "converge completion zsh > zsh"}},
    {"$ sudo converge update", {"the test's host is not root's", "converge update"}},
    {"$ sudo converge update --rollback",
     {"the test's host is not root's", "converge update --rollback"}},
};

std::vector<std::string> pages_with_examples() {
  std::vector<std::string> pages;
  for (const auto& entry : std::filesystem::directory_iterator("man")) {
    if (contains(read_text(entry.path()), "\n.Sh EXAMPLES\n")) {
      pages.push_back(entry.path().filename());
    }
  }
  std::sort(pages.begin(), pages.end());
  return pages;
}

/// Somebody who types what a page shows, line by line, in a directory with definitions and with a
/// database that has something to correct.
struct Typist : Cli {
  Typist() {
    define("archive_account", bundled());
    for (const char* file : {"archive_account.test.sql", "schema.sql"}) {
      const auto text = read_text(std::string("convergers/platform/") + file);
      directory.write(std::string("convergers/") + file, text);
    }
    for (const char* name : {"bin", "srv", "backup", "archive"}) {
      std::filesystem::create_directory(directory / name);
    }
    std::filesystem::create_symlink(std::filesystem::absolute(binary),
                                    directory / "bin" / "converge");
    use_path(directory / "bin");
    add_accounts(3);
    sql("insert into account (id, email, name) overriding system value "
        "values (42, 'alice@example.com', 'Alice');"
        "insert into cluster (account_id, name, region, plan) "
        "values (42, 'c', 'eu-west-1', 'starter')");
    archive_accounts("id = 42");
  }

  void use_path(const std::filesystem::path& first) {
    environment["PATH"] = first.string() + ":" + std::getenv("PATH");
  }

  /// The command as it is typed here: paths of a host are below the directory.
  std::string here(const std::string& typed) const {
    static const std::regex path(R"((^|[ ='"])/(srv|backup|archive)/)");
    const auto known = kStandIns.find(typed);
    // What root types is run only where it is known what it does.
    BOOST_TEST_REQUIRE(
        (known != kStandIns.end() || (typed.starts_with("$ ") && !contains(typed, "sudo "))),
        typed << ": who keeps this from changing the host?");
    std::string command = known == kStandIns.end() ? typed.substr(2) : known->second.command;
    boost::replace_all(command, "ROOT", (directory / "root").string());
    for (const auto& [word, other] : words) boost::replace_all(command, word, other);
    return std::regex_replace(command, path, "$1" + directory.path().string() + "/$2/");
  }

  Words shell(const std::string& command) const {
    return {"bash", "-c", "set -o pipefail\n" + command};
  }

  void type(const std::string& typed) {
    BOOST_TEST(run_command({"sh", "-n"}, {.input = typed.substr(2) + "\n"}).status == 0, typed);
    if (const auto known = before.find(typed); known != before.end()) known->second();
    const std::string command = here(typed);
    const auto ran =
        run_command(shell(command),
                    {.environment = environment, .input = input, .directory = directory.path()});
    BOOST_TEST(ran.status == 0, typed << "\n" << ran.out << ran.err);
    ++typed_;
  }

  /// A command that goes on until it is interrupted, which has to tell of the next correction.
  void follow(const std::string& typed) {
    Command command(shell("exec " + here(typed)),
                    {.environment = environment, .directory = directory.path()});
    correct("archive_account", "id = 1");
    BOOST_TEST(command.wait_for_output("archive_account"), typed << "\n" << command.err());
    command.kill(SIGINT);
    BOOST_TEST(command.wait().signal == SIGINT);
  }

  /// What the examples of some pages find besides.
  void prepare(const std::string& page);
  /// Those that settle what is unknown, let through what is held, and so on.
  void prepare_journal();
  void prepare_pause();
  void prepare_test();
  void prepare_publish();
  void prepare_new() const;

  /// Makes each correction of this account fail.
  void spoil(int account) const {
    sql(
        fmt::format("create or replace function spoil() returns trigger language plpgsql as $$ "
                    "begin raise 'spoilt'; end $$;"
                    "create trigger spoil before update on cluster for each row "
                    "when (new.account_id = {}) execute function spoil()",
                    account));
  }

  std::map<std::string, std::function<void()>> before;  ///< By command, what it finds.
  std::map<std::string, std::string> words;             ///< What stands here for words of the page.
  std::optional<std::string> input;
  int typed_ = 0;
};

void Typist::prepare_journal() {
  // What was corrected long ago.
  Environment long_ago = environment;
  long_ago["LD_PRELOAD"] = library("faketime/libfaketime.so.1").string();
  long_ago["FAKETIME"] = "-500d";
  long_ago["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
  BOOST_REQUIRE(run_command({binary, "run"}, {.environment = long_ago}).status == 0);
  sql("update cluster set archived_at = null where account_id = 42");
  BOOST_REQUIRE(call({"run", "archive_account"}).status == 0);
  before["$ converge journal --outcome unknown --kind txn"] = [this] {
    archive_accounts("id = 2");
    die_at("pass.after_append", {"run", "archive_account"});
    const auto txn = ask_journal("select seq from unsettled");
    tamper("update entry set detail = json_set(detail, '$.timeline', 99) where seq = " + txn);
    BOOST_REQUIRE(call({"run", "archive_account"}).status == 0);
    words["1234"] = txn;
  };
}

void Typist::prepare_pause() {
  define("archive_account", boost::replace_all_copy(bundled(), "limit: 500", "limit: 1"));
  archive_accounts("id = 1");
  before["$ converge release archive_account 1f0c9a7be2d34455"] = [this] {
    words["1f0c9a7be2d34455"] = member(lines(call({"list", "-o", "json"}).out).front(), "digest");
  };
  before["$ converge retry archive_account 42"] = [this] {
    sql("update cluster set archived_at = null where account_id = 42");
    spoil(42);
    define("deprovision_cluster", archiver(""));
    BOOST_REQUIRE(call({"run", "archive_account", "deprovision_cluster"}).status == 1);
  };
}

/// The pages' own tables, which are smaller.
void Typist::prepare_test() {
  directory.write("convergers/schema.sql",
                  "create table account (id bigint generated always as identity primary key, "
                  "email text not null, archived_at timestamptz);"
                  "create table cluster (id bigint generated always as identity primary key, "
                  "account_id bigint not null references account, archived_at timestamptz);");
  define("archive_account",
         "-- find:\nselect id from account where archived_at is not null;\n\n"
         "-- step: archive clusters\nupdate cluster set archived_at = now() from subject\n"
         "where cluster.account_id = subject.id and cluster.archived_at is null\n"
         "returning subject.id, cluster.id as cluster;\n");
  define("deprovision_cluster",
         "-- find:\nselect id from account;\n\n-- http: deprovision\n"
         "--   POST ${STATE_MACHINE}/{id}\n-- for: found\n-- repeat: 1h\n");
}

void Typist::prepare_publish() {
  std::filesystem::create_directories(directory / "build" / "release");
  std::filesystem::create_symlink(Publishing::binary(101), directory / "build/release/converge");
  std::filesystem::create_directory(directory / "srv" / "converge");
  words["--build 123"] = "--build 101";
  input = "a password\na password\n";
}

void Typist::prepare(const std::string& page) {
  if (page == "converge-journal.1") prepare_journal();
  if (page == "converge-pause.1") prepare_pause();
  if (page == "converge-test.1") prepare_test();
  if (page == "converge-publish.1") prepare_publish();
  if (page == "converge-new.1") prepare_new();
  const Words with_history = {"converge-why.1", "converge-status.1", "converge-doctor.1",
                              "converge-recovery.7", "converged.8"};
  if (std::find(with_history.begin(), with_history.end(), page) != with_history.end()) {
    correct("archive_account", "id = 1");
  }
  before["$ converge plan -q --exit-code archive_account && echo all is right"] = [this] {
    correct("archive_account", "id = 1");
  };
}

/// Tables whose rows the draft can guess, and no definition yet.
void Typist::prepare_new() const {
  std::filesystem::remove(convergers / "archive_account.sql");
  std::filesystem::remove(convergers / "archive_account.test.sql");
  sql("alter table cluster drop constraint cluster_region_check");
  auto schema = read_text(convergers / "schema.sql");
  boost::replace_all(schema, " check (region ~ '^[a-z]+-[a-z]+-[0-9]+$')", "");
  write_text(convergers / "schema.sql", schema);
}

/// With an update to be had.
struct UpdatingTypist : Typist {
  UpdatingTypist() {
    host.release(102);
    for (const auto& [name, value] : host.environment) environment[name] = value;
    environment["CONVERGE_JOURNAL"] = host.journal.string();
    environment["CONVERGE_CONVERGERS"] = (host.directory / "convergers").string();
    use_path(host.binary.parent_path());
    const auto units = directory.path() / "root/etc/systemd/system";
    std::filesystem::create_directories(units);
    for (const auto& file : std::filesystem::recursive_directory_iterator("src")) {
      const auto extension = file.path().extension();
      if (extension != ".timer" && extension != ".service") continue;
      std::filesystem::copy(file.path(), units / file.path().filename());
    }
  }

  UpdatedHost host;
};

void type_all(Typist& typist, const std::string& page) {
  const auto told = read_command_page("man/" + page);
  BOOST_TEST(told.unmarked_examples == 0, page << ": nothing runs a block of EXAMPLES");
  typist.prepare(page);
  for (const auto& [name, text] : told.example_files) typist.directory.write(name, text);
  for (const std::string& typed : told.examples) {
    if (contains(typed, "journal -f")) {
      typist.follow(typed);
    } else {
      typist.type(typed);
    }
  }
}

BOOST_AUTO_TEST_SUITE(examples)

BOOST_DATA_TEST_CASE(of_each_page_do_what_they_say, pages_with_examples(), page) {
  if (page == "converge-update.1") {
    UpdatingTypist typist;
    type_all(typist, page);
  } else {
    Typist typist;
    type_all(typist, page);
  }
}

BOOST_AUTO_TEST_CASE(stand_ins_are_of_examples_that_are_there) {
  CommandPage::Names typed;
  for (const auto& page : pages_with_examples()) {
    const auto told = read_command_page("man/" + page);
    typed.insert(told.examples.begin(), told.examples.end());
  }
  for (const auto& [command, stand_in] : kStandIns) BOOST_TEST(typed.contains(command), command);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
