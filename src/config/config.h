#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace converge::config {

/// What was given on the command line.
struct Flags {
  std::string config;
  std::string database;
  std::string convergers;
  std::string journal;
};

/// Everything that can be set, validated.
struct Config {
  std::filesystem::path file;  ///< That was read; empty when there is none.
  std::string database_url;    ///< Empty: libpq's own environment and defaults.
  bool url_from_file = false;  ///< Then libpq's environment goes before it, option by option.
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds lock_timeout{2'000};
  std::filesystem::path convergers;
  std::filesystem::path journal;
  std::chrono::milliseconds journal_keep{0};  ///< Older entries are archived; 0: never.
  std::map<std::string, std::string> variables;
};

/// Flag before environment (CONVERGE_CONFIG, CONVERGE_DATABASE, CONVERGE_CONVERGERS,
/// CONVERGE_JOURNAL) before file before default. The file is /etc/converge/converge.toml for root,
/// otherwise $XDG_CONFIG_HOME/converge/converge.toml; it may be absent unless it was named.
///
/// Throws `Error{usage}` with file, line and column: for an unknown key, a value of the wrong type,
/// a file that others can write.
Config load(const Flags& flags);

}  // namespace converge::config
