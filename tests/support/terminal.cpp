#include "tests/support/terminal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace converge::tests {
namespace {

constexpr int kPatience_ms = 60'000;

std::vector<std::string> environment_of(
    const std::map<std::string, std::optional<std::string>>& given) {
  std::vector<std::string> all;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string entry = *one;
    const auto name = entry.substr(0, entry.find('='));
    if (name.starts_with("CONVERGE_") || name.starts_with("PG") || given.contains(name)) continue;
    all.push_back(entry);
  }
  for (const auto& [name, value] : given) {
    if (value) all.push_back(name + "=" + *value);
  }
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (auto& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

Terminal::Terminal(const std::vector<std::string>& arguments,
                   const std::map<std::string, std::optional<std::string>>& environment) {
  auto words = arguments;
  auto variables = environment_of(environment);
  const auto argv = pointers(words);
  const auto envp = pointers(variables);
  winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "forkpty");
  if (pid_ == 0) {
    ::execvpe(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
}

Terminal::~Terminal() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(terminal_);
}

void Terminal::type(const std::string& text) const {
  if (::write(terminal_, text.data(), text.size()) < 0) {
    throw std::system_error(errno, std::generic_category(), "write");
  }
}

bool Terminal::read_more() {
  pollfd ready{.fd = terminal_, .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, kPatience_ms) <= 0) return false;
  std::array<char, 4096> block{};
  const auto count = ::read(terminal_, block.data(), block.size());
  if (count <= 0) return false;  // EIO: nobody has it open any more.
  const auto end = block.begin() + count;
  std::copy_if(block.begin(), end, std::back_inserter(screen_), [](char c) { return c != '\r'; });
  return true;
}

bool Terminal::shows(const std::string& text) {
  while (screen_.find(text) == std::string::npos) {
    if (!read_more()) return false;
  }
  return true;
}

int Terminal::wait() {
  while (read_more()) {
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace converge::tests
