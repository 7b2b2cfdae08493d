#include "tests/support/apart.h"

#include <array>
#include <cerrno>
#include <exception>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <string_view>
#include <sys/mount.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace converge::tests {
namespace {

void check(int result, const char* what) {
  if (result != 0) throw std::system_error(errno, std::generic_category(), what);
}

std::string answer_of(const std::function<std::string()>& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    return std::string("exception: ") + error.what();
  }
}

[[noreturn]] void answer(int pipe, const std::function<std::string()>& work) {
  const auto text = answer_of(work);
  for (std::string_view rest = text; !rest.empty();) {
    const auto count = ::write(pipe, rest.data(), rest.size());
    if (count < 0) ::_exit(1);
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  ::_exit(0);
}

}  // namespace

std::string run_apart(const std::function<std::string()>& work) {
  std::array<int, 2> ends{};
  check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
  const pid_t child = ::fork();
  if (child == 0) answer(ends[1], work);
  ::close(ends[1]);
  std::string text;
  std::array<char, 4096> block{};
  for (ssize_t count = 0; (count = ::read(ends[0], block.data(), block.size())) > 0;) {
    text.append(block.data(), static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0 ? text : "ended with status " + std::to_string(status);
}

void take_private_mounts() {
  check(::unshare(CLONE_NEWNS), "unshare");
  mount_at("none", "/", nullptr, MS_REC | MS_PRIVATE);
}

void mount_at(const char* source, const std::string& target, const char* type, unsigned long flags,
              const char* options) {
  check(::mount(source, target.c_str(), type, flags, options), "mount");
}

void become_user(unsigned int user) {
  check(::setgroups(0, nullptr), "setgroups");
  check(::setresgid(user, user, user), "setresgid");
  check(::setresuid(user, user, user), "setresuid");
}

}  // namespace converge::tests
