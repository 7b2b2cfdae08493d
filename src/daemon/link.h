#pragma once

#include "src/base/error.h"
#include "src/daemon/schedule.h"
#include "src/postgres/advisory_lock.h"
#include "src/postgres/session.h"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace converge::daemon {

/// The connection that holds the locks of a daemon. Passes share it; its loss ends them.
struct LockConnection {
  explicit LockConnection(const postgres::ConnectOptions& options)
      : session(options), locks(session) {}

  postgres::Session session;
  postgres::AdvisoryLocks locks;
};

/// What the link tells, from its own thread.
struct LinkEvents {
  /// The lock connection stands and nothing runs yet: the time for recovery. May throw.
  std::function<void(LockConnection&)> recover = [](auto&) {};
  /// Wake-ups may have been lost.
  std::function<void()> connected = [] {};
  std::function<void(const Error&)> lost = [](const auto&) {};
  std::function<void(const std::string& channel, const std::string& payload)> notified =
      [](const auto&, const auto&) {};
  std::function<void(const Unit& unit, bool owned)> owns = [](const auto&, bool) {};
};

/// The daemon's own two connections, one that listens and one that holds the locks, kept up by a
/// thread of its own: what is lost is made anew, with backoff and jitter, twice a second at most.
///
/// Of the units each host that runs a daemon *owns* some: one session-level advisory lock each,
/// apart from the lock of a pass, so that a person or cron can run a pass meanwhile. A dead
/// owner's locks go with its connection, and another host takes them within two seconds. The
/// shards of one converger are shared out: no host keeps more than its part, by the number of
/// daemons that know the converger; nothing but PostgreSQL knows that number.
class Link {
 public:
  Link(postgres::ConnectOptions options, LinkEvents events);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// What to own and to listen to; may be called again at any time.
  void set(std::vector<Unit> units, std::set<std::string> channels);
  /// Gives everything back and takes nothing, until it is called with true: this host cannot work.
  void be_able(bool able);
  /// Keeps other hosts from running passes of these, and of no others once it returns: the lock of
  /// their passes is taken as soon as it is free, and kept while there is a connection, whoever
  /// owns them and whether or not this host can work.
  void hold_back(std::set<std::string> convergers);
  void start();
  /// After it, nothing is told any more.
  void stop();

  /// Null while there is no connection.
  std::shared_ptr<LockConnection> locks() const;
  /// Something was lost: look at once.
  void suspect();

  /// When the thread last came by: one that does not come back is stuck in a call. After its end,
  /// never too long ago.
  Clock::time_point last_seen() const { return last_seen_; }

 private:
  void run(const std::stop_token& stop);
  void keep_up();
  void connect_locks();
  void connect_listener();
  void serve(const std::stop_token& stop);
  std::vector<std::string> listen();
  void share_out();
  void share_out(const std::string& converger, const std::vector<Unit>& units,
                 std::vector<Unit>& wanted);
  std::vector<std::string> absent(
      const std::map<std::string, std::vector<Unit>>& by_converger) const;
  void drop(const Error& why);
  bool has_locks() const;
  void drop_locks();
  void take_back();
  void take(const std::vector<Unit>& units);
  void give(const std::vector<Unit>& units);
  bool wait(int descriptor, std::chrono::milliseconds at_most);

  postgres::ConnectOptions options_;
  LinkEvents events_;
  std::unique_ptr<postgres::Session> listener_;
  std::set<std::string> listening_;
  std::set<Unit> owned_;
  std::set<std::string> present_;  ///< Convergers with shards that this daemon is known to have.
  int attempts_ = 0;
  std::minstd_rand random_{std::random_device{}()};

  mutable std::mutex mutex_;  ///< Of what follows.
  std::shared_ptr<LockConnection> locks_;
  std::vector<Unit> units_;
  std::set<std::string> channels_;
  bool able_ = true;

  std::mutex back_mutex_;  ///< Of what follows, also while the server is asked.
  std::set<std::string> to_hold_back_;
  std::set<std::string> held_back_;

  std::atomic<Clock::time_point> last_seen_{Clock::now()};
  int wake_ = -1;  ///< An eventfd(2).
  std::jthread thread_;
};

}  // namespace converge::daemon
