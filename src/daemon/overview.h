#pragma once

#include "src/engine/owing.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace converge::daemon {

/// What the daemon knows of one converger at one moment. Times are microseconds since 1970 UTC.
struct ConvergerOverview {
  std::string name;
  std::string version;
  std::string description;
  std::string schedule;  ///< For people: `every 10s, listens on account_archived`.
  std::optional<std::chrono::milliseconds> every = {};
  /// ready, new, paused, held, failing, silent or broken; or undefined: it has no definition, and
  /// owes something.
  std::string state;
  std::string why;               ///< A sentence; empty while it is well.
  std::string resolve;           ///< The command that resolves it; empty: there is none.
  std::string file_error;        ///< Its file cannot be used: its last good version is in force.
  bool owned = true;             ///< By this host; otherwise another one runs it.
  bool running = false;          ///< Now, on this host.
  std::int64_t quarantined = 0;  ///< Subjects.
  engine::Owing owing = {};      ///< Steps outside the database.
  std::optional<std::int64_t> last_pass_us = {};
  std::string last_outcome;
  std::optional<std::int64_t> last_completed_us = {};  ///< The last pass that did not fail.
  std::optional<std::int64_t> last_correction_us = {};
  std::optional<std::int64_t> next_us = {};
  std::string hold_digest;  ///< Of the set that a limit stopped; empty: it is not held.
  std::int64_t hold_inconsistencies = 0;
  std::int64_t hold_allowed = 0;

  /// Whether it stays as it is until a person does something. A pause is a person's doing already.
  bool needs_person() const;
};

/// What the daemon knows of itself at one moment.
struct Overview {
  bool connected = false;
  std::string server;   ///< Where PostgreSQL is, without a password.
  std::string trouble;  ///< Why nothing converges now; empty: nothing is in the way.
  std::string trial;    ///< That this build is on trial, in words; empty: it is not.
  std::int64_t now_us = 0;
  std::int64_t since_us = 0;  ///< When the daemon started.
  int workers = 0;
  int busy = 0;
  int connections = 0;
  int connections_in_use = 0;
  std::string host;
  std::string actor;
  std::filesystem::path journal;
  std::int64_t journal_bytes = 0;
  std::int64_t journal_entries = 0;
  std::vector<ConvergerOverview> convergers;

  /// Why it is not ready to converge, a line each; nothing: it is ready. A converger that is
  /// overdue by three periods counts, as does a lost connection.
  std::vector<std::string> obstacles() const;
  bool ready() const { return obstacles().empty(); }
};

/// How it is, at a glance.
struct Headline {
  std::string level;  ///< `well`, `paused`, `attention` (somebody is needed) or `trouble`.
  std::string text;   ///< `All 12 convergers are well`
};
Headline headline_of(const Overview& overview);

/// As `GET /api/v1/status` answers it: one JSON object. What is not known is not a member.
std::string to_json(const Overview& overview);

}  // namespace converge::daemon
