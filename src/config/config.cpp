#include "src/config/config.h"

#include "src/base/file.h"
#include "src/config/settings_file.h"
#include "src/config/without_file.h"

#include <cstdlib>
#include <system_error>
#include <unistd.h>

namespace converge::config {

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string first_of(const std::string& flag, const char* variable) {
  return flag.empty() ? environment(variable) : flag;
}

/// The directory that XDG's base directory specification gives to a user.
std::filesystem::path user_directory(const char* variable, const char* below_home) {
  const std::string directory = environment(variable);
  if (!directory.empty()) return std::filesystem::path(directory) / "converge";
  return std::filesystem::path(environment("HOME")) / below_home / "converge";
}

std::filesystem::path state_directory() {
  return geteuid() == 0 ? "/var/lib/converge" : user_directory("XDG_STATE_HOME", ".local/state");
}

Config defaults() {
  Config config;
  config.convergers = configuration_directory() / "convergers";
  config.journal = state_directory() / "journal.db";
  return config;
}

/// What flags and environment say goes before what `config` has by now.
void override_with(const Flags& flags, Config& config) {
  const auto replace = [](auto& target, const std::string& value) {
    if (!value.empty()) target = value;
  };
  const std::string url = first_of(flags.database, "CONVERGE_DATABASE");
  config.url_from_file = url.empty() && !config.database_url.empty();
  replace(config.database_url, url);
  replace(config.convergers, first_of(flags.convergers, "CONVERGE_CONVERGERS"));
  replace(config.journal, first_of(flags.journal, "CONVERGE_JOURNAL"));
  // One name for one file, or its WAL and its lock would be looked for beside a symbolic link.
  std::error_code unknown;
  const auto canonical = std::filesystem::weakly_canonical(config.journal, unknown);
  if (!unknown) config.journal = canonical;
}

}  // namespace

std::filesystem::path configuration_directory() {
  return geteuid() == 0 ? "/etc/converge" : user_directory("XDG_CONFIG_HOME", ".config");
}

Config load(const Flags& flags) {
  Config config = defaults();
  const std::string named = first_of(flags.config, "CONVERGE_CONFIG");
  config.file =
      named.empty() ? configuration_directory() / "converge.toml" : std::filesystem::path(named);
  std::error_code error;
  if (!named.empty() || std::filesystem::exists(config.file, error)) {
    require_trusted(config.file);
    read_settings(config.file, config);
  } else {
    config.file.clear();
  }
  override_with(flags, config);
  return config;
}

Config load_without_file(const Flags& flags) {
  Config config = defaults();
  override_with(flags, config);
  return config;
}

}  // namespace converge::config
