#include "src/postgres/pool.h"

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

Pool::Lease Pool::lease() {
  std::unique_ptr<Session> session;
  while (!session) {
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty()) break;
      session = std::move(idle_.back());
      idle_.pop_back();
    }
    try {
      session->check_alive();
    } catch (const Error&) {
      session.reset();  // The server closed it while it was idle.
    }
  }
  if (!session) session = connect();
  return {session.release(), [this](Session* used) {
            std::unique_ptr<Session> owned(used);
            if (!owned->is_open()) return;
            const std::lock_guard lock(mutex_);
            idle_.push_back(std::move(owned));
          }};
}

}  // namespace converge::postgres
