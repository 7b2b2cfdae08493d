#pragma once

#include "journal/reader.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace converge::daemon {

/// The convergers that a person let go on between two states of the journal: a pause lifted or
/// over, a hold released, a subject to be retried.
std::set<std::string> let_go(const journal::State& before, std::int64_t before_us,
                             const journal::State& now, std::int64_t now_us,
                             const std::set<std::string>& all);

/// What operators do, as it is told from a thread of its own, within a second of the command.
struct OperatorEvents {
  std::function<std::set<std::string>()> names;  ///< Asks for all convergers.
  /// Those that are paused now; told at every look, before what is let go.
  std::function<void(std::set<std::string> convergers)> paused;
  std::function<void(const std::string& converger)> let_go;
  /// All that owe steps outside the database, by transactions known to be committed; told at every
  /// look.
  std::function<void(const std::set<std::string>& convergers)> owing;
};

/// Watches the journal for what operators do with other commands. Thread-safe.
class Operators {
 public:
  Operators(std::filesystem::path journal, OperatorEvents events);

  /// As it was last read.
  journal::State state() const;
  std::int64_t head_seq() const;

 private:
  void run(const std::stop_token& stop);
  void look_on(const std::stop_token& stop);
  void look(journal::Reader& reader);
  void pause(const std::stop_token& stop, std::chrono::milliseconds duration);

  std::filesystem::path journal_;
  OperatorEvents events_;
  mutable std::mutex mutex_;
  std::condition_variable_any never_;  ///< To sleep on.
  journal::State state_;
  std::int64_t head_seq_ = 0;
  std::int64_t read_us_ = 0;
  std::jthread thread_;
};

}  // namespace converge::daemon
