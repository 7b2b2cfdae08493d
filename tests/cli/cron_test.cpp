#include "tests/cli/fixture.h"
#include "tests/support/apart.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <functional>
#include <set>
#include <stdexcept>
#include <sys/mount.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace converge::tests;

/// Keeps each mail in a file of its own, named by the moment.
constexpr const char* kMailer = R"sh(#!/bin/sh
cat > "$MAILS/$$.tmp" && mv "$MAILS/$$.tmp" "$MAILS/$$.mail"
)sh";

/// A real cron(8), in mounts of its own, with a crontab and a mail program of the test's.
class Cron : public Cli {
 public:
  Cron() {
    add_accounts(3);
    archive_accounts();
    // What cron starts has nothing but what its crontab says.
    environment.erase("LC_ALL");
  }

 protected:
  /// A line of the crontab, for every minute; it leaves its exit status in a file.
  std::string line(const std::string& name, const std::string& arguments,
                   const std::string& convergers_of = "convergers") const {
    return "* * * * * CONVERGE_CONVERGERS=" + (directory / convergers_of).string() +
           " CONVERGE_JOURNAL=" + (directory / ("state-" + name) / "journal.db").string() + " " +
           binary + " " + arguments + "; s=$?; echo \"" + name + " $s\" >> " +
           (directory / "statuses").string() + "\n";
  }

  /// Lets cron see one minute begin, and waits until so many lines have ended; the exit statuses.
  std::vector<std::string> run(const std::string& crontab, std::size_t count) const {
    run_until([&] { return statuses().size() >= count; }, crontab);
    return statuses();
  }

  /// The same, with a file of /etc/cron.d that calls what is in /usr/local/bin.
  void run_until(const std::function<bool()>& condition, const std::string& crontab,
                 const std::string& system_file = "") const {
    const auto said = run_apart([&] {
      prepare(crontab);
      put_system_file(system_file);
      const auto cron = start();
      const auto ended = eventually(condition);
      // Its mails come when a line has ended, in a moment.
      std::this_thread::sleep_for(std::chrono::seconds(2));
      cron->kill(SIGTERM);
      cron->wait();
      return std::string(ended ? "ended" : "late: ") + (ended ? "" : cron->err() + cron->out());
    });
    BOOST_TEST(said == "ended");
  }

  /// The mail of the line whose command contains the text; empty when there is none.
  std::string mail_of(const std::string& part) const {
    std::string found;
    for (const auto& entry : std::filesystem::directory_iterator(directory / "mails")) {
      const auto mail = read_text(entry.path());
      const auto subject = mail.find("\nSubject:");
      if (subject == std::string::npos) continue;
      if (contains(mail.substr(subject, mail.find('\n', subject + 1) - subject), part))
        found += mail;
    }
    return found;
  }
  static std::string body_of(const std::string& mail) {
    const auto end = mail.find("\n\n");
    return end == std::string::npos ? "" : mail.substr(end + 2);
  }

 private:
  std::vector<std::string> statuses() const {
    const auto file = directory / "statuses";
    if (!std::filesystem::exists(file)) return {};
    auto all = lines(read_text(file));
    std::sort(all.begin(), all.end());
    return all;
  }

  /// In the child: what is /usr/sbin and /var/spool/cron to it is the test's.
  void prepare(const std::string& crontab) const {
    take_private_mounts();
    const auto real = directory / "sbin.real";
    const auto ours = directory / "sbin";
    for (const char* place : {"sbin.real", "sbin", "mails", "crontabs"}) {
      std::filesystem::create_directory(directory / place);
    }
    mount_at("/usr/sbin", real.string(), nullptr, MS_BIND);
    for (const auto& entry : std::filesystem::directory_iterator(real)) {
      std::filesystem::create_symlink(entry.path(), ours / entry.path().filename());
    }
    std::filesystem::remove(ours / "sendmail");
    auto mailer = std::string(kMailer);
    for (std::size_t at = 0; (at = mailer.find("$MAILS", at)) != std::string::npos;) {
      mailer.replace(at, 6, (directory / "mails").string());
    }
    write_text(ours / "sendmail", mailer);
    ::chmod((ours / "sendmail").c_str(), 0755);
    mount_at(ours.c_str(), "/usr/sbin", nullptr, MS_BIND);
    const auto table = directory / "crontabs" / "root";
    write_text(table, "SHELL=/bin/sh\nMAILTO=operator\nCONVERGE_CONFIG=" +
                          *environment.at("CONVERGE_CONFIG") + "\nCONVERGE_DATABASE=" + url +
                          "\nHOME=" + directory.path().string() + "\n" + crontab);
    ::chmod(table.c_str(), 0600);
    mount_at((directory / "crontabs").c_str(), "/var/spool/cron/crontabs", nullptr, MS_BIND);
    for (const char* others : {"/etc/cron.d", "/run"}) {
      mount_at("none", others, "tmpfs", 0);
    }
    write_text(directory / "nothing", "");
    mount_at((directory / "nothing").c_str(), "/etc/crontab", nullptr, MS_BIND);
  }

  void put_system_file(const std::string& text) const {
    std::filesystem::create_directory(directory / "local");
    std::filesystem::create_symlink(binary, directory / "local" / "converge");
    mount_at((directory / "local").c_str(), "/usr/local/bin", nullptr, MS_BIND);
    write_text("/etc/cron.d/converge", text);
    ::chmod("/etc/cron.d/converge", 0644);
  }

  /// Two seconds before a minute begins, by its clock: nobody waits for a real one.
  static std::unique_ptr<Command> start() {
    const auto now = ::time(nullptr);
    const auto ahead = (58 - now % 60 + 60) % 60;
    // Not by faketime(1), which would stay between, and leave cron behind when it is ended.
    return std::make_unique<Command>(
        Words{"cron", "-f"},
        CommandOptions{
            .environment = {{"LD_PRELOAD", library("faketime/libfaketime.so.1").string()},
                            {"FAKETIME", "+" + std::to_string(ahead) + "s"}}});
  }
};

/// What is indented, or between the requests of mdoc, from PATH= to the line that runs.
std::string documented_file(const std::string& page) {
  std::string file;
  for (const auto& one : lines(read_text(page))) {
    const auto text = one.substr(std::min(one.size(), one.find_first_not_of(' ')));
    if (file.empty() && !text.starts_with("PATH=")) continue;
    file += text + "\n";
    if (text.starts_with("* ")) return file;
  }
  throw std::runtime_error("no file for cron in " + page);
}

BOOST_FIXTURE_TEST_SUITE(cron, Cron)

BOOST_AUTO_TEST_CASE(mail_comes_when_something_happened_and_only_then) {
  BOOST_REQUIRE(::geteuid() == 0);
  define("archive", archiver(""));
  directory.write("idle/idle.sql",
                  "-- find:\nselect id from account where false;\n-- step: s\n"
                  "select id from subject;\n");
  directory.write("failing/failing.sql",
                  "-- find:\nselect id, email as label from account where id = 1;\n-- step: s\n"
                  "select id, 1 / (id - id) from subject;\n");
  directory.write("slow/slow.sql",
                  "-- find:\nselect id from account where id = 2;\n-- step: s\n"
                  "update account set name = 'renamed' from subject, (select pg_sleep(3)) p "
                  "where account.id = subject.id and name <> 'renamed' returning subject.id;\n");
  for (const char* place : {"idle", "failing", "slow"}) {
    ::chmod((directory / place).c_str(), 0755);
  }
  const auto ended =
      run(line("correcting", "run -q", "convergers") + line("idle", "run -q", "idle") +
              line("failing", "run -q", "failing") + line("first", "run -q slow", "slow") +
              line("second", "run -q slow", "slow"),
          5);
  BOOST_REQUIRE(ended.size() == 5u);
  BOOST_TEST(ended[0] == "correcting 0");
  BOOST_TEST(ended[1] == "failing 1");
  BOOST_TEST(ended[3] == "idle 0");
  // Of two that overlap, one does the work and the other goes its way.
  const std::set<std::string> both = {ended[2], ended[4]};
  const bool first_won = both == std::set<std::string>{"first 0", "second 75"};
  const bool second_won = both == std::set<std::string>{"first 75", "second 0"};
  BOOST_TEST((first_won || second_won), ended[2] + ", " + ended[4]);
  BOOST_TEST(left_to_do() == "0");

  const auto corrected = body_of(mail_of("state-correcting"));
  BOOST_TEST(corrected.starts_with("archive  converged: 3 of 3 subjects corrected"), corrected);
  const auto failed = body_of(mail_of("state-failing"));
  BOOST_TEST(contains(failed, "division by zero"), failed);
  BOOST_TEST(mail_of("state-idle") == "");
  BOOST_TEST(mail_of(first_won ? "state-second" : "state-first") == "");
  BOOST_TEST(contains(mail_of(first_won ? "state-first" : "state-second"), "slow"));
  for (const auto& mail : {corrected, failed}) {
    for (const auto& one : lines(mail)) {
      BOOST_TEST(one.size() <= 120u, one);
      BOOST_TEST((std::none_of(one.begin(), one.end(), [](unsigned char c) { return c < ' '; })),
                 one);
    }
  }
  BOOST_TEST(
      run_command({"sqlite3", "-readonly", (directory / "state-correcting" / "journal.db").string(),
                   "select distinct name from actor"})
          .out == "cron\n");
}

BOOST_AUTO_TEST_CASE(file_that_the_readme_shows_is_all_that_cron_needs) {
  BOOST_REQUIRE(::geteuid() == 0);
  define("archive", archiver(""));
  auto file = documented_file("README.md");
  BOOST_TEST(file == documented_file("man/converge-run.1"));
  const std::string example = "postgresql://app@db.example.com/app";
  BOOST_REQUIRE(contains(file, example));
  file.replace(file.find(example), example.size(), url);
  // Where a host has them, where nothing needs to be said of it.
  const auto places = "MAILTO=operator\nCONVERGE_CONFIG=" + *environment.at("CONVERGE_CONFIG") +
                      "\nCONVERGE_CONVERGERS=" + convergers.string() +
                      "\nCONVERGE_JOURNAL=" + journal.string() + "\n";
  run_until([this] { return left_to_do() == "0"; }, "", places + file);
  const auto mail = mail_of("converge run -q");
  BOOST_TEST(body_of(mail).starts_with("archive  converged: 3 of 3 subjects corrected"), mail);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
