#include "src/cli/password.h"

#include "src/base/error.h"

#include <cerrno>
#include <cstdio>
#include <termios.h>
#include <unistd.h>

namespace converge::cli {
namespace {

constexpr char kInterrupt = '\x03';  // Ctrl-C.

/// A terminal that shows nothing that is typed. Ctrl-C is a character meanwhile: a signal would end
/// the process and leave the terminal so.
class SilentTerminal {
 public:
  SilentTerminal() {
    tcgetattr(STDIN_FILENO, &before_);
    auto silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~SilentTerminal() {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    std::fputs("\n", stderr);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

 private:
  termios before_{};
};

std::string read_line() {
  std::string line;
  for (char c = 0;;) {
    const auto count = read(STDIN_FILENO, &c, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || c == '\n' || c == kInterrupt) {
      if (c != kInterrupt && (count > 0 || !line.empty())) return line;
      throw Error(ErrorKind::usage, "no password was given",
                  "Without a terminal, it is a line on standard input.");
    }
    line += c;
  }
}

}  // namespace

std::string read_password(const std::string& prompt) {
  if (isatty(STDIN_FILENO) == 0) return read_line();
  const SilentTerminal silent;
  std::fputs(prompt.c_str(), stderr);
  return read_line();
}

}  // namespace converge::cli
