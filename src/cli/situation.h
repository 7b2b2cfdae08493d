#pragma once

#include "convergers/registry.h"
#include "journal/reader.h"
#include "src/cli/daemon_client.h"
#include "src/cli/output.h"
#include "src/config/config.h"
#include "src/engine/condition.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::cli {

/// The daemon of a journal, as far as it can be asked.
struct Daemon {
  std::optional<journal::Service> service;  ///< That the journal names.
  bool alive = false;
  std::optional<LiveStatus> status;
  std::string silence;  ///< Why it did not answer.

  /// It ended without taking itself out of the journal: killed, or with its machine.
  bool is_dead() const { return service && !alive; }
  /// Something about itself that a person has to see to.
  bool needs_person() const;
};

/// How a file and what a daemon runs under its name differ.
enum class FileState {
  same,     ///< Or nobody knows: no daemon answers.
  broken,   ///< The last good version stays in force.
  changed,  ///< An older version runs.
  gone,     ///< The daemon still runs it.
  unread,   ///< The daemon does not know it yet.
};

/// A converger as the daemon sees it, which knows more than the journal, or else as that does.
struct Converger {
  std::string name;
  const engine::Profile* profile = nullptr;    ///< Of its file; null: there is no good one.
  const convergers::Broken* broken = nullptr;  ///< Its file, where that is broken.
  FileState file = FileState::same;
  std::string version = {};
  std::string schedule = {};  ///< For people.
  engine::Condition condition = {};
  std::int64_t last_pass_us = 0;
  std::string last_outcome = "-";
  std::int64_t last_correction_us = 0;
  std::int64_t next_us = 0;
  bool running = false;
  bool owned = true;

  bool needs_person() const { return file != FileState::same || condition.needs_person; }
};

/// One that nobody can run.
struct Unusable {
  std::string name;
  const convergers::Broken* broken = nullptr;  ///< Null: it has no definition, and owes something.
  engine::Owing owing = {};

  std::string_view state() const { return broken == nullptr ? "undefined" : "broken"; }
};

/// All that `status` and `list` tell: files, journal and daemon brought together.
struct Situation {
  convergers::Registry registry;
  journal::State state;
  Daemon daemon = {};
  std::vector<Converger> convergers = {};  ///< Whose file is good, or which run.
  std::vector<Unusable> unusable = {};     ///< The others.
};

/// Asks the daemon for two seconds at most. Throws `Error` when files or journal cannot be read.
Situation look_around(const config::Config& config);

/// What is to be said of a converger, a line each and without the line's end: how it fares, and how
/// its file differs from what runs. Empty for one that is well.
std::vector<std::string> notices_of(const Converger& converger);

/// It as an object.
JsonObject converger_json(const Converger& converger, const journal::State& state);
JsonObject unusable_json(const Unusable& one);

/// Throws `Error{usage}` unless there is a file of that name, or the journal or the daemon know it.
void require_known(const config::Config& config, const std::string& name);

}  // namespace converge::cli
