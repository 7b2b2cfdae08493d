#include "convergers/outside_steps.h"
#include "src/base/child.h"
#include "src/base/clock.h"
#include "src/base/process.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/journal_fixture.h"
#include "tests/unit/outside_subject.h"
#include "tests/unit/status_fixture.h"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace converge::convergers {
namespace {

using tests::OneSubject;
using namespace std::chrono_literals;

// A variable of the environment, as long as it lives.
class Setting {
 public:
  Setting(std::string name, const std::string& value) : name_(std::move(name)) {
    if (const char* before = std::getenv(name_.c_str()); before != nullptr) before_ = before;
    setenv(name_.c_str(), value.c_str(), 1);
  }
  ~Setting() {
    if (before_)
      setenv(name_.c_str(), before_->c_str(), 1);
    else
      unsetenv(name_.c_str());
  }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  std::string name_;
  std::optional<std::string> before_;
};

// A definition with one program, a script of /bin/sh.
struct Script {
  explicit Script(const std::string& text) : path(directory.write("script", "#!/bin/sh\n" + text)) {
    BOOST_REQUIRE(chmod(path.c_str(), 0755) == 0);
  }

  engine::Answer run(const std::string& arguments = "", std::chrono::milliseconds timeout = 20s,
                     const std::string& more = "") const {
    const auto steps =
        make_outside_steps(tests::define_outside("-- exec: tell\n--   " + path.string() + " " +
                                                 arguments + "\n" + more),
                           {.variables = variables, .http = nullptr});
    return steps.front()->attempt(subject.row(), {.key = "k-1", .timeout = timeout});
  }
  struct Late {
    engine::Answer answer;
    std::chrono::milliseconds timeout{};
  };
  // With ever more time, until it had enough to say of itself who it is.
  Late run_late() const {
    for (std::chrono::milliseconds timeout{300};; timeout *= 2) {
      Late late{.answer = run("", timeout), .timeout = timeout};
      if (timeout > 30s || has_begun(directory / "pid")) return late;
    }
  }
  static bool has_begun(const std::filesystem::path& pid) {
    return std::filesystem::exists(pid) && tests::read_text(pid).ends_with('\n');
  }
  std::string written(const std::string& name) const { return tests::read_text(directory / name); }
  // What the script says of itself in the file `pid`: process `$1` of this host.
  bool is_gone() const {
    const auto pid = std::stoll(written("pid"));
    return kill(static_cast<pid_t>(pid), 0) != 0 ||
           tests::read_text("/proc/" + std::to_string(pid) + "/stat").find(") Z ") !=
               std::string::npos;
  }

  const tests::TempDir directory;
  const std::filesystem::path path;
  Variables variables;
  std::vector<std::unique_ptr<Setting>> settings;
  OneSubject subject = {
      {"id", "7", 20}, {"label", "Zoë \"x\" $(id);"}, {"paid", "t", 16}, {"note", std::nullopt}};
};

// The message of what is thrown as a failure with a hint; else empty.
template <typename Action>
std::string refused(const Action& action) {
  try {
    action();
    return "";
  } catch (const Error& error) {
    BOOST_TEST((error.kind() == ErrorKind::failure));
    BOOST_TEST(!error.hint().empty());
    return error.what();
  }
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

BOOST_AUTO_TEST_SUITE(exec_step)

BOOST_AUTO_TEST_CASE(output_that_is_cut_says_so) {
  const auto answer = Script("head -c 5000 /dev/zero | tr '\\0' x").run();
  BOOST_TEST(answer.output == std::string(4096, 'x'));
  BOOST_TEST(answer.output_cut);
  BOOST_TEST(!Script("head -c 4096 /dev/zero | tr '\\0' x").run().output_cut);
}

BOOST_AUTO_TEST_CASE(success_is_told_with_the_output) {
  const auto answer = Script("echo out; echo err >&2").run();
  BOOST_TEST(answer.succeeded);
  BOOST_TEST(!answer.in_doubt);
  BOOST_TEST(answer.status == "exit 0");
  BOOST_TEST(answer.message == "");
  BOOST_TEST(answer.output == "out\nerr\n");
  BOOST_TEST(!answer.output_cut);
  BOOST_TEST(answer.duration.count() > 0);
}

BOOST_AUTO_TEST_CASE(other_status_is_a_failure) {
  const auto answer = Script("echo no; exit 3").run();
  BOOST_TEST(!answer.succeeded);
  BOOST_TEST(!answer.in_doubt);
  BOOST_TEST(answer.status == "exit 3");
  BOOST_TEST(answer.message == "the program ended with status 3, expected is 0");
  BOOST_TEST(answer.output == "no\n");
  BOOST_TEST(Script("exit 3").run("", 20s, "-- expect: 0, 3\n").succeeded);
}

BOOST_AUTO_TEST_CASE(death_by_signal_is_a_failure) {
  const auto answer = Script("kill -9 $$").run();
  BOOST_TEST(!answer.succeeded);
  BOOST_TEST(answer.status == "signal 9");
  BOOST_TEST(answer.message == "the program was killed by signal 9");
}

BOOST_AUTO_TEST_CASE(program_that_others_may_write_is_refused) {
  const Script script("");
  const auto refusal = [&](const std::string& program) {
    const auto steps =
        make_outside_steps(tests::define_outside("-- exec: tell\n--   " + program + " {id}\n"), {});
    return refused([&] { steps.front()->require({"id"}); });
  };
  const std::string path = script.path;
  BOOST_TEST(refusal(path) == "");
  BOOST_TEST(refusal(path + "-that-is-not-here") == "");
  BOOST_REQUIRE(chmod(path.c_str(), 0777) == 0);
  const std::string others = " is writable by others than its owner (mode 0777)";
  BOOST_TEST(refusal(path) == "/c/a.sql:4:6: exec tell: " + path + others);
  BOOST_REQUIRE(chmod(path.c_str(), 0755) == 0);
  const auto directory = script.path.parent_path().string();
  BOOST_REQUIRE(chmod(directory.c_str(), 0777) == 0);
  BOOST_TEST(refusal(path) == "/c/a.sql:4:6: exec tell: " + directory + others);
  const Setting path_with_it("PATH", directory + ":" + std::getenv("PATH"));
  BOOST_TEST(refusal("script") == "/c/a.sql:4:6: exec tell: " + directory + others);
}

BOOST_AUTO_TEST_CASE(program_that_others_may_write_by_now_is_not_run) {
  const Script script("echo here");
  BOOST_TEST(script.run().output == "here\n");
  BOOST_REQUIRE(chmod(script.path.c_str(), 0777) == 0);
  const std::string path = script.path;
  BOOST_TEST(refused([&] { script.run(); }) ==
             "/c/a.sql:4:6: exec tell: " + path +
                 " is writable by others than its owner (mode 0777)");
}

// Only where root runs the tests is it another user; elsewhere it is killed like any other.
BOOST_AUTO_TEST_CASE(program_that_became_another_user_is_not_waited_for) {
  const tests::TempDir own;
  const tests::TempDir shared;
  std::filesystem::permissions(shared.path(), std::filesystem::perms{0755});
  const std::string setpriv = shared / "setpriv";
  std::filesystem::copy_file("/usr/bin/setpriv", setpriv);
  BOOST_REQUIRE(chmod(setpriv.c_str(), 04755) == 0);
  const std::string told = own / "pid";
  const bool is_root = geteuid() == 0;
  BOOST_TEST(tests::in_child(own.path(), [&] {
    for (std::chrono::seconds timeout{3};; timeout *= 2) {
      const auto end =
          run_child({.arguments = {setpriv, is_root ? "--reuid=0" : "--nnp", "sh", "-c",
                                   "trap '' TERM; echo $$ > " + told + "; sleep 60; true"},
                     .input = "",
                     .environment = {{"PATH", "/usr/bin:/bin"}}},
                    timeout);
      if (timeout > 30s || Script::has_begun(told)) return end.kind == ChildEnd::Kind::late;
    }
  }));
  const auto pid = static_cast<pid_t>(std::stol(tests::read_text(told)));
  BOOST_TEST((kill(pid, 0) == 0) == is_root);
  kill(-pid, SIGKILL);
}

BOOST_AUTO_TEST_CASE(missing_program_has_done_nothing) {
  const auto steps =
      make_outside_steps(tests::define_outside("-- exec: a\n--   /nonexistent/program {id}\n"), {});
  const auto answer =
      steps.front()->attempt(OneSubject({{"id", "7"}}).row(), {.key = "k", .timeout = 1s});
  BOOST_TEST(!answer.succeeded);
  BOOST_TEST(!answer.in_doubt);
  BOOST_TEST(answer.status == "");
  BOOST_TEST(answer.message == "cannot run /nonexistent/program: no such file or directory");
}

BOOST_AUTO_TEST_CASE(subject_is_json_on_standard_input) {
  const std::string expected = R"({"id":7,"label":"Zoë \"x\" $(id);","paid":true,"note":null})"
                               "\n";
  BOOST_TEST(Script("cat").run().output == expected);
}

BOOST_AUTO_TEST_CASE(program_need_not_read_its_input) {
  Script script("exit 0");
  script.subject = OneSubject({{"id", std::string(1'000'000, 'x')}});
  BOOST_TEST(script.run().succeeded);
}

BOOST_AUTO_TEST_CASE(value_stays_in_its_argument) {
  const Script script("for a in \"$@\"; do echo \"<$a>\"; done");
  BOOST_TEST(script.run("--label={label} 'a  b' \"it's {id}\" x'y z'{id} {{id}} ''").output ==
             "<--label=Zoë \"x\" $(id);>\n<a  b>\n<it's 7>\n<xy z7>\n<{id}>\n<>\n");
}

BOOST_AUTO_TEST_CASE(null_in_an_argument_is_refused) {
  BOOST_CHECK_EXCEPTION(Script("").run("{note}"), Error, [](const Error& error) {
    return std::string(error.what()) == "exec tell: column note is null, and stands in an argument";
  });
}

BOOST_AUTO_TEST_CASE(value_never_becomes_an_option) {
  Script script("echo \"$@\"");
  script.subject = {{"id", "-7", 20}, {"name", "--admin"}, {"empty", ""}};
  for (const char* arguments :
       {"{name}", "a {name}", "'{name}'", "{empty}{name}", "a{empty} {name}x"}) {
    BOOST_TEST_CONTEXT(arguments) {
      BOOST_CHECK_EXCEPTION(script.run(arguments), Error, [](const Error& error) {
        return error.kind() == ErrorKind::failure &&
               std::string(error.what()) ==
                   "exec tell: column name begins with -, and stands at the beginning of an "
                   "argument" &&
               error.hint().find("`--name={name}`") != std::string::npos;
      });
    }
  }
  BOOST_TEST(script.run("{id} --name={name} '' -- {name}").output ==
             "-7 --name=--admin  -- --admin\n");
}

BOOST_AUTO_TEST_CASE(key_is_in_the_environment) {
  const Setting other("CONVERGE_IDEMPOTENCY_KEY", "not this");
  BOOST_TEST(Script("echo $CONVERGE_IDEMPOTENCY_KEY $CONVERGE_CONVERGER ${PATH:+path}\n"
                    "env | grep -c IDEMPOTENCY")
                 .run()
                 .output == "k-1 a path\n1\n");
}

BOOST_AUTO_TEST_CASE(environment_is_what_any_program_needs_and_what_is_named) {
  const Setting password("PGPASSWORD", "open-sesame");
  const Setting named("EXEC_URL", "http://h/x");
  const Setting language("LC_ALL", "C");
  Script script("echo \"$EXEC_TOKEN\" | tr a-z A-Z; env | sed -E 's/=.*//' | sort | tr '\\n' ' '");
  script.variables = Variables({{"EXEC_TOKEN", "s3cret"}, {"OTHER", "x"}, {"EXEC_URL", "no"}});
  for (const char* name :
       {"HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"}) {
    script.settings.push_back(std::make_unique<Setting>(name, "/tmp"));
  }
  const std::string expected =
      "CONVERGE_CONVERGER CONVERGE_IDEMPOTENCY_KEY EXEC_TOKEN EXEC_URL HOME LANG LANGUAGE LC_ALL "
      "LOGNAME PATH PWD SHELL TMPDIR TZ USER ";  // PWD is the shell's own.
  BOOST_TEST(script.run("", 20s, "-- environment: EXEC_TOKEN,  EXEC_URL\n").output ==
             "S3CRET\n" + expected);
}

BOOST_AUTO_TEST_CASE(values_of_the_environment_are_not_kept) {
  const Setting token("EXEC_TOKEN", "s3cret-4711");
  const std::string more = "-- environment: EXEC_TOKEN\n";
  BOOST_TEST(Script("echo \"<$EXEC_TOKEN>\"; echo $EXEC_TOKEN >&2").run("", 20s, more).output ==
             "<${EXEC_TOKEN}>\n${EXEC_TOKEN}\n");
  // What is kept ends within the value.
  BOOST_TEST(
      Script("head -c 4090 /dev/zero | tr '\\0' x; echo $EXEC_TOKEN").run("", 20s, more).output ==
      std::string(4090, 'x'));
}

BOOST_AUTO_TEST_CASE(variable_that_is_not_set_is_refused_with_its_place) {
  const auto steps = make_outside_steps(
      tests::define_outside("-- exec: tell\n--   true\n-- environment: PATH, NOT_SET\n"), {});
  BOOST_TEST(refused([&] { steps.front()->require({"id"}); }) ==
             "/c/a.sql:5:23: exec tell: variable NOT_SET is not set");
  OutsideEnvironment stand_ins;
  stand_ins.variables.stand_in("x");
  make_outside_steps(tests::define_outside("-- exec: tell\n--   true\n-- environment: NOT_SET\n"),
                     stand_ins)
      .front()
      ->require({"id"});
}

BOOST_AUTO_TEST_CASE(descriptors_of_ours_are_closed) {
  const int inherited = open("/dev/null", O_RDONLY);  // Without O_CLOEXEC.
  BOOST_TEST(Script("for n in 3 4 5 6 7 8 9 10 11 12; do\n"
                    "  [ $n != 10 ] && [ -e /proc/$$/fd/$n ] && readlink /proc/$$/fd/$n\n"
                    "done; echo end")
                 .run()
                 .output == "end\n");
  close(inherited);
}

BOOST_AUTO_TEST_CASE(no_descriptor_is_left_behind) {
  const auto before = open_descriptors();
  Script("echo a").run();
  BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(signals_are_as_by_default) {
  sigset_t usr1;
  sigset_t old;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &usr1, &old);
  const auto ignored = std::signal(SIGPIPE, SIG_IGN);
  // The C library ignores 32 and 33, which are its own.
  BOOST_TEST(Script("sed -nE 's/^Sig(Blk|Ign).*(.{7})$/\\2/p' /proc/self/status").run().output ==
             "0000000\n0000000\n");
  std::signal(SIGPIPE, ignored);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

BOOST_AUTO_TEST_CASE(flood_is_read_and_not_kept) {
  const auto answer = Script("head -c 100000000 /dev/zero | tr '\\0' x").run();
  BOOST_TEST(answer.succeeded);
  BOOST_TEST(answer.output == std::string(4096, 'x'));
}

BOOST_AUTO_TEST_CASE(child_that_stays_is_killed_and_not_waited_for) {
  const Script script("sleep 1000 & echo $! > \"$(dirname \"$0\")/pid\"; echo done");
  const auto answer = script.run();
  BOOST_TEST(answer.succeeded);
  BOOST_TEST(answer.output == "done\n");
  BOOST_TEST(tests::eventually([&] { return script.is_gone(); }));
}

BOOST_AUTO_TEST_CASE(program_that_hangs_is_killed_at_the_deadline) {
  const Script script("echo begun; sleep 1000 & echo $! > \"$(dirname \"$0\")/pid\"; wait");
  const auto [answer, timeout] = script.run_late();
  BOOST_TEST(!answer.succeeded);
  BOOST_TEST(answer.in_doubt);
  BOOST_TEST(answer.status == "");
  BOOST_TEST(answer.message == "the program did not end within " + format_duration(timeout));
  BOOST_TEST(answer.output == "begun\n");
  BOOST_TEST(tests::eventually([&] { return script.is_gone(); }));
}

BOOST_AUTO_TEST_CASE(program_that_ignores_sigterm_is_killed_too) {
  const Script script(
      "trap '' TERM; echo $$ > \"$(dirname \"$0\")/pid\"; while :; do sleep 1000; done");
  BOOST_TEST(script.run_late().answer.in_doubt);
  BOOST_TEST(tests::eventually([&] { return script.is_gone(); }));
}

BOOST_AUTO_TEST_CASE(program_may_tidy_up_when_it_is_late) {
  const Script script(
      "trap 'echo tidy; exit 0' TERM; echo begun; sleep 1000 & echo $! > \"$(dirname "
      "\"$0\")/pid\"; wait");
  // It is given a moment, in which a busy machine may not come to it.
  BOOST_TEST(tests::eventually([&] {
    const auto answer = script.run_late().answer;
    BOOST_TEST(answer.in_doubt);
    return answer.output == "begun\ntidy\n";
  }));
}

BOOST_AUTO_TEST_CASE(program_may_close_its_output) {
  BOOST_TEST(Script("exec >&- 2>&-; sleep 0.1; exit 3").run().status == "exit 3");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::convergers
