#include "src/cli/confirm.h"

#include "src/base/error.h"
#include "src/base/safe_text.h"
#include "src/base/text.h"
#include "src/cli/output.h"
#include "src/cli/terminal_text.h"
#include "src/cli/wrapped.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <poll.h>
#include <string_view>
#include <unistd.h>

namespace converge::cli {

namespace {

constexpr std::chrono::milliseconds kPatience{5'000};
constexpr int kLook_ms = 100;

std::atomic<bool>& interrupt_came() {
  static std::atomic<bool> value{false};  // Handlers need something static.
  return value;
}

/// Lets SIGINT be an answer, and no more than that.
class InterruptedReads {
 public:
  InterruptedReads() {
    interrupt_came() = false;
    struct sigaction action {};
    action.sa_handler = [](int) { interrupt_came() = true; };
    sigaction(SIGINT, &action, &before_);
  }
  ~InterruptedReads() { sigaction(SIGINT, &before_, nullptr); }
  InterruptedReads(const InterruptedReads&) = delete;
  InterruptedReads& operator=(const InterruptedReads&) = delete;

 private:
  struct sigaction before_ {};
};

/// Nullopt at Ctrl-C and at the end of input.
std::optional<std::string> read_answer() {
  std::string line;
  for (char c = 0;;) {
    pollfd ready{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int count = poll(&ready, 1, kLook_ms);  // It may have come just before.
    if (interrupt_came()) return std::nullopt;
    if (count <= 0) continue;
    if (read(STDIN_FILENO, &c, 1) <= 0) return std::nullopt;
    if (c == '\n') return line;
    line += c;
  }
}

bool is_yes(std::string_view answer) {
  const auto word = trim(answer);
  return word == "y" || word == "Y" || word == "yes" || word == "Yes" || word == "YES";
}

std::string reachable_target(const config::Config& config) {
  try {
    postgres::Session session({.url = config.database_url,
                               .environment_first = config.url_from_file,
                               .connect_timeout = std::min(config.connect_timeout, kPatience),
                               .lock_timeout = config.lock_timeout});
    return target_text(session);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::usage) throw;
    return fmt::format("the database does not answer: {}", printable(error.what()));
  }
}

}  // namespace

std::string target_text(postgres::Session& session) {
  const auto& server = session.server();
  const auto rows = session.execute("select current_setting('cluster_name')");
  const std::string cluster(rows.at(0, 0).value_or(""));
  return printable(fmt::format("{} (PostgreSQL {}.{}{})", server.place, server.version / 10000,
                               server.version % 10000,
                               cluster.empty() ? "" : ", cluster " + cluster));
}

void tell_target(postgres::Session& session, const Common& common) {
  if (common.quiet || isatty(STDERR_FILENO) == 0) return;
  print_notice(target_text(session));
}

bool is_interactive() { return isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0; }

void ask_before(const std::string& what, const config::Config& config) {
  // Where standard error goes elsewhere, the question is still to be seen.
  const std::string target = reachable_target(config);
  const InterruptedReads interrupted;
  FILE* screen = isatty(STDERR_FILENO) != 0 ? stderr : stdout;
  const auto question = fmt::format("converge: {}\nconverge: about to {}\nGo on? [y/N] ", target,
                                    printable_lines(what));
  std::fputs(wrapped(question, terminal_columns(fileno(screen)), 2).c_str(), screen);
  std::fflush(screen);
  const auto answer = read_answer();
  if (!answer) std::fputs("\n", screen);
  if (answer && is_yes(*answer)) return;
  throw Error(ErrorKind::usage, "not confirmed, so nothing was done",
              "Answer y, or say --yes on the command line.");
}

}  // namespace converge::cli
