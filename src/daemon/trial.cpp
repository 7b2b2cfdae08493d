#include "src/daemon/trial.h"

#include "src/base/error.h"
#include "src/base/fault.h"
#include "src/base/log.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace converge::daemon {

namespace {

constexpr std::chrono::milliseconds kTick{20};
constexpr std::chrono::milliseconds kLook{250};  // At the state file.

/// How long another update may keep the lock while a build that failed is in its place.
constexpr std::chrono::seconds kPatience{60};

/// So often in a row this build reaches the database, and the other one still does not.
constexpr int kReached = 3;
constexpr std::chrono::seconds kBetweenComparisons{2};

std::string how_it_ended(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    return fmt::format("signal {} ({}) ended it", WTERMSIG(wait_status),
                       ::sigdescr_np(WTERMSIG(wait_status)));
  }
  return fmt::format("it ended with status {}", WEXITSTATUS(wait_status));
}

}  // namespace

Guard::Guard(GuardParts parts, std::int64_t build)
    : parts_(std::move(parts)),
      build_(build),
      watch_(parts_.record.installation().state_file()),
      last_word_(Clock::now()),
      deadline_(last_word_ + parts_.trial + parts_.grace) {}

Guard::~Guard() {
  if (child_ <= 0) return;
  ::kill(-child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
}

std::optional<int> Guard::run() {
  if (!may_start()) return outcome();
  start();
  while (!has_ended()) {
    if (const auto signal = parts_.signals.wait(kTick)) forward(*signal);
    hear();
    feed();
    look_at_record();
    judge();
  }
  hear();  // What it said last.
  return outcome();
}

bool Guard::may_start() {
  if (parts_.record.must_be_taken_back(build_)) {
    failure_ = "it failed before";
    return false;
  }
  std::int64_t starts = 0;
  try {
    starts = parts_.record.begin_start(build_);
  } catch (const Error& error) {
    log(LogLevel::error, "a start of a build on trial is not counted", {{"error", error.what()}});
  }
  if (starts <= updater::kMostStarts) return true;
  failure_ = updater::started_too_often();
  return false;
}

void Guard::start() {
  std::signal(SIGCHLD, SIG_DFL);  // Ignored, as it may be inherited, no end could be told.
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw Error(ErrorKind::failure, "socketpair: " + system_reason(errno));
  }
  socket_ = Descriptor(ends[0]);
  const Descriptor other(ends[1]);
  child_ = parts_.program.start(parts_.record.installation().path(), other);
  log(LogLevel::notice, "a build is on trial", {{"build", build_}, {"process", child_}});
  fault_point("trial_started");
}

/// A second signal means something to the child; that it was asked to end for another reason is no
/// first one.
void Guard::forward(int signal) {
  if (signal == SIGHUP) {
    if (!leaving_) ::kill(child_, SIGHUP);
    return;
  }
  const bool is_asked_already = leaving_ && !stopping_;
  if (!stopping_) parts_.notifier.stopping();
  stopping_ = true;
  if (!is_asked_already) ::kill(child_, SIGTERM);
}

void Guard::hear() {
  std::array<char, 4096> message{};
  for (;;) {
    const auto size = ::recv(socket_.number(), message.data(), message.size(), MSG_DONTWAIT);
    if (size <= 0) return;
    last_word_ = Clock::now();
    hear(std::string_view(message.data(), static_cast<std::size_t>(size)));
  }
}

/// Of what it says for the service manager, all but what concerns this process instead of it.
void Guard::hear(std::string_view message) {
  if (message == words::kHealthy) return commit();
  if (message == words::kWaiting) return heard_waiting(false);
  if (message == words::kWaitingForDatabase) return heard_waiting(true);
  if (message.starts_with(words::kFailing)) {
    return fail(std::string(message.substr(words::kFailing.size())));
  }
  constexpr std::string_view kStatus = "STATUS=";
  if (message.starts_with(kStatus)) {
    parts_.notifier.status(
        fmt::format("build {} on trial: {}", build_, message.substr(kStatus.size())));
  } else if (message.starts_with("READY=") || message.starts_with("RELOADING=")) {
    parts_.notifier.send(message);
  }
}

void Guard::heard_waiting(bool for_database) {
  const auto now = Clock::now();
  deadline_ = now + parts_.trial + parts_.grace;
  if (!for_database) {
    waiting_since_.reset();
    return;
  }
  if (!waiting_since_ || now - last_waiting_ > kBetweenComparisons) {
    waiting_since_ = now;
    reached_ = 0;
  }
  last_waiting_ = now;
  if (now - *waiting_since_ > parts_.trial) compare();
}

/// A server that is away is not the build's fault; that it does not reach one that is there, is.
void Guard::compare() {
  if (reached_ >= kReached) {
    return fail("it does not reach the database, which the build before does");
  }
  const auto now = Clock::now();
  if (comparing_ || now - compared_ < kBetweenComparisons) return;
  compared_ = now;
  comparing_ = true;
  comparison_ = std::jthread([this] {
    reached_ = parts_.reaches_database() ? reached_ + 1 : 0;
    comparing_ = false;
  });
}

void Guard::feed() {
  const auto interval = parts_.notifier.watchdog_interval();
  if (!interval || Clock::now() - told_alive_ < *interval) return;
  parts_.notifier.alive();
  told_alive_ = Clock::now();
}

void Guard::judge() {
  const auto now = Clock::now();
  if (now - last_word_ > parts_.grace) {
    const std::string silent =
        fmt::format("it gave no sign of life for {}", format_duration(parts_.grace));
    if (!leaving_ && !stopping_) return fail(silent);
    log(LogLevel::error, "a build on trial does not end, and is killed", {{"build", build_}});
    ::kill(-child_, SIGKILL);
    last_word_ = now;
  }
  if (!leaving_ && !stopping_ && now > deadline_) fail("its trial has no end");
}

/// A person may have gone back meanwhile.
void Guard::look_at_record() {
  const auto now = Clock::now();
  if (now - looked_ < kLook) return;
  looked_ = now;
  if (!watch_.has_changed() || leaving_ || stopping_ || failure_) return;
  if (parts_.record.open_for(build_)) return;
  log(LogLevel::notice, "the trial of a build was ended by somebody else", {{"build", build_}});
  leave();
}

/// What is left of its group must be killed while it still has its number.
bool Guard::has_ended() {
  siginfo_t info{};
  const int result = ::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT);
  if (result != 0 || info.si_pid != child_) return false;
  ::kill(-child_, SIGKILL);
  ::waitpid(child_, &wait_status_, 0);
  child_ = 0;
  return true;
}

void Guard::fail(std::string why) {
  if (leaving_ || failure_) return;
  failure_ = std::move(why);
  ::kill(-child_, SIGKILL);
}

/// Who cannot be committed now says again that it is healthy.
void Guard::commit() {
  if (leaving_ || failure_) return;
  try {
    parts_.record.commit(build_);
  } catch (const Error& error) {
    log(LogLevel::error, "a build that is healthy cannot be kept yet", {{"error", error.what()}});
    deadline_ = Clock::now() + parts_.trial + parts_.grace;
    return;
  }
  log(LogLevel::notice, "a build has proven itself, and stays", {{"build", build_}});
  leave();
}

void Guard::leave() {
  leaving_ = true;
  if (stopping_) return;
  parts_.notifier.reloading();
  ::kill(child_, SIGTERM);
}

void Guard::take_back(const std::string& why) {
  log(LogLevel::error, "a build failed its trial, and the one before is put back",
      {{"build", build_}, {"why", why}});
  parts_.notifier.status(fmt::format("build {} failed its trial: {}", build_, why));
  const auto until = Clock::now() + kPatience;
  for (;;) {
    try {
      return parts_.record.take_back(build_, why);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::transient || Clock::now() > until) throw;
      feed();
    }
  }
}

std::optional<int> Guard::outcome() {
  if (!leaving_ && !stopping_ && !failure_) failure_ = how_it_ended(wait_status_);
  if (failure_) {
    take_back(*failure_);
    return stopping_ ? std::optional(EXIT_SUCCESS) : std::nullopt;
  }
  if (!stopping_) return std::nullopt;
  const bool is_clean = WIFEXITED(wait_status_) && WEXITSTATUS(wait_status_) == 0;
  if (is_clean && !leaving_) {
    try {
      parts_.record.end_start(build_);
    } catch (const Error&) {
      // One start too many is counted.
    }
  }
  return WIFEXITED(wait_status_) ? WEXITSTATUS(wait_status_) : EXIT_FAILURE;
}

}  // namespace converge::daemon
