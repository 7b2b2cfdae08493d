#pragma once

#include "journal/reader.h"
#include "src/engine/owing.h"
#include "src/engine/settings.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace converge::engine {

/// How a converger fares, as far as the journal knows, and what a person does about it.
struct Condition {
  /// What matters most: `paused`, `held`, `failing` (its last pass did), `silent` (it should have
  /// run long ago), `new` (it never ran) or `ready`.
  std::string state;
  std::int64_t quarantined = 0;  ///< Subjects, whatever the state.
  std::int64_t since_us = 0;     ///< Since when it is so; 0 where nobody knows.
  std::string why;               ///< For people, without a full stop; empty when all is well.
  std::string resolve;           ///< The command that resolves it, fit for a shell; or empty.
  Owing owing = {};              ///< Steps outside the database, whatever the state.
  bool needs_person = false;     ///< Something waits for a person who does not know of it yet.
};

/// What a daemon knows of a converger beyond the journal.
struct Watch {
  std::int64_t since_us = 0;  ///< Since when its passes are this host's to run; 0: nobody knows.
  bool running = false;       ///< A pass of it runs on this host.
  bool elsewhere = false;     ///< Another host runs it.
};

/// Of the converger `name` at the time `now_us`. It is silent when its last pass, and the time
/// since when this host runs it, are older than three periods, and than some seconds that a daemon
/// may take to tell the journal. A pause comes before everything else: a person has it in hand.
/// What another host runs is neither failing nor silent here: this host's last pass says nothing of
/// it.
Condition condition_of(const Settings& settings, const std::string& name,
                       const journal::State& state, std::int64_t now_us, const Watch& watch = {});

/// Whether a state, with so many subjects in quarantine, waits for a person who may not know of it.
bool needs_person(std::string_view state, std::int64_t quarantined);

/// `alice paused it at TIME, until TIME: REASON`, and the command that ends it.
std::string pause_text(const journal::Pause& pause);
std::string resume_command(const journal::Pause& pause);

}  // namespace converge::engine
