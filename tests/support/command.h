#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace converge::tests {

/// How a program is run.
struct CommandOptions {
  /// Added to the environment, or removed from it when nullopt. The tests' own environment is
  /// inherited without `CONVERGE_*` and `PG*`, so that nobody's settings reach the program.
  std::map<std::string, std::optional<std::string>> environment{};
  std::optional<std::string> input{};          ///< Standard input; /dev/null when not given.
  std::filesystem::path directory{};           ///< To run in; empty: this process's.
  std::chrono::milliseconds timeout{300'000};  ///< From the start; then SIGKILL.
};

/// How a program ended, and what it printed.
struct CommandResult {
  int status = 0;  ///< The exit status, or -1 when a signal ended it.
  int signal = 0;  ///< The signal that ended it, or 0.
  bool timed_out = false;
  std::string out;
  std::string err;
};

/// A running program. Its output goes to memory that grows, so it never waits to be read.
class Command {
 public:
  /// Starts `arguments[0]`, found in PATH, with no file descriptors but the three standard ones and
  /// with default signal handling. Throws `std::system_error` when it cannot be started.
  explicit Command(const std::vector<std::string>& arguments, const CommandOptions& options = {});
  /// Kills the program if it still runs.
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  pid_t pid() const noexcept { return pid_; }
  bool is_running();
  /// Sends a signal; nothing happens when the program has ended already.
  void kill(int signal);

  /// The timeout begins anew, for one that is to run for long.
  void renew() { deadline_ = std::chrono::steady_clock::now() + timeout_; }
  /// Waits for the end, at most until the timeout. May be called again for the same answer.
  CommandResult wait();
  /// Waits until standard output or error has `text`, and says whether it came before the program
  /// ended or the timeout passed.
  bool wait_for_output(const std::string& text);

  std::string out() const;  ///< So far.
  std::string err() const;  ///< So far.

 private:
  /// Collects the exit status if the program ends within `patience`; says whether it has ended.
  bool reap(std::chrono::milliseconds patience);

  pid_t pid_ = -1;
  int ended_ = -1;  ///< A pidfd (pidfd_open(2)): readable at the end of the program.
  int out_ = -1;
  int err_ = -1;
  std::chrono::milliseconds timeout_;
  std::chrono::steady_clock::time_point deadline_;
  bool timed_out_ = false;
  std::optional<int> wait_status_;
};

/// Runs a program to its end.
CommandResult run_command(const std::vector<std::string>& arguments,
                          const CommandOptions& options = {});

}  // namespace converge::tests
