#include "src/base/log_channel.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <poll.h>
#include <string>
#include <unistd.h>

namespace converge {
namespace {

constexpr std::chrono::milliseconds kPatience{100};

/// Keeps the SIGPIPE that a write of this thread raises from anybody.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigset_t pending;
    sigemptyset(&pending);
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~WithoutSigpipe() {
    constexpr timespec kNow{};
    if (!was_pending_) {
      while (sigtimedwait(&pipe_, nullptr, &kNow) < 0 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

bool is_writable(int file, std::chrono::milliseconds patience) {
  pollfd out{.fd = file, .events = POLLOUT, .revents = 0};
  return ::poll(&out, 1, static_cast<int>(patience.count())) > 0;
}

}  // namespace

void LogChannel::log(const Poco::Message& message) {
  const std::lock_guard lock(mutex_);
  const WithoutSigpipe quiet;
  if (lost_ > 0 && write_line(lines_lost())) lost_ = 0;
  if (lost_ > 0 || !write_line(message)) ++lost_;
}

Poco::Message LogChannel::lines_lost() const {
  const LogField count("count", lost_);
  return to_message(Poco::Message::PRIO_WARNING, "lines of this log were lost", {&count, 1});
}

bool LogChannel::write_line(const Poco::Message& message) {
  std::string line;
  formatter_->format(message, line);
  line += '\n';
  if (is_unfinished_) line.insert(0, 1, '\n');
  // What polls as writable takes a line of this length at once: PIPE_BUF bytes of pipe(7).
  if (!is_writable(file_, lost_ > 0 ? std::chrono::milliseconds(0) : kPatience)) return false;
  const ssize_t written = ::write(file_, line.data(), line.size());
  if (written <= 0) return false;
  is_unfinished_ = static_cast<std::size_t>(written) < line.size();
  return !is_unfinished_;
}

}  // namespace converge
