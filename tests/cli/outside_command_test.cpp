#include "tests/cli/outside_fixture.h"
#include "tests/support/certificates.h"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <filesystem>
#include <map>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace converge::tests;

const std::string kFound = "-- for: found\n-- repeat: 1h\n";

struct OutsideCommand : Outside {
  void configure_http(const std::string& setting) {
    environment["CONVERGE_CONFIG"] =
        directory.write("converge.toml", variables + "[http]\n" + setting + "\n").string();
  }
  /// That `check` refuses the section: where, why and with a hint.
  void require_refused(const std::string& section, const std::string& line_and_column,
                       const std::string& message) const {
    const auto file = define("bad", "-- find:\nselect 1 as id;\n" + section + kFound);
    const auto result = call({"check", "bad"});
    BOOST_TEST_CONTEXT(result.err) {
      BOOST_TEST(result.status == 1);
      const auto told = lines(result.err);
      BOOST_TEST_REQUIRE(told.size() >= 2U);
      BOOST_TEST(told[0] ==
                 "converge: error: " + file.string() + ":" + line_and_column + ": " + message);
      BOOST_TEST(told.back().starts_with("converge: hint: "));
    }
  }
};

BOOST_FIXTURE_TEST_SUITE(outside_command, OutsideCommand)

BOOST_AUTO_TEST_CASE(check_refuses_what_cannot_be_sent) {
  require_refused("-- http: a\n--   POST http://h/{nobody}\n", "4:20",
                  "http a: find returns no column nobody");
  require_refused("-- http: a\n--   POST http://h/\n--   X: ${NOT_SET}\n", "5:9",
                  "http a: variable NOT_SET is not set");
  require_refused("-- exec: a\n--   true\n-- environment: NOT_SET\n", "5:17",
                  "exec a: variable NOT_SET is not set");
  require_refused("-- http: a\n--   FETCH http://h/{id}\n", "4:6", "not a method: FETCH");
  require_refused("-- http: a\n--   POST http://{id}/x\n", "4:18",
                  "a column cannot stand before the path of a URL");
  require_refused("-- http: a\n--   POST http://h/\n--\n--   {\"id\": {id}}\n", "6:13",
                  "the body has a column, and the request no Content-Type");
  BOOST_TEST(service.log().empty());
}

BOOST_AUTO_TEST_CASE(check_warns_of_a_program_that_is_not_there) {
  const auto file =
      define("bad", "-- find:\nselect 1 as id;\n-- exec: a\n--   /no/such {id}\n" + kFound);
  const auto result = call({"check", "bad"});
  BOOST_TEST(result.status == 0);
  BOOST_TEST(result.err == "converge: warning: " + file.string() +
                               ":4:6: exec a: on this host there is no program /no/such that may "
                               "be run\n");
  const auto plain = directory.write("plain", "#!/bin/sh\n");
  std::filesystem::permissions(plain, std::filesystem::perms{0644});
  define("bad", "-- find:\nselect 1 as id;\n-- exec: a\n--   " + plain.string() + "\n" + kFound);
  BOOST_TEST(contains(call({"check", "bad", "-o", "json"}).out, "that may be run\"]"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_used_for_requests_is_a_mistake_of_the_configuration) {
  define_archive();
  const auto config = (directory / "converge.toml").string();
  const auto place = config + ":4:";
  const auto empty = directory.write("empty.pem", "").string();
  for (const auto& [setting, message] : std::map<std::string, std::string>{
           {"ca_file = \"/no/such.pem\"", "11: ca_file under [http]: /no/such.pem: no such file"},
           {"ca_file = \"" + empty + "\"", "11: ca_file under [http]: " + empty + ": "},
           {"proxy = \"http://me:pass@:x\"", "9: proxy under [http]: the proxy is not of the form"},
       }) {
    configure_http(setting);
    for (const std::string command : {"run", "check", "plan", "list", "status", "show archive"}) {
      std::vector<std::string> arguments = {command.substr(0, command.find(' '))};
      if (command.find(' ') != std::string::npos) arguments.emplace_back("archive");
      const auto result = call(arguments);
      BOOST_TEST_CONTEXT(command << ": " << result.err) {
        BOOST_TEST(result.status == 2);
        BOOST_TEST(result.err.starts_with("converge: error: " + place + message));
        BOOST_TEST(!contains(result.err, "pass@"));
      }
    }
  }
  BOOST_TEST(!has_journal());
  configure_http("");
  environment["HTTPS_PROXY"] = "socks5://h";
  const auto result = call({"run"});
  BOOST_TEST(result.status == 2);
  BOOST_TEST(contains(result.err, "HTTPS_PROXY in the environment: the proxy is not one of"),
             result.err);
  // Where nothing is requested, nothing is wrong.
  define("archive", archiver(""));
  configure_http("ca_file = \"/no/such.pem\"");
  BOOST_TEST(call({"run"}).status == 0);
}

BOOST_AUTO_TEST_CASE(what_a_failed_program_printed_is_shown) {
  const auto script =
      directory.write("script", "#!/bin/sh\necho; echo 'no such account'; echo more; exit 3\n");
  std::filesystem::permissions(script, std::filesystem::perms{0755});
  define("archive", archiver("") + "-- exec: tell\n--   " + script.string() + " {id}\n");
  BOOST_TEST(call({"run", "archive"}).status == 1);
  for (const auto& told : {call({"why", "1"}).out, call({"journal"}).out}) {
    BOOST_TEST(contains(told, "it printed: no such account\n"), told);
    BOOST_TEST(!contains(told, "more"), told);
  }
}

BOOST_AUTO_TEST_CASE(configuration_says_how_requests_travel) {
  define_archive();
  configure_http("proxy = \"http://127.0.0.1:1\"");
  const auto result = call({"run", "archive"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, "127.0.0.1:1"), result.err);
  BOOST_TEST(service.log().empty());
}

BOOST_AUTO_TEST_CASE(configuration_says_whom_to_trust) {
  const Certificates certificates;
  certificates.sign("good", "localhost");
  const StateMachine secure(
      {"--cert", certificates.file("good.pem"), "--key", certificates.file("good.key")});
  environment["SERVICE"] = "https://localhost:" + std::to_string(secure.port());
  define_archive();
  const auto refused = call({"run", "archive"});
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(contains(refused.err, "signed by Test Authority, which is not trusted here"));
  BOOST_TEST(secure.log().empty());
  configure_http("ca_file = \"" + certificates.file("authority.pem") + "\"");
  BOOST_TEST(call({"retry", "archive", "--all"}).status == 0);
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(marked() == "3");
}

BOOST_AUTO_TEST_CASE(configuration_says_how_long_a_service_may_be_silent) {
  define_archive();
  configure_http("idle_timeout = \"90ms\"");
  service.fault("kind=slow&delay=60000&path=/accounts/2");
  const auto result = call({"run", "archive"});
  BOOST_TEST(result.status == 1);
  // The others as well where the machine is slow.
  BOOST_TEST(contains(result.err, "subject 2 (a2@example.com): step tell: stalled for 90ms"),
             result.err);
  BOOST_TEST(sql("select count(*) from mark where account_id = 2") == "0");
}

BOOST_AUTO_TEST_CASE(configuration_says_how_long_a_name_may_be_looked_up) {
  const auto hosts = directory / "hosts";  // Whoever opens it waits for somebody to write.
  BOOST_REQUIRE(::mkfifo(hosts.c_str(), 0644) == 0);
  prefix = {"unshare", ::geteuid() == 0 ? "--propagation=private" : "--map-root-user",
            "--mount", "sh",
            "-c",      "mount --bind " + hosts.string() + " /etc/hosts && exec \"$0\" \"$@\""};
  environment["SERVICE"] = "http://service.example";
  define_archive();
  configure_http("connect_timeout = \"90ms\"");
  const auto result = call({"run", "archive"});
  BOOST_TEST(result.status == 1);
  BOOST_TEST(contains(result.err, "looking up the host's name took longer than 90ms"), result.err);
  BOOST_TEST(ask_journal("select outcome, count(*) from attempt group by 1") == "failed|3");
}

BOOST_AUTO_TEST_CASE(show_lists_all_steps_in_their_order) {
  define_archive();
  const auto text = call({"show", "archive"}).out;
  const auto place = [&](const std::string& part) { return text.find(part); };
  BOOST_TEST_CONTEXT(text) {
    BOOST_TEST(place("  1. archive clusters\n") < place("  2. revoke api keys\n"));
    BOOST_TEST(place("  2. revoke api keys\n") <
               place("  3. tell  http, for: changed, expect: 2xx"));
    BOOST_TEST(contains(text, "       POST ${SERVICE}/accounts/{id}?key=${TOKEN}\n"));
    BOOST_TEST(place("3. tell") < place("  4. mark\n"));
  }
  const auto json = call({"show", "archive", "-o", "json"}).out;
  BOOST_TEST(member(json, "steps") == R"(["archive clusters","revoke api keys","mark"])");
  BOOST_TEST(contains(member(json, "outside"),
                      R"({"title":"tell","kind":"http","after":2,"for":"changed","expect":"2xx")"));
  require_no_secret(text + json);
}

BOOST_AUTO_TEST_CASE(plan_tells_what_would_be_sent_and_sends_nothing) {
  define_archive();
  const auto text = call({"plan", "archive"});
  BOOST_TEST(text.status == 0);
  BOOST_TEST(contains(text.out,
                      "archive  1 (a1@example.com): archive clusters 2, revoke api keys "
                      "1, tell: POST ${SERVICE}/accounts/1?key=${TOKEN}, mark 1\n"),
             text.out);
  const auto json = call({"plan", "archive", "-o", "json"});
  BOOST_TEST(member(lines(json.out)[0], "planned") ==
             R"([{"title":"tell","request":"POST ${SERVICE}/accounts/1?key=${TOKEN}"}])");
  BOOST_TEST(service.log().empty());
  BOOST_TEST(audited_rows() == "0");
  BOOST_TEST(!has_journal());
  require_no_secret(text.out + text.err + json.out + json.err);
}

BOOST_AUTO_TEST_CASE(run_journal_and_why_tell_each_attempt) {
  define_archive();
  service.fault("kind=500&path=/accounts/2");
  const auto run = call({"run", "archive", "-o", "json"});
  BOOST_TEST(run.status == 1);
  BOOST_TEST(member(run.out, "outcome") == "failed");
  BOOST_TEST(member(run.out, "inconsistencies") == "3");
  BOOST_TEST(member(run.out, "changes") == "11");
  BOOST_TEST(member(run.out, "failed") == "1");
  BOOST_TEST(contains(run.err,
                      "converge: error: archive: subject 2 (a2@example.com): step tell: the answer "
                      "has status 500, expected is 2xx\n"),
             run.err);

  const auto entries = lines(call({"journal", "--kind", "attempt"}).out);
  BOOST_TEST_REQUIRE(entries.size() == 3U);
  BOOST_TEST(contains(entries[0], "committed"));
  BOOST_TEST(contains(entries[1], "failed"));
  BOOST_TEST(contains(entries[1], "tell: POST ${SERVICE}/accounts/2?key=${TOKEN} -> 500 in "));
  const auto json = call({"journal", "--kind", "attempt", "-o", "json"}).out;
  BOOST_TEST(member(lines(json)[1], "title") == "tell");
  BOOST_TEST(member(lines(json)[1], "subject") == "2");
  BOOST_TEST(member(lines(json)[1], "request") == "POST ${SERVICE}/accounts/2?key=${TOKEN}");

  const auto why = call({"why", "2"}).out;
  BOOST_TEST(contains(why, "1 step outside the database still to be carried out"), why);
  BOOST_TEST(contains(why, "tell: POST ${SERVICE}/accounts/2?key=${TOKEN} -> 500"), why);
  BOOST_TEST(contains(why, "the answer has status 500, expected is 2xx"), why);
  BOOST_TEST(!contains(call({"why", "1"}).out, "still to be carried out"));
  require_no_secret(run.out + run.err + json + why + call({"why", "2", "-o", "json"}).out +
                    call({"journal", "-o", "json"}).out + call({"journal", "-o", "full"}).out +
                    call({"status"}).out);
  require_no_secret_on_disk();
}

BOOST_AUTO_TEST_CASE(any_run_carries_out_what_a_killed_one_owes) {
  define("idle",
         "-- find:\nselect 1 as id;\n-- step: nothing\n"
         "select id from subject where false;\n");
  define_archive();
  struct Point {
    std::string name;
    std::string attempts;  ///< After the death of the first, and the run of another.
    int duplicates;
  };
  int done = 0;
  for (const Point& point : {Point{"outside.before_attempt", "committed|3", 0},
                             Point{"outside.after_attempt", "committed|3\nunknown|1", 0},
                             Point{"outside.after_call", "committed|3\nunknown|1", 1}}) {
    BOOST_TEST_CONTEXT(point.name) {
      const auto before = service.counts();
      const std::string begin = ask_journal_or("0", "select max(seq) from entry");
      die_at(point.name, {"run", "archive"});
      BOOST_TEST(left_to_do() == "0");
      BOOST_TEST(ask_journal("select count(*) from owed") == "3");
      const auto other = call({"run", "idle"});
      BOOST_TEST(other.status == 0);
      BOOST_TEST(contains(other.out, "archive  converged"), other.out);
      BOOST_TEST(ask_journal("select outcome, count(*) from attempt where seq > " + begin +
                             " group by 1 order by 1") == point.attempts);
      BOOST_TEST(ask_journal("select count(distinct key) from attempt where seq > " + begin) ==
                 "3");
      BOOST_TEST(ask_journal("select count(*) from owed") == "0");
      BOOST_TEST(service.counts().effects == before.effects + 3);
      BOOST_TEST(service.counts().duplicates == before.duplicates + point.duplicates);
      BOOST_TEST(marked() == std::to_string(done += 3));
    }
    dirty_again();
  }
}

BOOST_AUTO_TEST_CASE(end_of_a_program_is_told_although_sigchld_was_ignored) {
  define("archive", archiver("") + "-- exec: tell\n--   sh -c 'exit 3' {id}\n-- expect: 3\n");
  prefix = {"env", "--ignore-signal=CHLD"};  // For dash, `trap '' CHLD` is not to ignore it.
  const auto run = call({"run", "archive"});
  BOOST_TEST(run.status == 0, run.err);
  BOOST_TEST(ask_journal("select distinct status, outcome from attempt") == "exit 3|committed");
}

BOOST_AUTO_TEST_CASE(program_is_given_what_it_names_and_its_output_is_redacted) {
  environment["PGPASSWORD"] = "not-for-programs";
  define("archive", archiver("") +
                        "-- exec: tell\n--   sh -c 'env; exit 3' {id}\n"
                        "-- environment: TOKEN, SERVICE\n");
  const auto plan = call({"plan", "archive"});
  const auto show = call({"show", "archive"}).out;
  BOOST_TEST(contains(show, "exec, for: changed, expect: 0, environment: TOKEN, SERVICE\n"), show);
  const auto run = call({"run", "archive"});
  BOOST_TEST(run.status == 1);
  const auto told = call({"journal", "-o", "json"}).out + call({"journal", "-o", "full"}).out +
                    call({"why", "1"}).out;
  BOOST_TEST(contains(told, "TOKEN=${TOKEN}"), told);
  BOOST_TEST(contains(told, "SERVICE=${SERVICE}"), told);
  BOOST_TEST(!contains(told, "PGPASSWORD"), told);
  require_no_secret(plan.out + plan.err + show + run.out + run.err + told);
  require_no_secret_on_disk();
}

BOOST_AUTO_TEST_CASE(program_that_others_may_write_is_not_run) {
  const auto script = directory.write("script", "#!/bin/sh\ntouch \"$1/ran\"\n");
  std::filesystem::permissions(script, std::filesystem::perms{0777});
  const std::string exec =
      "-- exec: tell\n--   " + script.string() + " " + directory.path().string() + " {id}\n";
  const std::string others =
      "exec tell: " + script.string() + " is writable by others than its owner (mode 0777)";
  require_refused(exec, "4:6", others);
  define("archive", archiver("") + exec);
  const auto run = call({"run", "archive"});
  BOOST_TEST(run.status == 1);
  BOOST_TEST(contains(run.err, others), run.err);
  BOOST_TEST(contains(run.err, "converge: hint: Run: chmod go-w " + script.string()), run.err);
  BOOST_TEST(left_to_do() != "0");
  std::filesystem::permissions(script, std::filesystem::perms{0755});
  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(std::filesystem::exists(directory / "ran"));
}

BOOST_AUTO_TEST_CASE(program_dies_with_converge_and_so_does_what_it_started) {
  define_sleeper("");
  auto run = start({"run", "archive"});
  BOOST_REQUIRE(sleeps());
  run.kill(SIGKILL);
  BOOST_TEST(run.wait().signal == SIGKILL);
  BOOST_TEST(eventually([&] { return is_gone("program"); }));
  BOOST_TEST(eventually([&] { return is_gone("started"); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
