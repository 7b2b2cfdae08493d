#pragma once

#include "src/base/log.h"

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace converge::config {

/// What was given on the command line.
struct Flags {
  std::string config;
  std::string database;
  std::string convergers;
  std::string journal;
};

/// What `[daemon]` sets.
struct Daemon {
  int workers = 4;      ///< Passes at once.
  int connections = 4;  ///< That passes share; one more listens, and one holds the locks.
  std::string status = "127.0.0.1:7432";  ///< HOST:PORT or unix:PATH; empty: no status server.
  bool status_public = false;             ///< `status` may be an address that other hosts reach.
  LogFormat log = LogFormat::logfmt;
  LogLevel log_level = LogLevel::info;
  /// How long after its `pass_timeout` a pass may stay away before the process ends.
  std::chrono::milliseconds grace{30'000};

  friend bool operator==(const Daemon&, const Daemon&) = default;
};

/// A text of the configuration file, and where it stands: `PATH:LINE:COLUMN`.
struct Placed {
  std::string text;
  std::string place;

  friend bool operator==(const Placed&, const Placed&) = default;
};

/// One key of `[convergers.NAME]`, as written: whoever has the converger knows what it may be.
struct ConvergerKey {
  Placed name;
  std::vector<Placed> values;  ///< One, or those of an array.
  bool is_array = false;

  friend bool operator==(const ConvergerKey&, const ConvergerKey&) = default;
};

/// `[convergers.NAME]`.
struct ConvergerTable {
  Placed name;
  std::vector<ConvergerKey> keys;

  friend bool operator==(const ConvergerTable&, const ConvergerTable&) = default;
};

/// What `[http]` sets, for steps outside the database.
struct Http {
  std::filesystem::path ca_file;     ///< PEM; empty: the authorities of the system.
  std::string ca_file_place;         ///< `PATH:LINE:COLUMN` of its value, when it is set.
  std::optional<std::string> proxy;  ///< Empty: none; not given: as the environment says.
  std::string proxy_place;
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{30'000};

  friend bool operator==(const Http&, const Http&) = default;
};

/// What `[update]` sets. Requests also follow `Http`.
struct Update {
  std::string url;           ///< The base URL of releases; empty: there are none.
  std::vector<Placed> keys;  ///< Public keys of minisign(1), by which releases are trusted.
  std::string channel = "stable";
  bool automatic = false;  ///< `auto`: the daemon installs what is for this host.
  /// At most one check within that time by the daemon, and by `run`.
  std::chrono::milliseconds every{3'600'000};
  /// How long a new build may take to prove itself before the one before is put back.
  std::chrono::milliseconds trial{60'000};
  /// How long a new build may take for its try before it is put in.
  std::chrono::milliseconds preflight{60'000};

  friend bool operator==(const Update&, const Update&) = default;
};

/// Everything that can be set, validated.
struct Config {
  std::filesystem::path file;  ///< That was read; empty when there is none.
  std::string database_url;    ///< Empty: libpq's own environment and defaults.
  bool url_from_file = false;  ///< Then libpq's environment goes before it, option by option.
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds lock_timeout{2'000};
  std::filesystem::path convergers;
  std::vector<Placed> builtin;                   ///< Those of the binary's own that are to run.
  std::vector<ConvergerTable> converger_tables;  ///< Of which some may be about others.
  std::filesystem::path journal;
  std::chrono::milliseconds journal_keep{0};  ///< Older entries are archived; 0: never.
  std::map<std::string, std::string> variables;
  Daemon daemon;
  Http http;
  Update update;

  friend bool operator==(const Config&, const Config&) = default;
};

/// Where the configuration is by default: /etc/converge for root, otherwise
/// $XDG_CONFIG_HOME/converge.
std::filesystem::path configuration_directory();

/// Flag before environment (CONVERGE_CONFIG, CONVERGE_DATABASE, CONVERGE_CONVERGERS,
/// CONVERGE_JOURNAL) before file before default. The file is /etc/converge/converge.toml for root,
/// otherwise $XDG_CONFIG_HOME/converge/converge.toml; it may be absent unless it was named.
///
/// Throws `Error{usage}` with file, line and column: for an unknown key, a value of the wrong type,
/// a file that others can write.
Config load(const Flags& flags);

}  // namespace converge::config
