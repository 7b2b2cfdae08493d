#pragma once

#include "src/base/clock.h"
#include "src/http/client.h"

#include <chrono>
#include <string>

namespace converge::http {

/// How long one HTTP call may wait.
class HttpDeadline {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// From now on: at most `total`, and never `idle` without progress.
  HttpDeadline(Milliseconds total, Milliseconds idle);

  /// The same for a phase that may take no more than `limit` and is called `doing` in errors.
  HttpDeadline within(Milliseconds limit, std::string doing) const;

  /// The same for the rest of a phase, which is called `doing` in errors, with that hint.
  HttpDeadline called(std::string doing, std::string hint) const;

  /// Throws as `wait` does when time is over.
  [[noreturn]] void expire() const { throw_expired(false); }

  /// What is left.
  Milliseconds left() const;

  /// Waits until a socket is ready for one of `events` (poll(2)). Throws `HttpError` when time is
  /// over. Each call counts as progress since the one before.
  void wait(int socket, short events) const;

 private:
  [[noreturn]] void throw_expired(bool idle) const;

  Clock::time_point end_;
  std::string length_text() const;

  Milliseconds length_;
  Milliseconds idle_;
  std::string doing_;
  std::string hint_;
};

}  // namespace converge::http
