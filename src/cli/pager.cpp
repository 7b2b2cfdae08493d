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

/// Whether the shell will find it; what is more than a word is the shell's to judge.
bool can_run(const std::string& pager) {
  const std::string program = pager.substr(0, pager.find_first_of(" \t"));
  return program.find_first_of("/=$\"'") != std::string::npos || is_installed(program);
}

/// Whether somebody who is another user is at the keyboard. Most pagers give a shell for the
/// asking: a right to read the journal as root would be a right to all that root may do.
bool is_for_another_user() {
  const auto is_set = [](const char* variable) { return std::getenv(variable) != nullptr; };
  return is_set("SUDO_UID") || is_set("DOAS_USER") || is_set("PKEXEC_UID");
}

volatile sig_atomic_t pager_process = -1;

/// The pager has the terminal until it has ended.
void end_with_pager(int /*signal*/) {
  close(STDOUT_FILENO);
  while (waitpid(pager_process, nullptr, 0) < 0 && errno == EINTR) {
  }
  _exit(130);
}

}  // namespace

Pager::Pager(bool wanted) {
  const std::string pager = wanted && isatty(STDOUT_FILENO) != 0 ? command() : "";
  std::array<int, 2> pipe{};
  if (pager.empty() || !can_run(pager) || pipe2(pipe.data(), O_CLOEXEC) != 0) return;
  process_ = fork();
  if (process_ == 0) {
    dup2(pipe[0], STDIN_FILENO);
    setenv("LESS", "FRX", 0);  // A plain `less` would show colours as escapes.
    if (is_for_another_user()) setenv("LESSSECURE", "1", 1);
    execl("/bin/sh", "sh", "-c", pager.c_str(), nullptr);
    _exit(127);
  }
  if (process_ > 0) {
    dup2(pipe[1], STDOUT_FILENO);
    pager_process = process_;
    signal(SIGINT, end_with_pager);
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
