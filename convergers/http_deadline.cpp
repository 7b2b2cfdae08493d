#include "convergers/http_deadline.h"

#include "src/base/text.h"

#include <algorithm>
#include <cerrno>
#include <poll.h>

namespace converge::convergers {
namespace {

/// How long it may take to notice that a call is abandoned.
constexpr std::chrono::milliseconds kSlice{50};

}  // namespace

HttpDeadline::HttpDeadline(Milliseconds total, Milliseconds idle, const std::atomic<bool>* abandon)
    : end_(Clock::now() + total), length_(total), idle_(idle), abandon_(abandon) {}

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

void HttpDeadline::throw_expired(bool idle) const {
  if (idle) throw HttpError(ErrorKind::transient, "stalled for " + format_duration(idle_), hint_);
  if (doing_.empty()) {
    throw HttpError(ErrorKind::transient, "no whole answer within " + format_duration(length_));
  }
  throw HttpError(ErrorKind::transient, doing_ + " took longer than " + format_duration(length_),
                  hint_);
}

void HttpDeadline::wait(int socket, short events) const {
  const auto idle_end = Clock::now() + idle_;
  const auto end = std::min(end_, idle_end);
  for (;;) {
    if (abandon_ != nullptr && *abandon_) {
      throw HttpAbandoned(ErrorKind::transient, "abandoned, because the pass ends");
    }
    const auto now = Clock::now();
    if (now >= end) throw_expired(idle_end < end_);
    const auto slice = std::min(std::chrono::ceil<Milliseconds>(end - now), kSlice);
    pollfd polled{.fd = socket, .events = events, .revents = 0};
    const int ready = poll(&polled, 1, static_cast<int>(slice.count()));
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) {
      throw HttpError(ErrorKind::transient, "poll: " + system_reason(errno));
    }
  }
}

}  // namespace converge::convergers
