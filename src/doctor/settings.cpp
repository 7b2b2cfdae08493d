#include "src/doctor/settings.h"

#include "src/base/error.h"
#include "src/base/shell.h"
#include "src/base/text.h"
#include "src/config/without_file.h"
#include "src/postgres/connection_string.h"

#include <fmt/core.h>

#include <string>
#include <sys/stat.h>

namespace converge::doctor {

namespace {

constexpr const char* kConfiguration = "configuration";
constexpr const char* kDefinitions = "definitions";

std::string first_line(const std::string& text) {
  return printable(text.substr(0, text.find('\n')));
}

bool is_readable_by_all(const std::filesystem::path& file) {
  struct stat status {};
  return stat(file.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0;
}

/// What in the file is nobody else's business.
std::string secrets_in(const config::Config& config) {
  if (config.url_from_file && postgres::has_password(config.database_url)) {
    return "a password in [database] url";
  }
  return config.variables.empty() ? "" : "[variables], which may be secrets";
}

Findings look_at_file(const config::Config& config) {
  if (config.file.empty()) {
    return {{.check = kConfiguration, .message = "no file; flags, environment and defaults"}};
  }
  const std::string file = config.file.native();
  const std::string secrets = secrets_in(config);
  if (!secrets.empty() && is_readable_by_all(config.file)) {
    return {{.check = kConfiguration,
             .verdict = Verdict::warning,
             .message = fmt::format("{} has {}, and every user can read it", file, secrets),
             .remedy = fmt::format("Run: chmod o-r {}", shell_word(file))}};
  }
  return {{.check = kConfiguration, .message = file}};
}

}  // namespace

Findings check_configuration(const config::Flags& flags, config::Config& config, bool& readable) {
  try {
    config = config::load(flags);
    postgres::require_readable_url(config.database_url);
    readable = true;
    return look_at_file(config);
  } catch (const Error& error) {
    config = config::load_without_file(flags);
    readable = false;
    return {{.check = kConfiguration,
             .verdict = Verdict::bad,
             .message = first_line(error.what()),
             .remedy = error.hint()}};
  }
}

Findings check_definitions(const config::Config& config,
                           std::shared_ptr<convergers::Registry>& registry) {
  registry = std::make_shared<convergers::Registry>(convergers::load_registry(config));
  Findings findings;
  for (const convergers::Broken& broken : registry->broken) {
    findings.push_back({.check = kDefinitions,
                        .verdict = Verdict::bad,
                        .message = first_line(broken.error.what()),
                        .remedy = broken.error.hint(),
                        .converger = broken.name});
  }
  if (!findings.empty()) return findings;
  const auto directory = config.convergers.native();
  if (registry->convergers.empty()) {
    return {{.check = kDefinitions,
             .verdict = Verdict::warning,
             .message = fmt::format("there is no definition in {}", directory),
             .remedy = "Draft the first with `converge new NAME --flag TABLE.COLUMN`."}};
  }
  const auto count = static_cast<std::int64_t>(registry->convergers.size());
  return {{.check = kDefinitions,
           .message = fmt::format("{} in {}", counted(count, "converger"), directory)}};
}

}  // namespace converge::doctor
