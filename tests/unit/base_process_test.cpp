#include "src/base/process.h"

#include <boost/test/unit_test.hpp>

#include <array>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace converge {
namespace {

// A child process that reports one string and then waits to be killed.
class Child {
 public:
  explicit Child(const std::function<std::string()>& report) {
    std::array<int, 2> pipe_ends{};
    BOOST_REQUIRE(pipe(pipe_ends.data()) == 0);
    pid_ = fork();
    BOOST_REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      const auto text = report();
      if (write(pipe_ends[1], text.data(), text.size()) < 0) _exit(1);
      close(pipe_ends[1]);
      for (;;) pause();
    }
    close(pipe_ends[1]);
    std::array<char, 256> block{};
    for (ssize_t size = 0; (size = read(pipe_ends[0], block.data(), block.size())) > 0;) {
      report_.append(block.data(), static_cast<std::size_t>(size));
    }
    close(pipe_ends[0]);
  }
  ~Child() { reap(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  const std::string& report() const { return report_; }

  ProcessIdentity identity() const {
    const auto space = report_.find(' ');
    return {.pid = pid_,
            .started = std::stoll(report_.substr(0, space)),
            .boot_id = report_.substr(space + 1)};
  }

  /// Leaves a zombie.
  void end() const {
    kill(pid_, SIGKILL);
    siginfo_t state{};
    waitid(P_PID, static_cast<id_t>(pid_), &state, WEXITED | WNOWAIT);
  }
  void reap() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
  std::string report_;
};

std::string own_identity() {
  const auto self = this_process();
  return std::to_string(self.started) + " " + self.boot_id;
}

BOOST_AUTO_TEST_SUITE(base_process)

BOOST_AUTO_TEST_CASE(own_process_is_alive) {
  const auto self = this_process();
  BOOST_TEST(self.pid == getpid());
  BOOST_TEST(self.started > 0);
  BOOST_TEST(self.boot_id.size() == 36u);
  BOOST_TEST(is_alive(self));
  BOOST_TEST((self == this_process()));
}

BOOST_AUTO_TEST_CASE(live_child_is_alive_and_dead_child_is_not) {
  Child child(own_identity);
  const auto identity = child.identity();
  BOOST_TEST(is_alive(identity));
  child.end();
  BOOST_TEST(!is_alive(identity), "a zombie is dead");
  child.reap();
  BOOST_TEST(!is_alive(identity));
}

BOOST_AUTO_TEST_CASE(blanks_and_parentheses_in_the_name_do_not_confuse) {
  const Child child([] {
    prctl(PR_SET_NAME, "a) Z 1 (b 2");
    return own_identity();
  });
  BOOST_TEST(child.identity().started >= this_process().started);
  BOOST_TEST(is_alive(child.identity()));
}

BOOST_AUTO_TEST_CASE(used_again_process_id_is_another_process) {
  auto other = this_process();
  ++other.started;
  BOOST_TEST(!is_alive(other));
}

BOOST_AUTO_TEST_CASE(process_before_the_last_boot_is_dead) {
  auto other = this_process();
  other.boot_id = "00000000-0000-4000-8000-000000000000";
  BOOST_TEST(!is_alive(other));
}

BOOST_AUTO_TEST_CASE(nonsense_is_no_live_process) {
  auto other = this_process();
  for (const std::int64_t pid : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 40U}) {
    other.pid = pid;
    BOOST_TEST(!is_alive(other));
  }
}

BOOST_AUTO_TEST_CASE(actor_under_cron_is_cron) {
  const Child cron([] {
    unsetenv("INVOCATION_ID");
    prctl(PR_SET_NAME, "cron");
    return Child(current_actor).report();
  });
  BOOST_TEST(cron.report() == "cron");
}

BOOST_AUTO_TEST_CASE(actor_of_a_service_without_a_terminal_is_cron) {
  const Child service([] {
    setsid();  // Leaves the terminal.
    setenv("INVOCATION_ID", "0123456789abcdef0123456789abcdef", 1);
    return current_actor();
  });
  BOOST_TEST(service.report() == "cron");
}

BOOST_AUTO_TEST_CASE(actor_has_a_name) { BOOST_TEST(!current_actor().empty()); }

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge
