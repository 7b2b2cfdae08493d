#include "src/config/config.h"

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"

#include <fmt/core.h>
#include <toml++/toml.h>

#include <cstdlib>
#include <functional>
#include <system_error>
#include <unistd.h>
#include <vector>

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

std::filesystem::path configuration_directory() {
  return geteuid() == 0 ? "/etc/converge" : user_directory("XDG_CONFIG_HOME", ".config");
}

std::filesystem::path state_directory() {
  return geteuid() == 0 ? "/var/lib/converge" : user_directory("XDG_STATE_HOME", ".local/state");
}

/// Walks a configuration file and refuses what nobody asked for.
class FileReader {
 public:
  FileReader(const std::filesystem::path& path, Config& config) : path_(path), config_(config) {}

  void read() {
    toml::table root;
    try {
      root = toml::parse(read_file(path_), path_.string());
    } catch (const toml::parse_error& error) {
      fail(error.source(), std::string(error.description()), "The file is TOML 1.0.");
    }
    for (const auto& [key, node] : root) section(key, node);
  }

 private:
  using Setter = std::function<void(const toml::node&)>;

  [[noreturn]] void fail(const toml::source_region& where, const std::string& what,
                         const std::string& hint) const {
    throw Error(
        ErrorKind::usage,
        fmt::format("{}:{}:{}: {}", path_.string(), where.begin.line, where.begin.column, what),
        hint);
  }

  [[noreturn]] void unknown(const toml::key& key, const std::string& name,
                            const std::vector<std::string>& known) const {
    const auto near = nearest(std::string(key.str()), known);
    std::string all;
    for (const std::string& one : known) all += (all.empty() ? "" : ", ") + one;
    fail(key.source(), fmt::format("unknown key {}", name),
         near ? fmt::format("Did you mean {}?", *near) : fmt::format("Known are: {}.", all));
  }

  void section(const toml::key& key, const toml::node& node) {
    const std::map<std::string, std::map<std::string, Setter>> sections = {
        {"database",
         {{"url", text(config_.database_url)},
          {"connect_timeout", duration(config_.connect_timeout)},
          {"lock_timeout", duration(config_.lock_timeout)}}},
        {"convergers", {{"directory", path(config_.convergers)}}},
        {"journal", {{"file", path(config_.journal)}, {"keep", duration(config_.journal_keep)}}},
        {"variables", {}},
    };
    const auto found = sections.find(std::string(key.str()));
    if (found == sections.end()) unknown(key, std::string(key.str()), names(sections));
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      fail(node.source(), fmt::format("{} must be a table", key.str()),
           fmt::format("Write [{}] on a line of its own.", key.str()));
    }
    for (const auto& [name, value] : *table) {
      if (key.str() == "variables") {
        text(config_.variables[std::string(name.str())])(value);
        continue;
      }
      const auto setter = found->second.find(std::string(name.str()));
      if (setter == found->second.end()) {
        unknown(name, fmt::format("{}.{}", key.str(), name.str()), names(found->second));
      }
      setter->second(value);
    }
  }

  template <typename Map>
  static std::vector<std::string> names(const Map& map) {
    std::vector<std::string> names;
    for (const auto& [name, ignored] : map) names.push_back(name);
    return names;
  }

  std::string text_of(const toml::node& node) const {
    const auto value = node.value_exact<std::string>();
    if (!value) fail(node.source(), "the value must be a string", "Put it in double quotes.");
    return *value;
  }
  Setter text(std::string& target) const {
    return [this, &target](const toml::node& node) { target = text_of(node); };
  }
  Setter path(std::filesystem::path& target) const {
    return [this, &target](const toml::node& node) {
      target = text_of(node);
      if (!target.is_absolute()) {
        fail(node.source(), "the path must be absolute", "Begin it with a slash.");
      }
    };
  }
  Setter duration(std::chrono::milliseconds& target) const {
    return [this, &target](const toml::node& node) {
      const auto value = parse_duration(text_of(node));
      if (!value || value->count() == 0) {
        fail(node.source(), "not a duration", R"(Write it as "500ms", "10s" or "1m30s".)");
      }
      target = *value;
    };
  }

  const std::filesystem::path& path_;
  Config& config_;
};

}  // namespace

Config load(const Flags& flags) {
  Config config;
  config.convergers = configuration_directory() / "convergers";
  config.journal = state_directory() / "journal.db";

  const std::string named = first_of(flags.config, "CONVERGE_CONFIG");
  config.file =
      named.empty() ? configuration_directory() / "converge.toml" : std::filesystem::path(named);
  std::error_code error;
  if (!named.empty() || std::filesystem::exists(config.file, error)) {
    require_trusted(config.file);
    FileReader(config.file, config).read();
  } else {
    config.file.clear();
  }

  const auto override_with = [](auto& target, const std::string& value) {
    if (!value.empty()) target = value;
  };
  const std::string url = first_of(flags.database, "CONVERGE_DATABASE");
  config.url_from_file = url.empty() && !config.database_url.empty();
  override_with(config.database_url, url);
  override_with(config.convergers, first_of(flags.convergers, "CONVERGE_CONVERGERS"));
  override_with(config.journal, first_of(flags.journal, "CONVERGE_JOURNAL"));
  // One name for one file, or its WAL and its lock would be looked for beside a symbolic link.
  std::error_code unknown;
  const auto canonical = std::filesystem::weakly_canonical(config.journal, unknown);
  if (!unknown) config.journal = canonical;
  return config;
}

}  // namespace converge::config
