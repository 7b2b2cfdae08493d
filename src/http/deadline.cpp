#include "src/http/deadline.h"

#include "src/base/text.h"

#include <algorithm>
#include <cerrno>
#include <poll.h>

namespace converge::http {
namespace {

constexpr std::chrono::hours kLongest{1};  // What poll(2) can be asked for, and more than idle.

}  // namespace

HttpDeadline::HttpDeadline(Milliseconds total, Milliseconds idle)
    : end_(Clock::now() + total), length_(total), idle_(idle) {}

HttpDeadline HttpDeadline::within(Milliseconds limit, std::string doing) const {
  HttpDeadline phase = *this;
  const auto end = Clock::now() + limit;
  if (end < end_) {
    phase.end_ = end;
    phase.length_ = limit;
    phase.doing_ = std::move(doing);
  }
  return phase;
}

HttpDeadline HttpDeadline::called(std::string doing, std::string hint) const {
  HttpDeadline phase = *this;
  phase.doing_ = std::move(doing);
  phase.hint_ = std::move(hint);
  return phase;
}

HttpDeadline::Milliseconds HttpDeadline::left() const {
  return std::max(Milliseconds{0}, std::chrono::ceil<Milliseconds>(end_ - Clock::now()));
}

/// What was left of some seconds is told as if it had been begun at once.
std::string HttpDeadline::length_text() const {
  constexpr Milliseconds kRounded{100};
  const bool is_long = length_ >= std::chrono::seconds(1);
  return format_duration(is_long ? (length_ + kRounded / 2) / kRounded * kRounded : length_);
}

void HttpDeadline::throw_expired(bool idle) const {
  if (idle) throw HttpError(ErrorKind::transient, "stalled for " + format_duration(idle_), hint_);
  if (doing_.empty()) {
    throw HttpError(ErrorKind::transient, "no whole answer within " + length_text());
  }
  throw HttpError(ErrorKind::transient, doing_ + " took longer than " + length_text(), hint_);
}

void HttpDeadline::wait(int socket, short events) const {
  const auto idle_end = Clock::now() + idle_;
  const auto end = std::min(end_, idle_end);
  for (;;) {
    const auto now = Clock::now();
    if (now >= end) throw_expired(idle_end < end_);
    const auto wait = std::min<Milliseconds>(std::chrono::ceil<Milliseconds>(end - now), kLongest);
    pollfd polled{.fd = socket, .events = events, .revents = 0};
    const int ready = poll(&polled, 1, static_cast<int>(wait.count()));
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) {
      throw HttpError(ErrorKind::transient, "poll: " + system_reason(errno));
    }
  }
}

}  // namespace converge::http
