#include "src/daemon/signals.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <cerrno>
#include <csignal>
#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace converge::daemon {

Signals::Signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t taken;
  sigemptyset(&taken);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&taken, signal);
  pthread_sigmask(SIG_BLOCK, &taken, nullptr);
  descriptor_ = ::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor_ < 0) throw Error(ErrorKind::failure, "signalfd: " + system_reason(errno));
}

Signals::~Signals() { ::close(descriptor_); }

std::optional<int> Signals::wait(std::chrono::milliseconds at_most) {
  pollfd source{.fd = descriptor_, .events = POLLIN, .revents = 0};
  if (::poll(&source, 1, static_cast<int>(at_most.count())) <= 0) return std::nullopt;
  signalfd_siginfo information{};
  if (::read(descriptor_, &information, sizeof information) != sizeof information) {
    return std::nullopt;
  }
  return static_cast<int>(information.ssi_signo);
}

}  // namespace converge::daemon
