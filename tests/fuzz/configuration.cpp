// A configuration is refused with a place and a hint, or all that it sets keeps to its bounds.

#include "src/config/config.h"
#include "src/config/settings_file.h"
#include "tests/fuzz/target.h"
#include "tests/support/temp_dir.h"

#include <chrono>

namespace converge::fuzz {
namespace {

bool is_set(std::chrono::milliseconds duration) { return duration.count() > 0; }

void claim_bounds(const config::Config& config) {
  claim(config.daemon.workers >= 1 && config.daemon.workers <= 64, "workers");
  claim(config.daemon.connections >= 1 && config.daemon.connections <= 64, "connections");
  claim(is_set(config.daemon.grace) && is_set(config.connect_timeout) &&
            is_set(config.lock_timeout) && is_set(config.http.connect_timeout) &&
            is_set(config.http.idle_timeout) && is_set(config.update.every) &&
            is_set(config.update.trial) && is_set(config.update.preflight),
        "a duration of nothing");
  claim(config.journal_keep.count() >= 0, "keep");
  for (const auto& path : {config.convergers, config.journal, config.http.ca_file}) {
    claim(path.empty() || path.is_absolute(), "a path that is not absolute", path.native());
  }
  const std::string_view url = config.update.url;
  claim(url.empty() || url.starts_with("http://") || url.starts_with("https://"), "url", url);
  for (const auto& key : config.update.keys) claim(key.text.size() == 56, "key", key.text);
  for (const auto& table : config.converger_tables) {
    for (const auto& key : table.keys) {
      claim(key.is_array || key.values.size() == 1, "a value that is none", key.name.text);
    }
  }
}

}  // namespace

void configuration(std::string_view input) {
  static const tests::TempDir directory;
  const auto file = directory / "converge.toml";
  tests::write_text(file, input);
  config::Config config;
  if (const auto error = error_of([&] { config::read_settings(file, config); })) {
    claim_placed(*error, file.native(), input);
    return;
  }
  claim_bounds(config);
}

}  // namespace converge::fuzz
