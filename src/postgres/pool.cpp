#include "src/postgres/pool.h"

#include <fmt/core.h>

#include <utility>

namespace converge::postgres {

std::unique_ptr<Session> Pool::connect() {
  auto session = std::make_unique<Session>(options_);
  const std::lock_guard lock(mutex_);
  if (system_identifier_.empty()) system_identifier_ = session->server().system_identifier;
  if (system_identifier_ != session->server().system_identifier) {
    throw Error(ErrorKind::failure,
                session->server().place + " is now another server than a moment ago",
                "Name one server, not several, in the database URL.");
  }
  return session;
}

/// Null when there is none that lives.
std::unique_ptr<Session> Pool::idle_session() {
  while (true) {
    std::unique_ptr<Session> session;
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty()) return nullptr;
      session = std::move(idle_.back());
      idle_.pop_back();
    }
    try {
      session->check_alive();
      return session;
    } catch (const Error&) {
      // The server closed it while it was idle.
    }
  }
}

Pool::Lease Pool::open(bool has_place) {
  try {
    auto session = idle_session();
    if (!session) session = connect();
    return {session.release(), [this, has_place](Session* used) {
              give_back(std::unique_ptr<Session>(used), has_place);
            }};
  } catch (...) {
    if (has_place) give_place_back();
    throw;
  }
}

void Pool::give_place_back() {
  {
    const std::lock_guard lock(mutex_);
    --in_use_;
  }
  given_back_.notify_one();
}

void Pool::give_back(std::unique_ptr<Session> session, bool has_place) {
  // Closed before its place is free, so that the server never has more than the capacity.
  if (!session->is_open() || session->is_stale()) session.reset();
  {
    const std::lock_guard lock(mutex_);
    const auto kept = static_cast<int>(idle_.size()) + in_use_ - (has_place ? 1 : 0);
    if (session && kept < capacity_) idle_.push_back(std::move(session));
  }
  session.reset();
  if (has_place) give_place_back();
}

Pool::Lease Pool::lease() {
  {
    std::unique_lock lock(mutex_);
    given_back_.wait(lock, [this] { return in_use_ < capacity_; });
    ++in_use_;
  }
  return open(true);
}

Pool::Lease Pool::lease(Clock::time_point deadline) {
  const auto began = Clock::now();
  {
    std::unique_lock lock(mutex_);
    if (!given_back_.wait_until(lock, deadline, [this] { return in_use_ < capacity_; })) {
      throw Error(ErrorKind::transient,
                  fmt::format("no connection was free within {}",
                              format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(
                                  std::max(deadline, began) - began))),
                  "Raise `connections`, or see which convergers take so long.");
    }
    ++in_use_;
  }
  return open(true);
}

std::optional<Pool::Lease> Pool::try_lease() {
  {
    const std::lock_guard lock(mutex_);
    if (in_use_ >= capacity_) return std::nullopt;
    ++in_use_;
  }
  return open(true);
}

Pool::Lease Pool::lease_beyond() { return open(false); }

void Pool::clear() {
  std::vector<std::unique_ptr<Session>> idle;  // Closed when the lock is free again.
  const std::lock_guard lock(mutex_);
  idle = std::exchange(idle_, {});
}

int Pool::in_use() const {
  const std::lock_guard lock(mutex_);
  return in_use_;
}

}  // namespace converge::postgres
