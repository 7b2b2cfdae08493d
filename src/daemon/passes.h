#pragma once

#include "journal/journal.h"
#include "src/daemon/definitions.h"
#include "src/daemon/link.h"
#include "src/daemon/metrics.h"
#include "src/daemon/schedule.h"
#include "src/engine/pass.h"
#include "src/postgres/pool.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace converge::daemon {

/// A pass that runs.
struct Running {
  Clock::time_point since;
  Clock::time_point deadline;  ///< Of the pass, by its definition.
};

/// What is known of a unit besides its definition.
struct UnitState {
  std::optional<Clock::time_point> owned_since;  ///< Nullopt: this host does not own it.
  bool running = false;
  std::optional<Clock::time_point> due;
};

/// The worker threads: each takes what the schedule says is next and runs it. Thread-safe.
class Passes {
 public:
  /// What they work with; outlives them. `failed` is called after a pass that failed as a whole,
  /// `ended` after each, both by the thread that ran it.
  struct Parts {
    postgres::Pool& pool;
    journal::Journal& journal;
    Link& link;
    Metrics& metrics;
    std::function<void(const Error&)> failed;
    std::function<void(const engine::PassResult&)> ended = [](const auto&) {};
  };

  Passes(Parts parts, int workers);
  ~Passes();

  /// Reads the definitions (again); as `Definitions::load`.
  Changes load(const config::Config& config);

  /// Passes are begun only while it is open.
  void open(bool is_open);
  /// No more passes; chunks in flight end.
  void drain();
  bool is_idle() const;

  void notified(const std::string& channel, const std::string& payload);
  /// A person let it go on.
  void wake(const std::string& converger);
  /// These, and no others, owe steps outside the database, as somebody sees who looks now and then.
  void owe(const std::set<std::string>& convergers);
  void wake_all();
  void own(const Unit& unit, bool owned);

  std::map<Unit, UnitState> units() const;
  std::set<std::string> names() const;  ///< Of the convergers.
  std::map<std::string, engine::Profile> profiles() const;
  std::vector<convergers::Broken> broken() const;
  std::map<Unit, Running> running() const;
  /// Puts in the last passes that the journal will only be told of.
  void add_last(std::map<std::string, journal::LastPass>& passes) const;

 private:
  /// A job, and the version of its converger that was in force when it began.
  struct Task {
    Job job;
    std::shared_ptr<engine::Converger> converger;
  };

  void work(const std::stop_token& stop);
  std::optional<Task> next(const std::stop_token& stop);
  std::optional<Task> take();
  engine::PassResult run(const Task& task);
  void define();
  void tell_one();
  void tell_all();

  Parts parts_;
  std::atomic<bool> draining_{false};

  mutable std::mutex mutex_;  ///< Of what follows.
  std::condition_variable_any told_;
  std::uint64_t changes_ = 0;  ///< Counts what the workers were told of.
  Definitions definitions_;
  Schedule schedule_;
  std::map<Unit, Running> running_;
  std::map<std::string, journal::LastPass> last_;
  bool open_ = false;

  std::vector<std::jthread> workers_;
};

/// What the schedule does after a pass.
Finish finish_of(const Job& job, const engine::PassResult& result);

}  // namespace converge::daemon
