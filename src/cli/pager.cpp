#include "src/cli/pager.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace converge::cli {

namespace {

bool is_installed(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::string places = path == nullptr ? "/usr/bin:/bin" : path;
  for (std::size_t begin = 0; begin <= places.size();) {
    const auto end = std::min(places.find(':', begin), places.size());
    if (access((places.substr(begin, end - begin) + "/" + program).c_str(), X_OK) == 0) return true;
    begin = end + 1;
  }
  return false;
}

/// Empty when there is to be none.
std::string command() {
  for (const char* variable : {"CONVERGE_PAGER", "PAGER"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr) return std::string(value) == "cat" ? "" : value;
  }
  return is_installed("less") ? "less -FRX" : "";
}

}  // namespace

Pager::Pager(bool wanted) {
  const std::string pager = wanted && isatty(STDOUT_FILENO) != 0 ? command() : "";
  std::array<int, 2> pipe{};
  if (pager.empty() || pipe2(pipe.data(), O_CLOEXEC) != 0) return;
  process_ = fork();
  if (process_ == 0) {
    dup2(pipe[0], STDIN_FILENO);
    execl("/bin/sh", "sh", "-c", pager.c_str(), nullptr);
    _exit(127);
  }
  if (process_ > 0) {
    dup2(pipe[1], STDOUT_FILENO);
    // Ctrl-C is for the pager; the terminal must not be given back before it has ended.
    signal(SIGINT, SIG_IGN);
  }
  close(pipe[0]);
  close(pipe[1]);
}

Pager::~Pager() {
  if (process_ <= 0) return;
  std::fflush(stdout);
  close(STDOUT_FILENO);
  while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
  signal(SIGINT, SIG_DFL);
}

}  // namespace converge::cli
